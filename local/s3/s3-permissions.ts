/** What IAM must allow for an S3 request, in the words of the service authorization reference. */
import type { IamCheck, ServiceRequest } from '../service.ts';
import type { BucketStore } from './bucket-store.ts';
import { asksBypass, checkVersionId, copySourceOf, operationOf, targetOf, versionIdIn } from './s3-request.ts';

type Conditions = NonNullable<IamCheck['context']>;

const DAY_MS = 86_400_000;

/** Bucket operations whose action is not simply `s3:` and their name. */
const BUCKET_ACTIONS: Record<string, string> = {
  GetBucketEncryption: 's3:GetEncryptionConfiguration',
  GetBucketLifecycleConfiguration: 's3:GetLifecycleConfiguration',
  GetObjectLockConfiguration: 's3:GetBucketObjectLockConfiguration',
  GetPublicAccessBlock: 's3:GetBucketPublicAccessBlock',
  HeadBucket: 's3:ListBucket',
  ListMultipartUploads: 's3:ListBucketMultipartUploads',
  ListObjects: 's3:ListBucket',
  ListObjectsV2: 's3:ListBucket',
  ListObjectVersions: 's3:ListBucketVersions',
  PutObjectLockConfiguration: 's3:PutBucketObjectLockConfiguration',
};

export function bucketArn(bucket: string): string {
  return `arn:aws:s3:::${bucket}`;
}

function objectArn(bucket: string, key: string): string {
  return `arn:aws:s3:::${bucket}/${key}`;
}

/** Checks of a request. DeleteObjects has none of its own: each key is decided alone and answered in its place. */
export function checksOf(request: ServiceRequest, store: BucketStore, now: number): IamCheck[] {
  const operation = operationOf(request);
  const { bucket, key } = targetOf(request);
  if (operation === 'ListBuckets') return [{ action: 's3:ListAllMyBuckets', resource: '*' }];
  if (operation === 'DeleteObjects' || operation.startsWith('NotImplemented:') || !bucket) return [];
  const context = { ...headerConditions(request, now), ...queryConditions(request) };
  if (!key) return bucketActions(operation, request).map((action) => ({ action, resource: bucketArn(bucket), context }));
  const resource = objectArn(bucket, key);
  const checks = objectActions(operation, request).map((action) => ({ action, resource, context }));
  return [...checks, ...copySourceChecks(operation, request, context), ...keyChecks(operation, request, store, bucket, key)];
}

/** Checks of one key of a DeleteObjects request. */
export function deleteChecks(request: ServiceRequest, bucket: string, key: string, versionId: string | undefined): IamCheck[] {
  const context: Conditions = { ...(versionId === undefined ? {} : { 's3:VersionId': versionId }) };
  return deleteActions(versionId, request).map((action) => ({ action, resource: objectArn(bucket, key), context }));
}

function bucketActions(operation: string, request: ServiceRequest): string[] {
  const locked = operation === 'CreateBucket' && request.headers['x-amz-bucket-object-lock-enabled']?.toLowerCase() === 'true';
  const action = BUCKET_ACTIONS[operation] ?? `s3:${operation}`;
  return locked ? [action, 's3:PutBucketObjectLockConfiguration', 's3:PutBucketVersioning'] : [action];
}

function objectActions(operation: string, request: ServiceRequest): string[] {
  const versionId = versionIdIn(request);
  const ofVersion = versionId === undefined ? '' : 'Version';
  switch (operation) {
    case 'GetObject':
    case 'HeadObject':
      return [`s3:GetObject${ofVersion}`];
    case 'GetObjectAttributes':
      return [`s3:GetObject${ofVersion}`, `s3:GetObject${ofVersion}Attributes`];
    case 'PutObject':
    case 'CopyObject':
    case 'CreateMultipartUpload':
    case 'CompleteMultipartUpload':
    case 'UploadPart':
    case 'UploadPartCopy':
      return putActions(request);
    case 'DeleteObject':
      return deleteActions(versionId, request);
    case 'PutObjectRetention':
      return ['s3:PutObjectRetention', ...bypassAction(request)];
    case 'ListParts':
      return ['s3:ListMultipartUploadParts'];
    default:
      return [`s3:${operation}`];
  }
}

function putActions({ headers }: ServiceRequest): string[] {
  const actions = ['s3:PutObject'];
  if (headers['x-amz-object-lock-mode'] ?? headers['x-amz-object-lock-retain-until-date']) actions.push('s3:PutObjectRetention');
  if (headers['x-amz-object-lock-legal-hold']) actions.push('s3:PutObjectLegalHold');
  if (headers['if-match']) actions.push('s3:GetObject');
  return actions;
}

function deleteActions(versionId: string | undefined, request: ServiceRequest): string[] {
  return [versionId === undefined ? 's3:DeleteObject' : 's3:DeleteObjectVersion', ...bypassAction(request)];
}

function bypassAction(request: ServiceRequest): string[] {
  return asksBypass(request) ? ['s3:BypassGovernanceRetention'] : [];
}

