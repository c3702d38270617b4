/** One S3 request on its way through an operation, and the answers that operations have in common. */
import type { CloudContext, ServiceRequest, ServiceResponse } from '../service.ts';
import type { Bucket } from './bucket.ts';
import type { BucketStore } from './bucket-store.ts';
import type { ObjectVersion } from './object-version.ts';
import { S3Error } from './s3-error.ts';
import { bucketArn } from './s3-permissions.ts';
import { targetOf, versionIdIn } from './s3-request.ts';
import { writeXml, type XmlValue } from './xml.ts';

export interface S3Call {
  request: ServiceRequest;
  store: BucketStore;
  context: CloudContext;
}

export type S3Operation = (call: S3Call) => ServiceResponse | Promise<ServiceResponse>;

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

export function xmlAnswer(root: string, content: { [name: string]: XmlValue }, headers: Record<string, string> = {}): ServiceResponse {
  return { status: 200, headers: { 'content-type': 'application/xml', ...headers }, body: writeXml(root, content, NAMESPACE) };
}

export function emptyAnswer(status: number, headers: Record<string, string> = {}): ServiceResponse {
  return { status, headers, body: '' };
}

/** Bucket of the path. Throws NoSuchBucket; AccessDenied when the caller expects another owner. */
export function bucketOf(call: S3Call): Bucket {
  const bucket = call.store.get(targetOf(call.request).bucket!);
  const owner = call.request.headers['x-amz-expected-bucket-owner'];
  if (owner !== undefined && owner !== call.context.account) throw new S3Error('AccessDenied', 'Access Denied');
  return bucket;
}

export function keyOf(call: S3Call): string {
  return targetOf(call.request).key!;
}

/**
 * The version that the request names, or the newest. Throws NoSuchVersion, NoSuchKey (AccessDenied without permission to list, as S3 does to
 * hide what exists) and MethodNotAllowed for a delete marker named by its id.
 */
export async function versionOf(call: S3Call): Promise<ObjectVersion> {
  return findVersion(call, bucketOf(call), keyOf(call), versionIdIn(call.request));
}

/** As `versionOf`, for any bucket and key. */
export async function findVersion(call: S3Call, bucket: Bucket, key: string, versionId: string | undefined): Promise<ObjectVersion> {
  if (versionId === undefined) {
    const newest = bucket.index.newest(key);
    if (newest && !newest.deleteMarker) return newest;
    await assertMayList(call, bucket, key);
    const headers: Record<string, string> = newest ? { 'x-amz-delete-marker': 'true', 'x-amz-version-id': newest.versionId } : {};
    throw new S3Error('NoSuchKey', 'The specified key does not exist.', { headers, details: { Key: key } });
  }
  const version = bucket.index.versions(key).find((candidate) => candidate.versionId === versionId);
  if (!version) {
    await assertMayList(call, bucket, key);
    throw new S3Error('NoSuchVersion', 'The specified version does not exist.', { details: { Key: key, VersionId: versionId } });
  }
  if (version.deleteMarker) {
    throw new S3Error('MethodNotAllowed', 'The specified method is not allowed against this resource.', {
      headers: {
        'x-amz-delete-marker': 'true',
        'x-amz-version-id': versionId,
        'last-modified': new Date(version.lastModified).toUTCString(),
        allow: 'DELETE',
      },
    });
  }
  return version;
}

async function assertMayList(call: S3Call, bucket: Bucket, key: string): Promise<void> {
  const check = { action: 's3:ListBucket', resource: bucketArn(bucket.name), context: { 's3:prefix': key } };
  if (call.request.caller.kind === 'admin' || (await call.context.allowed(call.request.caller, check))) return;
  throw new S3Error('AccessDenied', 'Access Denied');
}

/** Headers that say what an object is: version, lock, encryption, checksum when asked for, metadata. */
export function objectHeaders(bucket: Bucket, version: ObjectVersion): Record<string, string> {
  const headers: Record<string, string> = {
    ...versionHeader(bucket, version),
    ...encryptionHeaders(version),
    ...version.headers,
    etag: `"${version.etag}"`,
    'last-modified': new Date(version.lastModified).toUTCString(),
    'accept-ranges': 'bytes',
  };
  for (const [name, value] of Object.entries(version.metadata)) headers[`x-amz-meta-${name}`] = value;
  if (version.retention) {
    headers['x-amz-object-lock-mode'] = version.retention.mode;
    headers['x-amz-object-lock-retain-until-date'] = new Date(version.retention.until).toISOString();
  }
  if (version.legalHold !== undefined) headers['x-amz-object-lock-legal-hold'] = version.legalHold ? 'ON' : 'OFF';
  return headers;
}

/** Buckets that never had versioning do not mention versions. */
export function versionHeader(bucket: Bucket, version: ObjectVersion): Record<string, string> {
  return bucket.settings.versioning ? { 'x-amz-version-id': version.versionId } : {};
}

export function encryptionHeaders({ encryption }: Pick<ObjectVersion, 'encryption'>): Record<string, string> {
  return {
    'x-amz-server-side-encryption': encryption.algorithm,
    ...(encryption.kmsKeyId ? { 'x-amz-server-side-encryption-aws-kms-key-id': encryption.kmsKeyId } : {}),
    ...(encryption.bucketKey ? { 'x-amz-server-side-encryption-bucket-key-enabled': 'true' } : {}),
  };
}

export function isoDate(instant: number): string {
  return new Date(instant).toISOString();
}
