/** Operations on buckets and their settings. */
import type { ServiceResponse } from '../service.ts';
import { bucketOf, emptyAnswer, isoDate, type S3Call, xmlAnswer } from './s3-call.ts';
import { notImplemented, S3Error } from './s3-error.ts';
import { malformedXml, targetOf, xmlBody } from './s3-request.ts';
import { childText } from './xml.ts';

export function listBuckets(call: S3Call): ServiceResponse {
  const query = call.request.url.searchParams;
  const refused = ['continuation-token', 'bucket-region'].find((parameter) => query.has(parameter));
  if (refused) throw notImplemented(`ListBuckets with ${refused}`);
  const prefix = query.get('prefix') ?? '';
  const buckets = call.store.list().filter((bucket) => bucket.name.startsWith(prefix));
  return xmlAnswer('ListAllMyBucketsResult', {
    Owner: owner(call.context.account),
    Buckets: { Bucket: buckets.map(({ settings }) => ({ Name: settings.name, CreationDate: isoDate(settings.created) })) },
    Prefix: prefix || undefined,
  });
}

/** Canonical user of the account, as lists show it. */
export function owner(account: string): { ID: string } {
  return { ID: account.padStart(64, '0') };
}

export function createBucket(call: S3Call): ServiceResponse {
  const { headers, body } = call.request;
  if (body.length > 0) assertRegion(call);
  if (headers['x-amz-acl'] && headers['x-amz-acl'] !== 'private') throw notImplemented('x-amz-acl on CreateBucket');
  const locked = headers['x-amz-bucket-object-lock-enabled']?.toLowerCase() === 'true';
  const name = targetOf(call.request).bucket!;
  call.store.create(name, locked ? { versioning: 'Enabled', objectLock: {} } : {});
  return emptyAnswer(200, { location: `/${name}` });
}

function assertRegion(call: S3Call): void {
  const region = childText(xmlBody(call.request, 'CreateBucketConfiguration'), 'LocationConstraint');
  if (region && region !== call.context.region) {
    throw new S3Error(
      'IllegalLocationConstraintException',
      `The ${region} location constraint is incompatible for the region specific endpoint.`,
    );
  }
}

export function headBucket(call: S3Call): ServiceResponse {
  bucketOf(call);
  return emptyAnswer(200, { 'x-amz-bucket-region': call.context.region });
}

export function deleteBucket(call: S3Call): ServiceResponse {
  call.store.delete(bucketOf(call));
  return emptyAnswer(204);
}

/** The first region has no name in this answer. */
export function getBucketLocation(call: S3Call): ServiceResponse {
  bucketOf(call);
  const { region } = call.context;
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${region === 'us-east-1' ? '' : region}</LocationConstraint>`;
  return { status: 200, headers: { 'content-type': 'application/xml' }, body };
}

export function getBucketVersioning(call: S3Call): ServiceResponse {
  return xmlAnswer('VersioningConfiguration', { Status: bucketOf(call).settings.versioning });
}

export function putBucketVersioning(call: S3Call): ServiceResponse {
  const bucket = bucketOf(call);
  const body = xmlBody(call.request, 'VersioningConfiguration');
  const status = childText(body, 'Status');
  if (childText(body, 'MfaDelete') === 'Enabled') throw notImplemented('MfaDelete');
  if (status !== 'Enabled' && status !== 'Suspended') {
    throw status === undefined
      ? new S3Error('IllegalVersioningConfigurationException', 'The Versioning element must be specified')
      : malformedXml();
  }
  if (status === 'Suspended' && bucket.settings.objectLock) {
    throw new S3Error(
      'InvalidBucketState',
      'An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.',
    );
  }
  bucket.saveSettings({ versioning: status });
  return emptyAnswer(200);
}

export function getBucketPolicy(call: S3Call): ServiceResponse {
  const { policy, name } = bucketOf(call).settings;
  if (!policy) throw new S3Error('NoSuchBucketPolicy', 'The bucket policy does not exist', { details: { BucketName: name } });
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(policy) };
}

export function getPublicAccessBlock(call: S3Call): ServiceResponse {
  const { publicAccessBlock, name } = bucketOf(call).settings;
  if (!publicAccessBlock) {
    throw new S3Error('NoSuchPublicAccessBlockConfiguration', 'The public access block configuration was not found', {
      details: { BucketName: name },
    });
  }
  return xmlAnswer('PublicAccessBlockConfiguration', { ...publicAccessBlock });
}

export function getBucketEncryption(call: S3Call): ServiceResponse {
  const { encryption } = bucketOf(call).settings;
  const apply = { SSEAlgorithm: encryption.algorithm, KMSMasterKeyID: encryption.kmsKeyId };
  return xmlAnswer('ServerSideEncryptionConfiguration', {
    Rule: { ApplyServerSideEncryptionByDefault: apply, BucketKeyEnabled: encryption.bucketKey ?? false },
  });
}

export function getBucketLogging(call: S3Call): ServiceResponse {
  const { logging } = bucketOf(call).settings;
  return xmlAnswer('BucketLoggingStatus', {
    LoggingEnabled: logging ? { TargetBucket: logging.bucket, TargetPrefix: logging.prefix } : undefined,
  });
}

export function getBucketOwnershipControls(call: S3Call): ServiceResponse {
  const { ownership } = bucketOf(call).settings;
  if (!ownership) throw new S3Error('OwnershipControlsNotFoundError', 'The bucket ownership controls were not found');
  return xmlAnswer('OwnershipControls', { Rule: { ObjectOwnership: ownership } });
}

export function getBucketTagging(call: S3Call): ServiceResponse {
  const { tags } = bucketOf(call).settings;
  if (!tags?.length) throw new S3Error('NoSuchTagSet', 'The TagSet does not exist');
  return xmlAnswer('Tagging', { TagSet: { Tag: tags.map(({ Key, Value }) => ({ Key, Value })) } });
}
