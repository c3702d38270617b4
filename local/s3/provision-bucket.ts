/** CloudFormation types AWS::S3::Bucket and AWS::S3::BucketPolicy. A property that is not served here stops the start with its name. */
import * as z from 'zod';
import type { ResourceRequest, ResourceResult } from '../service.ts';
import type { BucketSettings } from './bucket-settings.ts';
import type { BucketStore } from './bucket-store.ts';
import type { LifecycleRule } from './lifecycle.ts';
import { bucketArn } from './s3-permissions.ts';

/** CloudFormation sends numbers and booleans also as text. */
const integer = z.coerce.number().int().positive();
const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]);

const defaultRetention = z
  .strictObject({ Mode: z.enum(['COMPLIANCE', 'GOVERNANCE']), Days: integer.optional(), Years: integer.optional() })
  .refine(({ Days, Years }) => (Days === undefined) !== (Years === undefined), 'needs either Days or Years');

const lifecycleRule = z.strictObject({
  Id: z.string().optional(),
  Status: z.enum(['Enabled', 'Disabled']),
  Prefix: z.string().optional(),
  Filter: z.strictObject({ Prefix: z.string().optional() }).optional(),
  ExpirationInDays: integer.optional(),
  ExpiredObjectDeleteMarker: flag.optional(),
  NoncurrentVersionExpirationInDays: integer.optional(),
  NoncurrentVersionExpiration: z.strictObject({ NoncurrentDays: integer, NewerNoncurrentVersions: integer.optional() }).optional(),
  AbortIncompleteMultipartUpload: z.strictObject({ DaysAfterInitiation: integer }).optional(),
});

const encryptionRule = z.strictObject({
  ServerSideEncryptionByDefault: z
    .strictObject({ SSEAlgorithm: z.enum(['AES256', 'aws:kms']), KMSMasterKeyID: z.string().optional() })
    .optional(),
  BucketKeyEnabled: flag.optional(),
});

const bucketProperties = z.strictObject({
  BucketName: z.string().optional(),
  ObjectLockEnabled: flag.optional(),
  ObjectLockConfiguration: z
    .strictObject({
      ObjectLockEnabled: z.literal('Enabled').optional(),
      Rule: z.strictObject({ DefaultRetention: defaultRetention.optional() }).optional(),
    })
    .optional(),
  VersioningConfiguration: z.strictObject({ Status: z.enum(['Enabled', 'Suspended']) }).optional(),
  PublicAccessBlockConfiguration: z
    .strictObject({
      BlockPublicAcls: flag.default(false),
      IgnorePublicAcls: flag.default(false),
      BlockPublicPolicy: flag.default(false),
      RestrictPublicBuckets: flag.default(false),
    })
    .optional(),
  BucketEncryption: z.strictObject({ ServerSideEncryptionConfiguration: z.array(encryptionRule).length(1) }).optional(),
  OwnershipControls: z
    .strictObject({ Rules: z.array(z.strictObject({ ObjectOwnership: z.literal('BucketOwnerEnforced') })).length(1) })
    .optional(),
  LifecycleConfiguration: z.strictObject({ Rules: z.array(lifecycleRule) }).optional(),
  LoggingConfiguration: z
    .strictObject({
      DestinationBucketName: z.string().optional(),
      LogFilePrefix: z.string().optional(),
    })
    .optional(),
  Tags: z.array(z.strictObject({ Key: z.string(), Value: z.string() })).optional(),
});

type BucketProperties = z.infer<typeof bucketProperties>;

/** Creates the bucket, or brings the settings of the kept one to what the template says; objects and locks stay. */
export function provisionBucket(store: BucketStore, region: string, account: string, request: ResourceRequest): ResourceResult {
  const properties = parse(bucketProperties, request);
  const name = properties.BucketName ?? bucketNameFor(request, account);
  const declared = settingsFrom(properties, name);
  const existing = store.find(name);
  if (existing?.settings.objectLock && !declared.objectLock) {
    throw new Error(`${describe(request)}: Object Lock is on in the bucket ${name} and can not be turned off`);
  }
  if (existing) existing.saveSettings({ ...cleared(), ...declared, declaredBy: describe(request) });
  else store.create(name, { ...declared, declaredBy: describe(request) });
  return {
    ref: name,
    attributes: {
      Arn: bucketArn(name),
      DomainName: `${name}.s3.amazonaws.com`,
      RegionalDomainName: `${name}.s3.${region}.amazonaws.com`,
      DualStackDomainName: `${name}.s3.dualstack.${region}.amazonaws.com`,
    },
  };
}

/** Settings that a template which no longer names them takes back. Versioning can only be suspended, never undone. */
function cleared(): Partial<BucketSettings> {
  return { encryption: { algorithm: 'AES256' }, lifecycle: [], tags: [] };
}

