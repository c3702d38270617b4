import { type CfnParameter, Duration, RemovalPolicy } from 'aws-cdk-lib';
import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { type CfnKey, Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { lockedBucket, onlyRootDeletes, onlySignedBy, readingOf } from './locked-bucket.ts';

export interface AuditVaultProps {
  /** GOVERNANCE or COMPLIANCE; COMPLIANCE cannot be undone by anybody. */
  lockMode: CfnParameter;
  /** Kind of the signing keys, as KMS calls it. */
  keySpec: CfnParameter;
  /** The only role that may write and sign. */
  sealer: IRole;
  keyIds?: readonly [string, ...string[]];
}

/**
 * Keys that sign the log, oldest first. To rotate, add one and deploy: the sealer declares it in the log by the key before it, and signs with it from the
 * next batch on. None is ever taken out: the older ones prove that the log is still the same.
 */
export const LOG_KEY_IDS: readonly [string, ...string[]] = ['k1'];

/** The audit log's bucket and its signing key. Nobody deletes; every object is written once; the retention comes from the bucket. */
export class AuditVault extends Construct {
  readonly bucket: Bucket;
  /** Oldest first. */
  readonly signingKeys: readonly Key[];

  constructor(scope: Construct, id: string, props: AuditVaultProps) {
    super(scope, id);
    this.bucket = lockedBucket(this, 'Log', props.lockMode);

    // The first key keeps the name that it had when it was the only one: another would be another key.
    this.signingKeys = (props.keyIds ?? LOG_KEY_IDS).map((id) => this.signingKey(id === 'k1' ? 'SigningKey' : `SigningKey-${id}`, props));
    this.grantSeal(props.sealer);
  }

  private signingKey(id: string, { keySpec, sealer }: AuditVaultProps): Key {
    const key = new Key(this, id, {
      description: 'Signs checkpoints of the audit log',
      keySpec: KeySpec.ECC_NIST_P256,
      keyUsage: KeyUsage.SIGN_VERIFY,
      removalPolicy: RemovalPolicy.RETAIN,
      pendingWindow: Duration.days(30),
    });
    // The library has no constant for Ed25519 yet.
    (key.node.defaultChild as CfnKey).addPropertyOverride('KeySpec', keySpec.valueAsString);
    key.addToResourcePolicy(onlySignedBy(sealer, 'OnlyTheSealerSigns'));
    key.addToResourcePolicy(onlyRootDeletes(this));
    return key;
  }

  /** What whoever watches the log may see beyond its objects: locks and versions, and nothing that changes them. */
  guarding(): PolicyStatement[] {
    return [
      new PolicyStatement({
        actions: ['s3:GetBucketObjectLockConfiguration', 's3:GetBucketVersioning', 's3:ListBucketVersions'],
        resources: [this.bucket.bucketArn],
      }),
      new PolicyStatement({ actions: ['s3:GetObjectRetention'], resources: [this.bucket.arnForObjects('*')] }),
    ];
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
    sealer.addToPrincipalPolicy(
      new PolicyStatement({ actions: ['kms:Sign', 'kms:GetPublicKey'], resources: this.signingKeys.map(({ keyArn }) => keyArn) }),
    );
  }
}
