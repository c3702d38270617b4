/** Conditions and ranges of a read. */
import type { ObjectVersion } from './object-version.ts';
import { preconditionFailed } from './put-conditions.ts';
import { S3Error } from './s3-error.ts';

/** The caller has this version already: 304. */
class NotModified extends S3Error {
  override readonly status = 304;
  constructor(version: ObjectVersion) {
    super('NotModified', 'Not Modified', {
      headers: { etag: `"${version.etag}"`, 'last-modified': new Date(version.lastModified).toUTCString() },
    });
  }
}

/**
 * `If-Match`, `If-Unmodified-Since`, `If-None-Match`, `If-Modified-Since`, or their forms for the source of a copy. An ETag that holds wins over
 * the date beside it. Throws PreconditionFailed or NotModified (copies know only the first).
 */
export function assertReadConditions(version: ObjectVersion, headers: Record<string, string>, prefix = ''): void {
  const match = headers[`${prefix}if-match`];
  const noneMatch = headers[`${prefix}if-none-match`];
  const unmodifiedSince = Date.parse(headers[`${prefix}if-unmodified-since`] ?? '');
  const modifiedSince = Date.parse(headers[`${prefix}if-modified-since`] ?? '');
  if (match !== undefined) {
    if (!namesEtag(match, version.etag)) throw preconditionFailed('If-Match');
  } else if (version.lastModified > unmodifiedSince) throw preconditionFailed('If-Unmodified-Since');
  const known = noneMatch === undefined ? version.lastModified <= modifiedSince : namesEtag(noneMatch, version.etag);
  if (!known) return;
  throw prefix ? preconditionFailed('If-None-Match') : new NotModified(version);
}

function namesEtag(header: string, etag: string): boolean {
  return header.split(',').some((candidate) => {
    const trimmed = candidate.trim();
    return trimmed === '*' || trimmed.replace(/^W\//, '').replaceAll('"', '') === etag;
  });
}

/** First and last byte, both inside the object. */
export interface ByteRange {
  start: number;
  end: number;
}

/** Reads `Range`; undefined when there is none, or one that S3 ignores (several ranges, another unit). Throws InvalidRange. */
export function readRange(header: string | undefined, size: number): ByteRange | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  if (start >= size || (first === '' && Number(last) === 0)) {
    throw new S3Error('InvalidRange', 'The requested range is not satisfiable', {
      headers: { 'content-range': `bytes */${size}` },
      details: { RangeRequested: header!, ActualObjectSize: String(size) },
    });
  }
  return { start, end };
}