function copySourceChecks(operation: string, request: ServiceRequest, context: Conditions): IamCheck[] {
  if (operation !== 'CopyObject' && operation !== 'UploadPartCopy') return [];
  const { bucket, key, versionId } = copySourceOf(request);
  return [{ action: versionId === undefined ? 's3:GetObject' : 's3:GetObjectVersion', resource: objectArn(bucket, key), context }];
}

/** Objects encrypted with a customer key also need that key: to make a data key when writing, to decrypt when reading. */
function keyChecks(operation: string, request: ServiceRequest, store: BucketStore, bucket: string, key: string): IamCheck[] {
  const settings = store.find(bucket);
  if (operation === 'GetObject' || operation === 'HeadObject') {
    const versionId = checkVersionId(request.url.searchParams.get('versionId') ?? undefined);
    const versions = settings?.index.versions(key) ?? [];
    const version = versionId === undefined ? versions[0] : versions.find((candidate) => candidate.versionId === versionId);
    return kmsCheck('kms:Decrypt', version?.encryption.kmsKeyId, bucket, key);
  }
  if (!['PutObject', 'CopyObject', 'CreateMultipartUpload'].includes(operation)) return [];
  const asked = request.headers['x-amz-server-side-encryption'];
  const own = request.headers['x-amz-server-side-encryption-aws-kms-key-id'];
  const keyId = asked === 'AES256' ? undefined : (own ?? settings?.settings.encryption.kmsKeyId);
  return kmsCheck('kms:GenerateDataKey', keyId, bucket, key);
}

/** Only customer keys named by ARN: the key that AWS manages for S3 is open to the whole account. */
function kmsCheck(action: string, keyId: string | undefined, bucket: string, key: string): IamCheck[] {
  if (!keyId?.startsWith('arn:') || !keyId.includes(':key/')) return [];
  const region = keyId.split(':')[3]!;
  const context = { 'kms:ViaService': `s3.${region}.amazonaws.com`, 'kms:EncryptionContext:aws:s3:arn': objectArn(bucket, key) };
  return [{ action, resource: keyId, context }];
}

/** Headers that policies name as `s3:HEADER`. */
const CONDITION_HEADERS: Record<string, string> = {
  'if-none-match': 's3:if-none-match',
  'if-match': 's3:if-match',
  'x-amz-acl': 's3:x-amz-acl',
  'x-amz-content-sha256': 's3:x-amz-content-sha256',
  'x-amz-copy-source': 's3:x-amz-copy-source',
  'x-amz-metadata-directive': 's3:x-amz-metadata-directive',
  'x-amz-object-ownership': 's3:x-amz-object-ownership',
  'x-amz-server-side-encryption': 's3:x-amz-server-side-encryption',
  'x-amz-server-side-encryption-aws-kms-key-id': 's3:x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-server-side-encryption-customer-algorithm': 's3:x-amz-server-side-encryption-customer-algorithm',
  'x-amz-storage-class': 's3:x-amz-storage-class',
  'x-amz-object-lock-mode': 's3:object-lock-mode',
  'x-amz-object-lock-retain-until-date': 's3:object-lock-retain-until-date',
  'x-amz-object-lock-legal-hold': 's3:object-lock-legal-hold',
};

function headerConditions(request: ServiceRequest, now: number): Conditions {
  const context: Conditions = {
    's3:authType': request.presigned ? 'REST-QUERY-STRING' : 'REST-HEADER',
    's3:signatureversion': 'AWS4-HMAC-SHA256',
  };
  for (const [header, key] of Object.entries(CONDITION_HEADERS)) {
    const value = request.headers[header];
    if (value !== undefined) context[key] = value;
  }
  const lock = retentionConditions(request);
  Object.assign(context, lock);
  const until = Date.parse(String(context['s3:object-lock-retain-until-date'] ?? ''));
  if (!Number.isNaN(until)) context['s3:object-lock-remaining-retention-days'] = String(Math.ceil((until - now) / DAY_MS));
  return context;
}

/** PutObjectRetention carries mode and date in its body. */
function retentionConditions(request: ServiceRequest): Conditions {
  if (operationOf(request) !== 'PutObjectRetention') return {};
  const body = request.body.toString('utf8');
  const mode = /<Mode>\s*(\w+)\s*<\/Mode>/.exec(body)?.[1];
  const until = /<RetainUntilDate>\s*([^<\s]+)\s*<\/RetainUntilDate>/.exec(body)?.[1];
  return { ...(mode ? { 's3:object-lock-mode': mode } : {}), ...(until ? { 's3:object-lock-retain-until-date': until } : {}) };
}

const CONDITION_QUERY: Record<string, string> = {
  prefix: 's3:prefix',
  delimiter: 's3:delimiter',
  'max-keys': 's3:max-keys',
  versionId: 's3:VersionId',
};

function queryConditions(request: ServiceRequest): Conditions {
  const context: Conditions = {};
  for (const [parameter, key] of Object.entries(CONDITION_QUERY)) {
    const value = request.url.searchParams.get(parameter);
    if (value !== null) context[key] = value;
  }
  return context;
}
