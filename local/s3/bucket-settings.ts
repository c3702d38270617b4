/** Settings of a bucket, as kept in bucket.json. */
import type { Instant } from '../clock.ts';
import type { PolicyDocument } from '../service.ts';
import type { LifecycleRule } from './lifecycle.ts';
import type { DefaultRetention } from './object-lock.ts';
import type { Encryption } from './object-version.ts';

export interface BucketSettings {
  name: string;
  created: Instant;
  versioning?: 'Enabled' | 'Suspended';
  /** Present once Object Lock is on; it can not be turned off. */
  objectLock?: { defaultRetention?: DefaultRetention };
  publicAccessBlock?: PublicAccessBlock;
  encryption: Encryption;
  ownership?: string;
  lifecycle?: LifecycleRule[];
  /** Recorded only: no access logs are written. */
  logging?: { bucket: string; prefix: string };
  tags?: { Key: string; Value: string }[];
  policy?: PolicyDocument;
  /** Stack and logical id that declared it. */
  declaredBy?: string;
}

interface PublicAccessBlock {
  BlockPublicAcls: boolean;
  IgnorePublicAcls: boolean;
  BlockPublicPolicy: boolean;
  RestrictPublicBuckets: boolean;
}

/** Settings of a bucket that nobody has configured: S3's own defaults since 2023. */
export function defaultSettings(name: string, created: Instant): BucketSettings {
  return {
    name,
    created,
    encryption: { algorithm: 'AES256' },
    ownership: 'BucketOwnerEnforced',
    publicAccessBlock: { BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true },
  };
}