function settingsFrom(properties: BucketProperties, name: string): Partial<BucketSettings> {
  const rule = properties.ObjectLockConfiguration?.Rule?.DefaultRetention;
  const locked = properties.ObjectLockEnabled || properties.ObjectLockConfiguration?.ObjectLockEnabled === 'Enabled';
  const versioning = locked ? 'Enabled' : properties.VersioningConfiguration?.Status;
  const retention = rule && { mode: rule.Mode, ...(rule.Days === undefined ? { years: rule.Years! } : { days: rule.Days }) };
  const encryption = properties.BucketEncryption?.ServerSideEncryptionConfiguration[0];
  const logging = properties.LoggingConfiguration;
  return {
    ...(versioning ? { versioning } : {}),
    ...(locked ? { objectLock: retention ? { defaultRetention: retention } : {} } : {}),
    ...(properties.PublicAccessBlockConfiguration ? { publicAccessBlock: properties.PublicAccessBlockConfiguration } : {}),
    ...(encryption ? { encryption: encryptionFrom(encryption) } : {}),
    ...(properties.LifecycleConfiguration ? { lifecycle: properties.LifecycleConfiguration.Rules.map(lifecycleFrom) } : {}),
    ...(logging ? { logging: { bucket: logging.DestinationBucketName ?? name, prefix: logging.LogFilePrefix ?? '' } } : {}),
    ...(properties.Tags ? { tags: properties.Tags } : {}),
  };
}

function encryptionFrom(rule: z.infer<typeof encryptionRule>): BucketSettings['encryption'] {
  const { SSEAlgorithm, KMSMasterKeyID } = rule.ServerSideEncryptionByDefault ?? {
    SSEAlgorithm: 'AES256' as const,
    KMSMasterKeyID: undefined,
  };
  return {
    algorithm: SSEAlgorithm,
    ...(KMSMasterKeyID ? { kmsKeyId: KMSMasterKeyID } : {}),
    ...(rule.BucketKeyEnabled ? { bucketKey: true } : {}),
  };
}

function lifecycleFrom(rule: z.infer<typeof lifecycleRule>, position: number): LifecycleRule {
  const noncurrentDays = rule.NoncurrentVersionExpiration?.NoncurrentDays ?? rule.NoncurrentVersionExpirationInDays;
  const noncurrentKept = rule.NoncurrentVersionExpiration?.NewerNoncurrentVersions;
  const abortUploadsDays = rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation;
  return {
    id: rule.Id ?? `rule-${position + 1}`,
    enabled: rule.Status === 'Enabled',
    prefix: rule.Prefix ?? rule.Filter?.Prefix ?? '',
    ...(rule.ExpirationInDays === undefined ? {} : { expirationDays: rule.ExpirationInDays }),
    ...(noncurrentDays === undefined ? {} : { noncurrentDays }),
    ...(noncurrentKept === undefined ? {} : { noncurrentKept }),
    ...(rule.ExpiredObjectDeleteMarker === undefined ? {} : { expiredDeleteMarkers: rule.ExpiredObjectDeleteMarker }),
    ...(abortUploadsDays === undefined ? {} : { abortUploadsDays }),
  };
}

/** Bucket names are lower case and global in AWS; the account makes this one so. */
function bucketNameFor(request: ResourceRequest, account: string): string {
  const name = request.defaultName
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return name.length >= 3 ? name.slice(0, 63).replace(/-+$/, '') : `${name}-${account}`;
}

const policyProperties = z.strictObject({
  Bucket: z.string(),
  PolicyDocument: z.looseObject({ Version: z.string().optional(), Id: z.string().optional(), Statement: z.unknown() }),
});

/** Attaches the policy; IAM reads it through `resourcePolicy`. */
export function provisionBucketPolicy(store: BucketStore, request: ResourceRequest): ResourceResult {
  const { Bucket: name, PolicyDocument } = parse(policyProperties, request);
  const bucket = store.find(name);
  if (!bucket) throw new Error(`${describe(request)}: the bucket ${name} does not exist`);
  const { Version, Id, Statement } = PolicyDocument;
  bucket.saveSettings({ policy: { ...(Version ? { Version } : {}), ...(Id ? { Id } : {}), Statement } });
  return { ref: name };
}

function parse<T extends z.ZodType>(schema: T, request: ResourceRequest): z.output<T> {
  const parsed = schema.safeParse(request.properties);
  if (parsed.success) return parsed.data;
  throw new Error(`${describe(request)}: not supported by the local cloud: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`);
}

function describe(request: ResourceRequest): string {
  return `${request.type} ${request.stack}/${request.logicalId}`;
}
