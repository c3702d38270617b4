/** Operations on the lock of a version and on the Object Lock configuration of a bucket. */
import type { ServiceResponse } from '../service.ts';
import { requireBodyChecksum, verifyBody } from './checksum.ts';
import { assertRetentionChange, type Retention, readDefaultRetention, readMode, readRetainUntil } from './object-lock.ts';
import { bucketOf, emptyAnswer, isoDate, type S3Call, versionOf, xmlAnswer } from './s3-call.ts';
import { S3Error } from './s3-error.ts';
import { asksBypass, malformedXml, xmlBody } from './s3-request.ts';
import { child, childText } from './xml.ts';

export function getObjectLockConfiguration(call: S3Call): ServiceResponse {
  const lock = bucketOf(call).settings.objectLock;
  if (!lock) {
    throw new S3Error('ObjectLockConfigurationNotFoundError', 'Object Lock configuration does not exist for this bucket', {
      details: { BucketName: bucketOf(call).name },
    });
  }
  const rule = lock.defaultRetention;
  return xmlAnswer('ObjectLockConfiguration', {
    ObjectLockEnabled: 'Enabled',
    Rule: rule ? { DefaultRetention: { Mode: rule.mode, Days: rule.days, Years: rule.years } } : undefined,
  });
}

export function putObjectLockConfiguration(call: S3Call): ServiceResponse {
  const bucket = bucketOf(call);
  requireBodyChecksum(call.request.headers, 'Put Object Lock requests');
  verifyBody(call.request.headers, call.request.body);
  const body = xmlBody(call.request, 'ObjectLockConfiguration');
  if (childText(body, 'ObjectLockEnabled') !== 'Enabled') throw malformedXml();
  if (bucket.settings.versioning !== 'Enabled') {
    throw new S3Error('InvalidBucketState', "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration");
  }
  const rule = child(child(body, 'Rule'), 'DefaultRetention');
  const period = (name: string) => (childText(rule, name) === undefined ? undefined : Number(childText(rule, name)));
  const defaultRetention = rule && readDefaultRetention(childText(rule, 'Mode'), period('Days'), period('Years'));
  bucket.saveSettings({ objectLock: defaultRetention ? { defaultRetention } : {} });
  return emptyAnswer(200);
}

export async function getObjectRetention(call: S3Call): Promise<ServiceResponse> {
  assertLockable(call);
  const { retention } = await versionOf(call);
  if (!retention) throw noLock();
  return xmlAnswer('Retention', { Mode: retention.mode, RetainUntilDate: isoDate(retention.until) });
}

/** Extends a retention; anything weaker needs GOVERNANCE, the bypass header and its permission (checked with the request). */
export async function putObjectRetention(call: S3Call): Promise<ServiceResponse> {
  const bucket = assertLockable(call);
  requireBodyChecksum(call.request.headers, 'Put Object Retention requests');
  verifyBody(call.request.headers, call.request.body);
  const version = await versionOf(call);
  const body = xmlBody(call.request, 'Retention');
  const now = call.context.clock.now();
  const mode = childText(body, 'Mode');
  const until = childText(body, 'RetainUntilDate');
  if ((mode === undefined) !== (until === undefined)) throw malformedXml();
  const next: Retention | undefined = mode === undefined ? undefined : { mode: readMode(mode), until: readRetainUntil(until, now) };
  assertRetentionChange(version.retention, next, now, asksBypass(call.request));
  bucket.update(version, { retention: next });
  return emptyAnswer(200);
}

export async function getObjectLegalHold(call: S3Call): Promise<ServiceResponse> {
  assertLockable(call);
  const { legalHold } = await versionOf(call);
  if (legalHold === undefined) throw noLock();
  return xmlAnswer('LegalHold', { Status: legalHold ? 'ON' : 'OFF' });
}

export async function putObjectLegalHold(call: S3Call): Promise<ServiceResponse> {
  const bucket = assertLockable(call);
  requireBodyChecksum(call.request.headers, 'Put Object Legal Hold requests');
  verifyBody(call.request.headers, call.request.body);
  const version = await versionOf(call);
  const status = childText(xmlBody(call.request, 'LegalHold'), 'Status');
  if (status !== 'ON' && status !== 'OFF') throw malformedXml();
  bucket.update(version, { legalHold: status === 'ON' });
  return emptyAnswer(200);
}

function assertLockable(call: S3Call) {
  const bucket = bucketOf(call);
  if (!bucket.settings.objectLock) throw new S3Error('InvalidRequest', 'Bucket is missing Object Lock Configuration');
  return bucket;
}

function noLock(): S3Error {
  return new S3Error('NoSuchObjectLockConfiguration', 'The specified object does not have a ObjectLock configuration');
}
