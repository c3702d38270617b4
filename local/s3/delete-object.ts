/** DeleteObject and DeleteObjects. */
import type { ServiceResponse } from '../service.ts';
import type { Bucket } from './bucket.ts';
import { requireBodyChecksum, verifyBody } from './checksum.ts';
import { assertDeletable } from './object-lock.ts';
import type { ObjectVersion } from './object-version.ts';
import { preconditionFailed } from './put-conditions.ts';
import { bucketOf, emptyAnswer, keyOf, type S3Call, versionHeader, xmlAnswer } from './s3-call.ts';
import { S3Error } from './s3-error.ts';
import { deleteChecks } from './s3-permissions.ts';
import { asksBypass, checkVersionId, malformedXml, versionIdIn, xmlBody } from './s3-request.ts';
import { childText, type XmlElement } from './xml.ts';

/** Most keys of one DeleteObjects. */
const BATCH_LIMIT = 1000;

export function deleteObject(call: S3Call): ServiceResponse {
  const bucket = bucketOf(call);
  const outcome = deleteOne(call, bucket, keyOf(call), versionIdIn(call.request), call.request.headers['if-match']);
  return emptyAnswer(204, {
    ...(outcome ? versionHeader(bucket, outcome) : {}),
    ...(outcome?.deleteMarker ? { 'x-amz-delete-marker': 'true' } : {}),
  });
}

/**
 * Deletes a version for good, or puts a delete marker on the key; answers the version or marker concerned. Deleting what does not exist
 * succeeds, as in S3. The bypass header counts here because its permission was checked with the request. Throws AccessDenied under lock.
 */
function deleteOne(call: S3Call, bucket: Bucket, key: string, versionId: string | undefined, etag?: string): ObjectVersion | undefined {
  const current = bucket.index.current(key);
  if (etag !== undefined) {
    if (!current) throw new S3Error('NoSuchKey', 'The specified key does not exist.', { details: { Key: key } });
    if (etag !== '*' && etag.replaceAll('"', '') !== current.etag) throw preconditionFailed('If-Match');
  }
  if (versionId === undefined && bucket.settings.versioning) return bucket.commitDeleteMarker(key);
  const version = bucket.index.versions(key).find((candidate) => candidate.versionId === (versionId ?? 'null'));
  if (!version) return undefined;
  assertDeletable(version, call.context.clock.now(), asksBypass(call.request));
  bucket.remove(version);
  return version;
}

/** Deletes up to 1000 keys, each with its own permission and outcome. */
export async function deleteObjects(call: S3Call): Promise<ServiceResponse> {
  const { request } = call;
  requireBodyChecksum(request.headers, 'this request');
  verifyBody(request.headers, request.body);
  const bucket = bucketOf(call);
  const body = xmlBody(request, 'Delete');
  const objects = body.children.filter((element) => element.name === 'Object');
  if (objects.length === 0 || objects.length > BATCH_LIMIT) throw malformedXml();
  const quiet = childText(body, 'Quiet') === 'true';
  const deleted: Record<string, string>[] = [];
  const errors: Record<string, string>[] = [];
  for (const object of objects) {
    const outcome = await deleteEntry(call, bucket, object);
    if (outcome.error) errors.push(outcome.error);
    else if (!quiet) deleted.push(outcome.deleted);
  }
  return xmlAnswer('DeleteResult', { Deleted: deleted, Error: errors });
}

async function deleteEntry(
  call: S3Call,
  bucket: Bucket,
  object: XmlElement,
): Promise<{ deleted: Record<string, string>; error?: Record<string, string> }> {
  const key = object.children.find((element) => element.name === 'Key')?.text;
  if (!key) throw malformedXml();
  const versionId = childText(object, 'VersionId');
  const named = { Key: key, ...(versionId === undefined ? {} : { VersionId: versionId }) };
  try {
    checkVersionId(versionId);
    for (const check of deleteChecks(call.request, bucket.name, key, versionId)) {
      if (!(await call.context.allowed(call.request.caller, check))) throw new S3Error('AccessDenied', 'Access Denied');
    }
    const outcome = deleteOne(call, bucket, key, versionId, childText(object, 'ETag'));
    const marker = outcome?.deleteMarker ? { DeleteMarker: 'true', DeleteMarkerVersionId: outcome.versionId } : {};
    return { deleted: { ...named, ...marker } };
  } catch (error) {
    if (!(error instanceof S3Error)) throw error;
    return { deleted: named, error: { ...named, Code: error.code, Message: error.message } };
  }
}
