/** ListObjectsV2, ListObjects and ListObjectVersions. A page costs what it answers: positions are found by binary search in the index. */
import type { ServiceResponse } from '../service.ts';
import { owner } from './bucket-operations.ts';
import { type ObjectVersion, sequenceOf } from './object-version.ts';
import { bucketOf, isoDate, type S3Call, xmlAnswer } from './s3-call.ts';
import { S3Error } from './s3-error.ts';
import { checkVersionId } from './s3-request.ts';
import type { VersionIndex } from './version-index.ts';
import type { XmlValue } from './xml.ts';

const PAGE_LIMIT = 1000;

interface ListQuery {
  prefix: string;
  delimiter: string;
  limit: number;
  /** Encodes keys when the caller asked for it: XML can not hold every character. */
  encode: (key: string) => string;
  encoding: 'url' | undefined;
}

function listQuery(call: S3Call): ListQuery {
  const query = call.request.url.searchParams;
  const limitText = query.get('max-keys') ?? String(PAGE_LIMIT);
  if (!/^\d{1,10}$/.test(limitText)) throw new S3Error('InvalidArgument', 'Provided max-keys not an integer or within integer range');
  const encoding = query.get('encoding-type') ?? undefined;
  if (encoding !== undefined && encoding !== 'url') throw new S3Error('InvalidArgument', 'Invalid Encoding Method specified in Request');
  return {
    prefix: query.get('prefix') ?? '',
    delimiter: query.get('delimiter') ?? '',
    limit: Math.min(Number(limitText), PAGE_LIMIT),
    encoding,
    encode: encoding ? (key) => encodeURIComponent(key).replaceAll('%2F', '/') : (key) => key,
  };
}

interface Page<T> {
  items: T[];
  prefixes: string[];
  /** Last key or common prefix of the page, when more follows. */
  next: string | undefined;
}

/**
 * Walks keys behind `after` (a key, or a common prefix, which is skipped whole) and collects up to the limit. `select` answers what a key
 * contributes; an empty list leaves the key out and may not hide a common prefix.
 */
function walk<T>(
  index: VersionIndex,
  query: ListQuery,
  start: number,
  select: (key: string, room: number) => { items: T[]; more: boolean },
): Page<T> {
  const page: Page<T> = { items: [], prefixes: [], next: undefined };
  let position = Math.max(start, index.firstAtOrAfter(query.prefix));
  let last = '';
  for (let key = index.keyAt(position); key?.startsWith(query.prefix); key = index.keyAt(position)) {
    const room = query.limit - page.items.length - page.prefixes.length;
    const chosen = select(key, room);
    const cut = query.delimiter ? key.indexOf(query.delimiter, query.prefix.length) : -1;
    if (chosen.items.length === 0 && !chosen.more) {
      position++;
      continue;
    }
    if (room === 0) return { ...page, next: last };
    if (cut < 0) {
      page.items.push(...chosen.items);
      last = key;
      if (chosen.more) return { ...page, next: key };
      position++;
    } else {
      last = key.slice(0, cut + query.delimiter.length);
      page.prefixes.push(last);
      position = index.firstAfterPrefix(last);
    }
  }
  return page;
}

/** Where a list goes on behind a key, or behind everything under a common prefix. */
function startAfter(index: VersionIndex, after: string, { prefix, delimiter }: ListQuery): number {
  // A listed key never has a delimiter behind the prefix, so what ends with one is a common prefix.
  const isCommonPrefix = delimiter !== '' && after.length > prefix.length && after.startsWith(prefix) && after.endsWith(delimiter);
  return isCommonPrefix ? Math.max(index.firstAfterPrefix(after), index.firstAfter(after)) : index.firstAfter(after);
}

function currentObjects(index: VersionIndex, query: ListQuery, start: number): Page<ObjectVersion> {
  if (query.limit === 0) return { items: [], prefixes: [], next: undefined };
  return walk(index, query, start, (key, room) => {
    const current = index.current(key);
    if (!current) return { items: [], more: false };
    return room > 0 ? { items: [current], more: false } : { items: [], more: true };
  });
}

export function listObjectsV2(call: S3Call): ServiceResponse {
  const bucket = bucketOf(call);
  const query = listQuery(call);
  const parameters = call.request.url.searchParams;
  const token = parameters.get('continuation-token');
  const after = token === null ? (parameters.get('start-after') ?? '') : readToken(token);
  // A start-after that ends with the delimiter is a key; only tokens stand for whole prefixes.
  const start = token === null ? bucket.index.firstAfter(after) : startAfter(bucket.index, after, query);
  const page = currentObjects(bucket.index, query, after === '' && token === null ? 0 : start);
  const withOwner = parameters.get('fetch-owner') === 'true' ? { Owner: owner(call.context.account) } : {};
  return xmlAnswer('ListBucketResult', {
    Name: bucket.name,
    Prefix: query.encode(query.prefix),
    Delimiter: query.delimiter ? query.encode(query.delimiter) : undefined,
    MaxKeys: query.limit,
    EncodingType: query.encoding,
    KeyCount: page.items.length + page.prefixes.length,
    IsTruncated: page.next !== undefined,
    ContinuationToken: token ?? undefined,
    NextContinuationToken: page.next === undefined ? undefined : writeToken(page.next),
    StartAfter: parameters.get('start-after') === null ? undefined : query.encode(parameters.get('start-after')!),
    Contents: page.items.map((version) => ({ ...contents(version, query), ...withOwner })),
    CommonPrefixes: page.prefixes.map((prefix) => ({ Prefix: query.encode(prefix) })),
  });
}

