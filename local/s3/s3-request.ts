/** Reads a path-style S3 request: which bucket, key and version it names, and which operation it is. */
import type { ServiceRequest } from '../service.ts';
import { sequenceOf } from './object-version.ts';
import { S3Error } from './s3-error.ts';
import { MalformedXml, readXml, type XmlElement } from './xml.ts';

export interface Target {
  bucket: string | undefined;
  key: string | undefined;
}

/** Splits the path. The URL parser has already resolved `.` and `..` segments, so keys with those can not be addressed here. Throws InvalidURI. */
export function targetOf(request: ServiceRequest): Target {
  const path = request.url.pathname.slice(1);
  const slash = path.indexOf('/');
  const bucket = slash < 0 ? path : path.slice(0, slash);
  const key = slash < 0 ? '' : path.slice(slash + 1);
  try {
    return { bucket: decodeURIComponent(bucket) || undefined, key: decodeURIComponent(key) || undefined };
  } catch {
    throw new S3Error('InvalidURI', "Couldn't parse the specified URI.");
  }
}

/** Parts of the signature in a presigned query; everything else that starts with `x-amz-` stands for a header. */
const SIGNATURE_PARAMETERS = /^x-amz-(algorithm|credential|date|expires|security-token|signature|signedheaders)$/;

/** A presigned request may carry its headers in the query, where signers put them: they count like headers. */
export function withQueryHeaders(request: ServiceRequest): ServiceRequest {
  if (!request.presigned) return request;
  const headers = { ...request.headers };
  for (const [name, value] of request.url.searchParams) {
    const header = name.toLowerCase();
    if (header.startsWith('x-amz-') && !SIGNATURE_PARAMETERS.test(header)) headers[header] ??= value;
  }
  return { ...request, headers };
}

/** Query parameters that make a request about a part of a bucket, with the operations of each method. */
const BUCKET_OPERATIONS: Record<string, Record<string, string>> = {
  location: { GET: 'GetBucketLocation' },
  versioning: { GET: 'GetBucketVersioning', PUT: 'PutBucketVersioning' },
  'object-lock': { GET: 'GetObjectLockConfiguration', PUT: 'PutObjectLockConfiguration' },
  policy: { GET: 'GetBucketPolicy' },
  publicAccessBlock: { GET: 'GetPublicAccessBlock' },
  encryption: { GET: 'GetBucketEncryption' },
  lifecycle: { GET: 'GetBucketLifecycleConfiguration' },
  logging: { GET: 'GetBucketLogging' },
  ownershipControls: { GET: 'GetBucketOwnershipControls' },
  tagging: { GET: 'GetBucketTagging' },
  versions: { GET: 'ListObjectVersions' },
  uploads: { GET: 'ListMultipartUploads' },
  delete: { POST: 'DeleteObjects' },
};

const OBJECT_OPERATIONS: Record<string, Record<string, string>> = {
  retention: { GET: 'GetObjectRetention', PUT: 'PutObjectRetention' },
  'legal-hold': { GET: 'GetObjectLegalHold', PUT: 'PutObjectLegalHold' },
  attributes: { GET: 'GetObjectAttributes' },
  uploads: { POST: 'CreateMultipartUpload' },
  uploadId: { GET: 'ListParts', PUT: 'UploadPart', POST: 'CompleteMultipartUpload', DELETE: 'AbortMultipartUpload' },
};

/** Sub-resources of S3 that are known and refused: without this list a `PUT ?acl` would be taken for a PutObject. */
const REFUSED = [
  'accelerate',
  'acl',
  'analytics',
  'annotation',
  'cors',
  'encryption',
  'intelligent-tiering',
  'inventory',
  'lifecycle',
  'metadataConfiguration',
  'metadataInventoryTable',
  'metadataJournalTable',
  'metadataTable',
  'metrics',
  'notification',
  'policyStatus',
  'renameObject',
  'replication',
  'requestPayment',
  'restore',
  'select',
  'session',
  'tagging',
  'torrent',
  'website',
];

