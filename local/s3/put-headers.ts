/** Reads what the headers of a PutObject, CopyObject or CreateMultipartUpload say about the new version. */
import type { Instant } from '../clock.ts';
import type { Bucket } from './bucket.ts';
import { requireBodyChecksum } from './checksum.ts';
import { type Retention, readMode, readRetainUntil, retentionFrom } from './object-lock.ts';
import type { Encryption, ObjectVersion } from './object-version.ts';
import { notImplemented, S3Error } from './s3-error.ts';

type Headers = Record<string, string>;

/** Headers that are kept and come back with the object. */
const KEPT = ['content-type', 'cache-control', 'content-disposition', 'content-encoding', 'content-language', 'expires'];
/** Headers that change the meaning of a put in a way that is not offered here: refused instead of ignored. */
const REFUSED = [
  'x-amz-grant-full-control',
  'x-amz-grant-read',
  'x-amz-grant-read-acp',
  'x-amz-grant-write-acp',
  'x-amz-server-side-encryption-customer-algorithm',
  'x-amz-tagging',
  'x-amz-website-redirect-location',
  'x-amz-write-offset-bytes',
];
const METADATA_PREFIX = 'x-amz-meta-';
/** S3 counts names and values of user metadata in bytes: 2 KB. */
const METADATA_LIMIT = 2048;
const KEY_LIMIT = 1024;

/** What the headers fix about a version, apart from its bytes. */
export type DeclaredVersion = Pick<ObjectVersion, 'headers' | 'metadata' | 'encryption' | 'retention' | 'legalHold'>;

/** Throws InvalidArgument, InvalidRequest, MetadataTooLarge, NotImplemented, AccessControlListNotSupported. */
export function declaredVersion(bucket: Bucket, headers: Headers, now: Instant): DeclaredVersion {
  const refused = REFUSED.find((name) => headers[name] !== undefined);
  if (refused) throw notImplemented(refused);
  const storageClass = headers['x-amz-storage-class'];
  if (storageClass !== undefined && storageClass !== 'STANDARD') throw notImplemented(`x-amz-storage-class: ${storageClass}`);
  const acl = headers['x-amz-acl'];
  if (acl !== undefined && acl !== 'bucket-owner-full-control') {
    throw new S3Error('AccessControlListNotSupported', 'The bucket does not allow ACLs');
  }
  return { ...contentHeaders(headers), encryption: encryptionFor(bucket, headers), ...lockFor(bucket, headers, now) };
}

/** Content headers and user metadata. Throws MetadataTooLarge. */
export function contentHeaders(headers: Headers): Pick<ObjectVersion, 'headers' | 'metadata'> {
  const kept: Headers = {};
  for (const name of KEPT) {
    const value = headers[name];
    if (value !== undefined) kept[name] = value;
  }
  const encodings = (kept['content-encoding'] ?? '').split(',').map((encoding) => encoding.trim());
  const stored = encodings.filter((encoding) => encoding && encoding !== 'aws-chunked').join(',');
  delete kept['content-encoding'];
  if (stored) kept['content-encoding'] = stored;
  kept['content-type'] ??= 'binary/octet-stream';
  const metadata: Headers = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(METADATA_PREFIX)) metadata[name.slice(METADATA_PREFIX.length)] = value;
  }
  const bytes = Object.entries(metadata).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0);
  if (bytes > METADATA_LIMIT) throw new S3Error('MetadataTooLarge', 'Your metadata headers exceed the maximum allowed metadata size');
  return { headers: kept, metadata };
}

/** Throws KeyTooLongError. */
export function assertKeyLength(key: string): void {
  if (Buffer.byteLength(key) > KEY_LIMIT) throw new S3Error('KeyTooLongError', 'Your key is too long');
}

function encryptionFor(bucket: Bucket, headers: Headers): Encryption {
  const algorithm = headers['x-amz-server-side-encryption'];
  if (algorithm === undefined) return bucket.settings.encryption;
  if (algorithm === 'AES256') return { algorithm };
  if (algorithm !== 'aws:kms') throw notImplemented(`x-amz-server-side-encryption: ${algorithm}`);
  const key = headers['x-amz-server-side-encryption-aws-kms-key-id'] ?? bucket.settings.encryption.kmsKeyId;
  return { algorithm, ...(key ? { kmsKeyId: key } : {}) };
}

/** Lock of the new version: what the headers say, otherwise the default of the bucket. */
function lockFor(bucket: Bucket, headers: Headers, now: Instant): Pick<ObjectVersion, 'retention' | 'legalHold'> {
  const mode = headers['x-amz-object-lock-mode'];
  const until = headers['x-amz-object-lock-retain-until-date'];
  const hold = headers['x-amz-object-lock-legal-hold'];
  const lock = bucket.settings.objectLock;
  if ((mode ?? until ?? hold) !== undefined && !lock) throw new S3Error('InvalidRequest', 'Bucket is missing Object Lock Configuration');
  if ((mode === undefined) !== (until === undefined)) {
    throw new S3Error('InvalidArgument', 'x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied');
  }
  if (hold !== undefined && hold !== 'ON' && hold !== 'OFF') {
    throw new S3Error('InvalidArgument', "Legal Hold must be either of 'ON' or 'OFF'");
  }
  let retention: Retention | undefined;
  if (mode !== undefined) retention = { mode: readMode(mode), until: readRetainUntil(until, now) };
  else if (lock?.defaultRetention) retention = retentionFrom(lock.defaultRetention, now);
  return { ...(retention ? { retention } : {}), ...(hold === undefined ? {} : { legalHold: hold === 'ON' }) };
}

/** S3 takes no body into a retention without a checksum of that body. */
export function requireChecksumUnderLock(declared: DeclaredVersion, headers: Headers): void {
  if (declared.retention || declared.legalHold) requireBodyChecksum(headers, 'Put Object requests with Object Lock parameters');
}