/** The older form, which goes on behind a marker. */
export function listObjects(call: S3Call): ServiceResponse {
  const bucket = bucketOf(call);
  const query = listQuery(call);
  const marker = call.request.url.searchParams.get('marker') ?? '';
  const page = currentObjects(bucket.index, query, marker ? startAfter(bucket.index, marker, query) : 0);
  return xmlAnswer('ListBucketResult', {
    Name: bucket.name,
    Prefix: query.encode(query.prefix),
    Marker: query.encode(marker),
    NextMarker: page.next === undefined ? undefined : query.encode(page.next),
    Delimiter: query.delimiter ? query.encode(query.delimiter) : undefined,
    MaxKeys: query.limit,
    EncodingType: query.encoding,
    IsTruncated: page.next !== undefined,
    Contents: page.items.map((version) => ({ ...contents(version, query), Owner: owner(call.context.account) })),
    CommonPrefixes: page.prefixes.map((prefix) => ({ Prefix: query.encode(prefix) })),
  });
}

function contents(version: ObjectVersion, query: ListQuery): { [name: string]: XmlValue } {
  return {
    Key: query.encode(version.key),
    LastModified: isoDate(version.lastModified),
    ETag: `"${version.etag}"`,
    ChecksumAlgorithm: version.checksum?.algorithm,
    ChecksumType: version.checksum?.type,
    Size: version.size,
    StorageClass: 'STANDARD',
  };
}

export function listObjectVersions(call: S3Call): ServiceResponse {
  const bucket = bucketOf(call);
  const { index } = bucket;
  const query = listQuery(call);
  const parameters = call.request.url.searchParams;
  const keyMarker = parameters.get('key-marker') ?? '';
  const idMarker = checkVersionId(parameters.get('version-id-marker') || undefined);
  if (idMarker && !keyMarker) throw new S3Error('InvalidArgument', 'A version-id marker cannot be specified without a key marker.');
  const rest = idMarker ? versionsBehind(index.versions(keyMarker), idMarker) : [];
  let start = 0;
  if (rest.length > 0) start = index.firstAtOrAfter(keyMarker);
  else if (keyMarker) start = startAfter(index, keyMarker, query);
  const page = query.limit === 0 ? { items: [], prefixes: [], next: undefined } : walkVersions(index, query, start, keyMarker, rest);
  const last = page.items.at(-1);
  return xmlAnswer('ListVersionsResult', {
    Name: bucket.name,
    Prefix: query.encode(query.prefix),
    KeyMarker: query.encode(keyMarker),
    VersionIdMarker: idMarker ?? '',
    NextKeyMarker: page.next === undefined ? undefined : query.encode(page.next),
    NextVersionIdMarker: page.next !== undefined && last?.key === page.next ? last.versionId : undefined,
    Delimiter: query.delimiter ? query.encode(query.delimiter) : undefined,
    MaxKeys: query.limit,
    EncodingType: query.encoding,
    IsTruncated: page.next !== undefined,
    Version: page.items.filter((version) => !version.deleteMarker).map((version) => entry(call, index, query, version)),
    DeleteMarker: page.items.filter((version) => version.deleteMarker).map((version) => entry(call, index, query, version)),
    CommonPrefixes: page.prefixes.map((prefix) => ({ Prefix: query.encode(prefix) })),
  });
}

function walkVersions(index: VersionIndex, query: ListQuery, start: number, keyMarker: string, rest: ObjectVersion[]): Page<ObjectVersion> {
  return walk(index, query, start, (key, room) => {
    const versions = key === keyMarker && rest.length > 0 ? rest : index.versions(key);
    return { items: versions.slice(0, room), more: versions.length > room };
  });
}

/** Versions older than the marker, also when the marker itself has been deleted since. */
function versionsBehind(versions: ObjectVersion[], idMarker: string): ObjectVersion[] {
  const position = versions.findIndex((version) => version.versionId === idMarker);
  if (position >= 0) return versions.slice(position + 1);
  const sequence = sequenceOf(idMarker);
  return sequence === undefined ? [] : versions.filter((version) => version.sequence < sequence);
}

function entry(call: S3Call, index: VersionIndex, query: ListQuery, version: ObjectVersion): { [name: string]: XmlValue } {
  const identity = { Key: query.encode(version.key), VersionId: version.versionId, IsLatest: index.newest(version.key) === version };
  if (version.deleteMarker) return { ...identity, LastModified: isoDate(version.lastModified), Owner: owner(call.context.account) };
  return { ...identity, ...contents(version, query), Owner: owner(call.context.account) };
}

function writeToken(last: string): string {
  return Buffer.from(`1:${last}`).toString('base64url');
}

/** The token comes back from the caller; whatever it says is only a place in the key order. */
function readToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString('utf8');
  if (!text.startsWith('1:')) throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect');
  return text.slice(2);
}
