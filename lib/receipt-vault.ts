import { type CfnParameter, Duration, RemovalPolicy } from 'aws-cdk-lib';
import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { lockedBucket, onlyRootDeletes, onlySignedBy, readingOf } from './locked-bucket.ts';

export interface ReceiptVaultProps {
  lockMode: CfnParameter;
  /** The only role that makes receipts. */
  attester: IRole;
}

/** Receipts, apart from the log: what signs one of them can sign no state of the log, and what writes them cannot write there. */
export class ReceiptVault extends Construct {
  readonly bucket: Bucket;
  readonly signingKey: Key;

  constructor(scope: Construct, id: string, { lockMode, attester }: ReceiptVaultProps) {
    super(scope, id);
    this.bucket = lockedBucket(this, 'Receipts', lockMode);
    this.signingKey = new Key(this, 'SigningKey', {
      description: 'Signs receipts of promotions',
      // KMS signs 4,096 bytes with Ed25519 at most, and takes no digest of a longer document: a receipt is longer.
      keySpec: KeySpec.ECC_NIST_P256,
      keyUsage: KeyUsage.SIGN_VERIFY,
      removalPolicy: RemovalPolicy.RETAIN,
      pendingWindow: Duration.days(30),
    });
    this.signingKey.addToResourcePolicy(onlySignedBy(attester, 'OnlyTheAttesterSigns'));
    this.signingKey.addToResourcePolicy(onlyRootDeletes(this));
    attester.addToPrincipalPolicy(
      new PolicyStatement({ actions: ['s3:GetObject', 's3:PutObject'], resources: [this.bucket.arnForObjects('*')] }),
    );
    attester.addToPrincipalPolicy(new PolicyStatement({ actions: ['s3:ListBucket'], resources: [this.bucket.bucketArn] }));
    attester.addToPrincipalPolicy(new PolicyStatement({ actions: ['kms:Sign', 'kms:GetPublicKey'], resources: [this.signingKey.keyArn] }));
  }

  reading(): PolicyStatement[] {
    return readingOf(this.bucket);
  }
}
