/** GetObject, HeadObject and GetObjectAttributes. */
import { open } from 'node:fs/promises';
import type { ServiceResponse } from '../service.ts';
import { checksumHeader } from './checksum.ts';
import { checksumElement } from './put-object.ts';
import { assertReadConditions, readRange } from './read-conditions.ts';
import { bucketOf, objectHeaders, type S3Call, versionHeader, versionOf, xmlAnswer } from './s3-call.ts';
import { notImplemented, S3Error } from './s3-error.ts';

/** Query parameters that replace headers of the answer. */
const OVERRIDES: Record<string, string> = {
  'response-cache-control': 'cache-control',
  'response-content-disposition': 'content-disposition',
  'response-content-encoding': 'content-encoding',
  'response-content-language': 'content-language',
  'response-content-type': 'content-type',
  'response-expires': 'expires',
};

export async function getObject(call: S3Call): Promise<ServiceResponse> {
  const { request } = call;
  if (request.url.searchParams.has('partNumber')) throw notImplemented('partNumber');
  const bucket = bucketOf(call);
  const version = await versionOf(call);
  assertReadConditions(version, request.headers);
  const range = readRange(request.headers.range, version.size);
  const headers = { ...objectHeaders(bucket, version), ...overrides(request.url.searchParams) };
  if (range) headers['content-range'] = `bytes ${range.start}-${range.end}/${version.size}`;
  else if (request.headers['x-amz-checksum-mode'] === 'ENABLED' && version.checksum) {
    headers[checksumHeader(version.checksum.algorithm)] = version.checksum.value;
    headers['x-amz-checksum-type'] = version.checksum.type;
  }
  headers['content-length'] = String(range ? range.end - range.start + 1 : version.size);
  const status = range ? 206 : 200;
  if (request.method === 'HEAD') return { status, headers };
  // The file is opened before the answer starts: a delete from here on does not cut the body short.
  const handle = await open(bucket.dataPath(version), 'r');
  return { status, headers, body: handle.createReadStream(range ?? {}) };
}

function overrides(query: URLSearchParams): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [parameter, header] of Object.entries(OVERRIDES)) {
    const value = query.get(parameter);
    if (value === null) continue;
    // The value comes from whoever made the URL and becomes a header: no line may be started with it.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing control characters is the point.
    if (/[\u0000-\u001f\u007f]/.test(value)) throw new S3Error('InvalidArgument', `${parameter} may not contain control characters`);
    headers[header] = value;
  }
  return headers;
}

const ATTRIBUTES = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'];

export async function getObjectAttributes(call: S3Call): Promise<ServiceResponse> {
  const wanted = (call.request.headers['x-amz-object-attributes'] ?? '').split(',').map((name) => name.trim());
  if (wanted.some((name) => !ATTRIBUTES.includes(name))) throw new S3Error('InvalidArgument', 'Invalid attribute name specified.');
  const bucket = bucketOf(call);
  const version = await versionOf(call);
  const parts = /-(\d+)$/.exec(version.etag)?.[1];
  const answer = {
    ETag: wanted.includes('ETag') ? version.etag : undefined,
    Checksum: wanted.includes('Checksum') && version.checksum ? checksumElement(version.checksum) : undefined,
    ObjectParts: wanted.includes('ObjectParts') && parts ? { PartsCount: parts } : undefined,
    StorageClass: wanted.includes('StorageClass') ? 'STANDARD' : undefined,
    ObjectSize: wanted.includes('ObjectSize') ? version.size : undefined,
  };
  return xmlAnswer('GetObjectAttributesResponse', answer, {
    'last-modified': new Date(version.lastModified).toUTCString(),
    ...versionHeader(bucket, version),
  });
}
