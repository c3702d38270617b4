import { type CfnParameter, Duration, RemovalPolicy } from 'aws-cdk-lib';
import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { type CfnKey, Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { lockedBucket, onlySignedBy, readingOf } from './locked-bucket.ts';

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
    this.bucket = lockedBucket(this, 'Log', props.lockMode);

    this.signingKey = new Key(this, 'SigningKey', {
      description: 'Signs checkpoints of the audit log',
      keySpec: KeySpec.ECC_NIST_P256,
      keyUsage: KeyUsage.SIGN_VERIFY,
      removalPolicy: RemovalPolicy.RETAIN,
      pendingWindow: Duration.days(30),
    });
    // Ed25519 signatures are deterministic: a repeated sealing yields the same bytes. The library has no constant for the key spec yet.
    (this.signingKey.node.defaultChild as CfnKey).addPropertyOverride('KeySpec', 'ECC_NIST_EDWARDS25519');
    this.signingKey.addToResourcePolicy(onlySignedBy(props.sealer, 'OnlyTheSealerSigns'));
    this.grantSeal(props.sealer);
  }

  reading(): PolicyStatement[] {
    return readingOf(this.bucket);
  }

  /** Reading and appending the log, and signing its state. */
  private grantSeal(sealer: IRole): void {
    sealer.addToPrincipalPolicy(
      new PolicyStatement({ actions: ['s3:GetObject', 's3:PutObject'], resources: [this.bucket.arnForObjects('*')] }),
    );
    sealer.addToPrincipalPolicy(new PolicyStatement({ actions: ['s3:ListBucket'], resources: [this.bucket.bucketArn] }));
    sealer.addToPrincipalPolicy(new PolicyStatement({ actions: ['kms:Sign', 'kms:GetPublicKey'], resources: [this.signingKey.keyArn] }));
  }
}
