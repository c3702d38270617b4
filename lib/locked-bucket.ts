import { type CfnParameter, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { BlockPublicAccess, Bucket, BucketEncryption, type CfnBucket, ObjectLockRetention, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';

/** Two calendar years, never less: 2 x 366 - 1. */
export const RETENTION_DAYS = 731;

/** A bucket for evidence: nobody deletes, every object is written once, and the retention comes from the bucket. */
export function lockedBucket(scope: Construct, id: string, lockMode: CfnParameter): Bucket {
  const bucket = new Bucket(scope, id, {
    versioned: true,
    objectLockEnabled: true,
    objectLockDefaultRetention: ObjectLockRetention.governance(Duration.days(RETENTION_DAYS)),
    encryption: BucketEncryption.S3_MANAGED,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  const resource = bucket.node.defaultChild as CfnBucket;
  resource.addPropertyOverride('ObjectLockConfiguration.Rule.DefaultRetention.Mode', lockMode.valueAsString);
  denyEdits(bucket);
  return bucket;
}

/** Object Lock keeps versions; these statements also keep keys: no overwrite, no delete marker, no shorter retention. */
function denyEdits(bucket: Bucket): void {
  const everybody = { effect: Effect.DENY, principals: [new AnyPrincipal()] };
  bucket.addToResourcePolicy(
    new PolicyStatement({
      ...everybody,
      sid: 'WriteOnce',
      actions: ['s3:PutObject'],
      resources: [bucket.arnForObjects('*')],
      conditions: { Null: { 's3:if-none-match': 'true' } },
    }),
  );
  bucket.addToResourcePolicy(
    new PolicyStatement({
      ...everybody,
      sid: 'NobodyDeletes',
      actions: ['s3:DeleteObject', 's3:DeleteObjectVersion', 's3:BypassGovernanceRetention'],
      resources: [bucket.arnForObjects('*')],
    }),
  );
  bucket.addToResourcePolicy(
    new PolicyStatement({
      ...everybody,
      sid: 'NobodyExpiresObjects',
      actions: ['s3:PutLifecycleConfiguration', 's3:PutBucketVersioning', 's3:PutBucketObjectLockConfiguration'],
      resources: [bucket.bucketArn],
      // The deployment itself sets versioning and lock when it creates the bucket.
      conditions: {
        ArnNotLike: { 'aws:PrincipalArn': `arn:${Stack.of(bucket).partition}:iam::${Stack.of(bucket).account}:role/cdk-*-cfn-exec-role-*` },
      },
    }),
  );
}

/** Keeps everybody else from signing, the deployment included. */
export function onlySignedBy(role: IRole, sid: string): PolicyStatement {
  return new PolicyStatement({
    sid,
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: ['kms:Sign'],
    resources: ['*'],
    conditions: { ArnNotEquals: { 'aws:PrincipalArn': role.roleArn } },
  });
}

/** Who signs evidence can be checked for ever, but not go on without its key: only the root user may give it up, with 30 days to think again. */
export function onlyRootDeletes(scope: Construct): PolicyStatement {
  return new PolicyStatement({
    sid: 'OnlyRootGivesUpTheKey',
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: ['kms:ScheduleKeyDeletion', 'kms:DisableKey'],
    resources: ['*'],
    conditions: { ArnNotEquals: { 'aws:PrincipalArn': `arn:${Stack.of(scope).partition}:iam::${Stack.of(scope).account}:root` } },
  });
}

/** Reading objects of a bucket of the state stack; the list only tells a missing one from a forbidden one. */
export function readingOf(bucket: Bucket): PolicyStatement[] {
  // Imported by its name now: cdk-nag spells a finding as the other stack will refer to the bucket.
  const arn = Stack.of(bucket).exportValue(bucket.bucketArn);
  return [
    new PolicyStatement({ actions: ['s3:GetObject'], resources: [`${arn}/*`] }),
    new PolicyStatement({ actions: ['s3:ListBucket'], resources: [arn] }),
  ];
}
