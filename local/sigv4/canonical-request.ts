/** The text that AWS Signature Version 4 signs, rebuilt from a request as it was received. */
import { createHash } from 'node:crypto';

/** A request as it came over the wire: nothing decoded, nothing normalized. */
export interface ReceivedRequest {
  method: string;
  /** Path and query as sent. */
  target: string;
  /** Lower-case names; repeated headers joined by commas. */
  headers: Record<string, string>;
}

export const EMPTY_HASH = sha256('');

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** `signedHeaders` in the order of the signature; `payloadHash` is the hash or the literal of `x-amz-content-sha256`. */
export function canonicalRequest(request: ReceivedRequest, service: string, signedHeaders: readonly string[], payloadHash: string): string {
  const [path, query] = splitTarget(request.target);
  const headers = signedHeaders.map((name) => `${name}:${(request.headers[name] ?? '').trim().replace(/ +/g, ' ')}\n`).join('');
  return [request.method, canonicalPath(path, service), canonicalQuery(query), headers, signedHeaders.join(';'), payloadHash].join('\n');
}

export function splitTarget(target: string): [path: string, query: string] {
  const mark = target.indexOf('?');
  return mark < 0 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)];
}

/** Pairs of a query string, decoded; what cannot be decoded stays as it is. A `+` is a plus sign, as in signatures. */
export function queryPairs(query: string): [name: string, value: string][] {
  return query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const equals = part.indexOf('=');
      return equals < 0 ? [decode(part), ''] : [decode(part.slice(0, equals)), decode(part.slice(equals + 1))];
    });
}

function canonicalPath(path: string, service: string): string {
  // S3 signs the path encoded once and keeps `//` and `..`, which are legal in keys; all other services sign it encoded twice.
  if (service === 's3') return encode(decode(path), '/');
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(encode(segment));
  }
  return `/${segments.join('/')}${segments.length > 0 && path.endsWith('/') ? '/' : ''}`;
}

function canonicalQuery(query: string): string {
  const pairs = queryPairs(query)
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [encode(name), encode(value)] as const);
  const order = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);
  pairs.sort((left, right) => order(left[0], right[0]) || order(left[1], right[1]));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

/** RFC 3986: everything but letters, digits and `-_.~` becomes `%XX`. */
function encode(text: string, keep = ''): string {
  const encoded = encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  return keep === '/' ? encoded.replaceAll('%2F', '/') : encoded;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
