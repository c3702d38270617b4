/** Errors of the S3 protocol: codes, their status, and their XML. */
import type { ServiceError, ServiceRequest, ServiceResponse } from '../service.ts';
import { writeXml } from './xml.ts';

const STATUS: Record<string, number> = {
  AccessControlListNotSupported: 400,
  AccessDenied: 403,
  BadDigest: 400,
  BucketAlreadyExists: 409,
  BucketAlreadyOwnedByYou: 409,
  BucketNotEmpty: 409,
  ConditionalRequestConflict: 409,
  EntityTooSmall: 400,
  IllegalVersioningConfigurationException: 400,
  InternalError: 500,
  InvalidArgument: 400,
  InvalidBucketName: 400,
  InvalidBucketState: 409,
  InvalidDigest: 400,
  InvalidPart: 400,
  InvalidPartOrder: 400,
  InvalidRange: 416,
  InvalidRequest: 400,
  InvalidURI: 400,
  KeyTooLongError: 400,
  MalformedTrailerError: 400,
  MalformedXML: 400,
  MetadataTooLarge: 400,
  MethodNotAllowed: 405,
  NoSuchBucket: 404,
  NoSuchBucketPolicy: 404,
  NoSuchKey: 404,
  NoSuchLifecycleConfiguration: 404,
  NoSuchObjectLockConfiguration: 404,
  NoSuchPublicAccessBlockConfiguration: 404,
  NoSuchTagSet: 404,
  NoSuchUpload: 404,
  NoSuchVersion: 404,
  NotImplemented: 501,
  ObjectLockConfigurationNotFoundError: 404,
  OwnershipControlsNotFoundError: 404,
  PreconditionFailed: 412,
  XAmzContentSHA256Mismatch: 400,
};

/** Refusal of an S3 request; `headers` go with the answer, `details` become elements of the error document. */
export class S3Error extends Error implements ServiceError {
  override readonly name = 'S3Error';
  readonly code: string;
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly details: Record<string, string>;

  constructor(code: string, message: string, more: { headers?: Record<string, string>; details?: Record<string, string> } = {}) {
    super(message);
    this.code = code;
    this.status = STATUS[code] ?? 400;
    this.headers = more.headers ?? {};
    this.details = more.details ?? {};
  }
}

/** The object is protected: the words that S3 uses, which tools look for. */
export function lockedError(): S3Error {
  return new S3Error('AccessDenied', 'Access Denied because object protected by object lock.');
}

/** Names what the stand-in does not do, with the error that S3 has for it. */
export function notImplemented(what: string): S3Error {
  return new S3Error('NotImplemented', `A header or query you provided implies functionality that is not implemented: ${what}`);
}

/** The error document; answers to HEAD and 304 have no body. */
export function s3ErrorResponse(
  request: ServiceRequest,
  error: ServiceError & Partial<Pick<S3Error, 'headers' | 'details'>>,
): ServiceResponse {
  const headers: Record<string, string> = { ...error.headers, 'x-amz-request-id': request.requestId, 'x-amz-id-2': hostId(request) };
  if (request.method === 'HEAD' || error.status === 304) return { status: error.status, headers };
  const body = writeXml('Error', {
    Code: error.code,
    Message: error.message,
    ...error.details,
    Resource: request.url.pathname,
    RequestId: request.requestId,
    HostId: hostId(request),
  });
  return { status: error.status, headers: { ...headers, 'content-type': 'application/xml' }, body };
}

/** Extended request id: AWS's is opaque, ours repeats the request id. */
export function hostId(request: ServiceRequest): string {
  return Buffer.from(`local:${request.requestId}`).toString('base64');
}