/** Name of the operation in AWS's spelling; `NotImplemented:WHAT` for what the stand-in refuses. */
export function operationOf(request: ServiceRequest): string {
  const { method, url, headers } = request;
  const { bucket, key } = targetOf(request);
  if (!bucket) return method === 'GET' ? 'ListBuckets' : `NotImplemented:${method}`;
  const table = key ? OBJECT_OPERATIONS : BUCKET_OPERATIONS;
  for (const [parameter, operations] of Object.entries(table)) {
    if (!url.searchParams.has(parameter)) continue;
    const operation = operations[method] ?? `NotImplemented:${method} ${parameter}`;
    return operation === 'UploadPart' && headers['x-amz-copy-source'] !== undefined ? 'UploadPartCopy' : operation;
  }
  const refused = REFUSED.find((parameter) => url.searchParams.has(parameter));
  if (refused) return `NotImplemented:${method} ${refused}`;
  if (!key) return plainBucketOperation(method, url.searchParams);
  if (method === 'PUT') return headers['x-amz-copy-source'] === undefined ? 'PutObject' : 'CopyObject';
  return { GET: 'GetObject', HEAD: 'HeadObject', DELETE: 'DeleteObject' }[method] ?? `NotImplemented:${method}`;
}

function plainBucketOperation(method: string, query: URLSearchParams): string {
  if (method === 'GET') return query.get('list-type') === '2' ? 'ListObjectsV2' : 'ListObjects';
  return { PUT: 'CreateBucket', HEAD: 'HeadBucket', DELETE: 'DeleteBucket' }[method] ?? `NotImplemented:${method}`;
}

/** Version that the query names. Throws InvalidArgument for what can not be a version id. */
export function versionIdIn(request: ServiceRequest): string | undefined {
  return checkVersionId(request.url.searchParams.get('versionId') ?? undefined);
}

/** Answers a version id that has the right form. Throws InvalidArgument. */
export function checkVersionId(versionId: string | undefined): string | undefined {
  if (versionId === undefined) return undefined;
  if (versionId === '') throw new S3Error('InvalidArgument', 'Version id cannot be the empty string');
  if (versionId !== 'null' && sequenceOf(versionId) === undefined) throw new S3Error('InvalidArgument', 'Invalid version id specified');
  return versionId;
}

/** Header that says that a GOVERNANCE retention is to be ignored. */
export function asksBypass(request: ServiceRequest): boolean {
  return request.headers['x-amz-bypass-governance-retention']?.toLowerCase() === 'true';
}

/** Body as XML with the expected root element. Throws MalformedXML. */
export function xmlBody(request: ServiceRequest, root: string): XmlElement {
  try {
    const element = readXml(request.body.toString('utf8'));
    if (element.name === root) return element;
  } catch (error) {
    if (!(error instanceof MalformedXml)) throw error;
  }
  throw malformedXml();
}

export function malformedXml(): S3Error {
  return new S3Error('MalformedXML', 'The XML you provided was not well-formed or did not validate against our published schema');
}

/** Source of a copy: `bucket/key`, URL-encoded, with or without a leading slash and `?versionId=`. */
export function copySourceOf(request: ServiceRequest): { bucket: string; key: string; versionId: string | undefined } {
  const header = request.headers['x-amz-copy-source'] ?? '';
  const [, bucket, key, versionId] = /^\/?([^/]+)\/(.+?)(?:\?versionId=(.*))?$/s.exec(header) ?? [];
  if (!bucket || !key) throw new S3Error('InvalidArgument', 'Copy Source must mention the source bucket and key: sourcebucket/sourcekey');
  try {
    return { bucket: decodeURIComponent(bucket), key: decodeURIComponent(key), versionId: checkVersionId(versionId) };
  } catch (error) {
    if (error instanceof S3Error) throw error;
    throw new S3Error('InvalidArgument', 'Invalid copy source encoding.');
  }
}
