/**
 * S3 of the local cloud: path-style REST over versioned buckets with Object Lock, kept under the service folder.
 *
 * Limits: `.` and `..` path segments of keys are resolved before a request arrives here; objects are not encrypted on disk (encryption is
 * reported, and its key permissions are enforced); access logs are not written; no tagging, ACLs, replication, notifications, storage classes,
 * website, CORS, SSE-C or select: those are answered with NotImplemented and logged.
 */
import { join } from 'node:path';
import type { CloudContext, LocalService, ServiceRequest, ServiceResponse } from '../service.ts';
import * as buckets from './bucket-operations.ts';
import { BucketStore } from './bucket-store.ts';
import { deleteObject, deleteObjects } from './delete-object.ts';
import { getObject, getObjectAttributes } from './get-object.ts';
import { Lifecycle } from './lifecycle.ts';
import { getBucketLifecycle } from './lifecycle-answer.ts';
import { listObjects, listObjectsV2, listObjectVersions } from './list-objects.ts';
import * as locks from './lock-operations.ts';
import { MultipartUploads } from './multipart-uploads.ts';
import { provisionBucket, provisionBucketPolicy } from './provision-bucket.ts';
import { copyObject, putObject } from './put-object.ts';
import type { S3Operation } from './s3-call.ts';
import { hostId, notImplemented, S3Error, s3ErrorResponse } from './s3-error.ts';
import { checksOf } from './s3-permissions.ts';
import { operationOf, withQueryHeaders } from './s3-request.ts';

const ARN_PREFIX = 'arn:aws:s3:::';

/** Opens the buckets kept in the folder of the context. */
export async function createS3(context: CloudContext): Promise<LocalService> {
  const store = new BucketStore(join(context.folder, 'buckets'), context.clock);
  const uploads = new MultipartUploads(context.clock);
  const lifecycle = new Lifecycle(store, context.clock, (bucket, startedBefore, prefix) => uploads.abortOld(bucket, startedBefore, prefix));
  const operations = operationTable(uploads);
  let started = false;

  async function handle(received: ServiceRequest): Promise<ServiceResponse> {
    const request = withQueryHeaders(received);
    try {
      const operation = operationOf(request);
      const run = operations[operation];
      if (!run) {
        context.log('refused what the local cloud does not offer', { operation });
        throw notImplemented(operation.replace('NotImplemented:', ''));
      }
      const response = await run({ request, store, context });
      return { ...response, headers: { 'x-amz-request-id': request.requestId, 'x-amz-id-2': hostId(request), ...response.headers } };
    } catch (error) {
      if (error instanceof S3Error) return s3ErrorResponse(request, error);
      throw error;
    }
  }

  return {
    name: 's3',
    scopes: ['s3'],
    resources: {
      'AWS::S3::Bucket': async (request) => {
        const result = provisionBucket(store, context.region, context.account, request);
        if (started) lifecycle.start();
        return result;
      },
      'AWS::S3::BucketPolicy': async (request) => provisionBucketPolicy(store, request),
    },
    operation: (request) =>
      orInvalid(() => operationOf(withQueryHeaders(request)).replace(/^NotImplemented:.*/s, 'NotImplemented'), 'InvalidURI'),
    // A request that can not be read needs no permission: `handle` refuses it with the right error.
    checks: (request) => orInvalid(() => checksOf(withQueryHeaders(request), store, context.clock.now()), []),
    handle,
    errorResponse: (request, error) => s3ErrorResponse(request, { ...error, code: spelling(error.code) }),
    resourcePolicy: (arn) =>
      arn.startsWith(ARN_PREFIX) ? store.find(arn.slice(ARN_PREFIX.length).split('/')[0]!)?.settings.policy : undefined,
    start: async () => {
      started = true;
      lifecycle.start();
    },
    close: async () => lifecycle.stop(),
  };
}

function operationTable(uploads: MultipartUploads): Record<string, S3Operation> {
  return {
    ListBuckets: buckets.listBuckets,
    CreateBucket: buckets.createBucket,
    HeadBucket: buckets.headBucket,
    DeleteBucket: buckets.deleteBucket,
    GetBucketLocation: buckets.getBucketLocation,
    GetBucketVersioning: buckets.getBucketVersioning,
    PutBucketVersioning: buckets.putBucketVersioning,
    GetBucketPolicy: buckets.getBucketPolicy,
    GetPublicAccessBlock: buckets.getPublicAccessBlock,
    GetBucketEncryption: buckets.getBucketEncryption,
    GetBucketLifecycleConfiguration: getBucketLifecycle,
    GetBucketLogging: buckets.getBucketLogging,
    GetBucketOwnershipControls: buckets.getBucketOwnershipControls,
    GetBucketTagging: buckets.getBucketTagging,
    GetObjectLockConfiguration: locks.getObjectLockConfiguration,
    PutObjectLockConfiguration: locks.putObjectLockConfiguration,
    ListObjects: listObjects,
    ListObjectsV2: listObjectsV2,
    ListObjectVersions: listObjectVersions,
    PutObject: putObject,
    CopyObject: copyObject,
    GetObject: getObject,
    HeadObject: getObject,
    GetObjectAttributes: getObjectAttributes,
    DeleteObject: deleteObject,
    DeleteObjects: deleteObjects,
    GetObjectRetention: locks.getObjectRetention,
    PutObjectRetention: locks.putObjectRetention,
    GetObjectLegalHold: locks.getObjectLegalHold,
    PutObjectLegalHold: locks.putObjectLegalHold,
    CreateMultipartUpload: (call) => uploads.create(call),
    UploadPart: (call) => uploads.uploadPart(call),
    CompleteMultipartUpload: (call) => uploads.complete(call),
    AbortMultipartUpload: (call) => uploads.abort(call),
    ListParts: (call) => uploads.listParts(call),
    ListMultipartUploads: (call) => uploads.list(call),
  };
}

function orInvalid<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof S3Error) return otherwise;
    throw error;
  }
}

/** S3 leaves out the suffix that other protocols put behind a denial. */
function spelling(code: string): string {
  return code === 'AccessDeniedException' ? 'AccessDenied' : code;
}
