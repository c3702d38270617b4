/** GetBucketLifecycleConfiguration. */
import type { ServiceResponse } from '../service.ts';
import type { LifecycleRule } from './lifecycle.ts';
import { bucketOf, type S3Call, xmlAnswer } from './s3-call.ts';
import { S3Error } from './s3-error.ts';
import type { XmlValue } from './xml.ts';

export function getBucketLifecycle(call: S3Call): ServiceResponse {
  const { lifecycle, name } = bucketOf(call).settings;
  if (!lifecycle?.length) {
    throw new S3Error('NoSuchLifecycleConfiguration', 'The lifecycle configuration does not exist', { details: { BucketName: name } });
  }
  return xmlAnswer('LifecycleConfiguration', { Rule: lifecycle.map(ruleElement) });
}

function ruleElement(rule: LifecycleRule): { [name: string]: XmlValue } {
  const expiration = { Days: rule.expirationDays, ExpiredObjectDeleteMarker: rule.expiredDeleteMarkers };
  return {
    ID: rule.id,
    Filter: { Prefix: rule.prefix },
    Status: rule.enabled ? 'Enabled' : 'Disabled',
    Expiration: Object.values(expiration).some((value) => value !== undefined) ? expiration : undefined,
    NoncurrentVersionExpiration:
      rule.noncurrentDays === undefined ? undefined : { NoncurrentDays: rule.noncurrentDays, NewerNoncurrentVersions: rule.noncurrentKept },
    AbortIncompleteMultipartUpload: rule.abortUploadsDays === undefined ? undefined : { DaysAfterInitiation: rule.abortUploadsDays },
  };
}
