import { type CfnParameter, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { type CfnKey, Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption, type CfnBucket, ObjectLockRetention, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';

export interface AuditVaultProps {
  /** GOVERNANCE or COMPLIANCE; COMPLIANCE cannot be undone by anybody. */
  lockMode: CfnParameter;
  /** The only role that may write and sign. */
  sealer: IRole;
}

/** The audit log's bucket and its signing key. Nobody deletes; every object is written once; the retention comes from the bucket. */
export class AuditVault extends Construct {
  readonly bucket: Bucket;
  readonly signingKey: Key;

  constructor(scope: Construct, id: string, props: AuditVaultProps) {
    super(scope, id);
    this.bucket = new Bucket(this, 'Log', {
      versioned: true,
      objectLockEnabled: true,
      // Two calendar years, never less: 2 x 366 - 1.
      objectLockDefaultRetention: ObjectLockRetention.governance(Duration.days(731)),
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    const bucket = this.bucket.node.defaultChild as CfnBucket;
    bucket.addPropertyOverride('ObjectLockConfiguration.Rule.DefaultRetention.Mode', props.lockMode.valueAsString);
    this.denyEdits();

    this.signingKey = new Key(this, 'SigningKey', {
      description: 'Signs checkpoints of the audit log',
      keySpec: KeySpec.ECC_NIST_P256,
      keyUsage: KeyUsage.SIGN_VERIFY,
      removalPolicy: RemovalPolicy.RETAIN,
      pendingWindow: Duration.days(30),
    });
    // Ed25519 signatures are deterministic: a repeated sealing yields the same bytes. The library has no constant for the key spec yet.
    (this.signingKey.node.defaultChild as CfnKey).addPropertyOverride('KeySpec', 'ECC_NIST_EDWARDS25519');
    this.signingKey.addToResourcePolicy(
      new PolicyStatement({
        sid: 'OnlyTheSealerSigns',
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['kms:Sign'],
        resources: ['*'],
        conditions: { ArnNotEquals: { 'aws:PrincipalArn': props.sealer.roleArn } },
      }),
    );
    this.grantSeal(props.sealer);
  }

  /** Reading objects of the log; the list only tells a missing one from a forbidden one. */
  reading(): PolicyStatement[] {
    // Imported by its name now: cdk-nag spells a finding as the other stack will refer to the bucket.
    const arn = Stack.of(this).exportValue(this.bucket.bucketArn);
    return [
      new PolicyStatement({ actions: ['s3:GetObject'], resources: [`${arn}/*`] }),
      new PolicyStatement({ actions: ['s3:ListBucket'], resources: [arn] }),
    ];
  }

  /** Reading and appending the log, and signing its state. */
  private grantSeal(sealer: IRole): void {
    sealer.addToPrincipalPolicy(
      new PolicyStatement({ actions: ['s3:GetObject', 's3:PutObject'], resources: [this.bucket.arnForObjects('*')] }),
    );
    sealer.addToPrincipalPolicy(new PolicyStatement({ actions: ['s3:ListBucket'], resources: [this.bucket.bucketArn] }));
    sealer.addToPrincipalPolicy(new PolicyStatement({ actions: ['kms:Sign', 'kms:GetPublicKey'], resources: [this.signingKey.keyArn] }));
  }

  /** Object Lock keeps versions; these statements also keep keys: no overwrite, no delete marker, no shorter retention. */
  private denyEdits(): void {
    const everybody = { effect: Effect.DENY, principals: [new AnyPrincipal()] };
    this.bucket.addToResourcePolicy(
      new PolicyStatement({
        ...everybody,
        sid: 'WriteOnce',
        actions: ['s3:PutObject'],
        resources: [this.bucket.arnForObjects('*')],
        conditions: { Null: { 's3:if-none-match': 'true' } },
      }),
    );
    this.bucket.addToResourcePolicy(
      new PolicyStatement({
        ...everybody,
        sid: 'NobodyDeletes',
        actions: ['s3:DeleteObject', 's3:DeleteObjectVersion', 's3:BypassGovernanceRetention'],
        resources: [this.bucket.arnForObjects('*')],
      }),
    );
    this.bucket.addToResourcePolicy(
      new PolicyStatement({
        ...everybody,
        sid: 'NobodyExpiresObjects',
        actions: ['s3:PutLifecycleConfiguration', 's3:PutBucketVersioning', 's3:PutBucketObjectLockConfiguration'],
        resources: [this.bucket.bucketArn],
        // The deployment itself sets versioning and lock when it creates the bucket.
        conditions: {
          ArnNotLike: { 'aws:PrincipalArn': `arn:${Stack.of(this).partition}:iam::${Stack.of(this).account}:role/cdk-*-cfn-exec-role-*` },
        },
      }),
    );
  }
}
