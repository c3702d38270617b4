/** Reads and recomputes AWS Signature Version 4, in the `authorization` header and in presigned queries. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { canonicalRequest, queryPairs, type ReceivedRequest, sha256, splitTarget } from './canonical-request.ts';

export interface Signature {
  accessKeyId: string;
  /** `YYYYMMDD` of the credential scope. */
  day: string;
  region: string;
  /** Service of the credential scope, e.g. `states`. */
  service: string;
  /** `YYYYMMDDTHHMMSSZ` as signed. */
  time: string;
  signedHeaders: string[];
  signature: string;
  sessionToken: string | undefined;
  presigned: boolean;
  /** Seconds that a presigned query is valid. */
  expires: number | undefined;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';

/** The signature that a request carries; undefined when it carries none that can be read. */
export function readSignature(request: ReceivedRequest): Signature | undefined {
  const { authorization } = request.headers;
  if (authorization?.startsWith(ALGORITHM)) return fromHeader(authorization, request.headers);
  const query = new Map(queryPairs(splitTarget(request.target)[1]));
  return query.get('X-Amz-Algorithm') === ALGORITHM ? fromQuery(query) : undefined;
}

function fromHeader(authorization: string, headers: Record<string, string>): Signature | undefined {
  const part = (name: string): string => new RegExp(`${name}=([^,\\s]+)`).exec(authorization)?.[1] ?? '';
  return assemble(part('Credential'), part('SignedHeaders'), part('Signature'), {
    time: headers['x-amz-date'] ?? '',
    sessionToken: headers['x-amz-security-token'],
    presigned: false,
    expires: undefined,
  });
}

function fromQuery(query: ReadonlyMap<string, string>): Signature | undefined {
  const part = (name: string): string => query.get(`X-Amz-${name}`) ?? '';
  return assemble(part('Credential'), part('SignedHeaders'), part('Signature'), {
    time: part('Date'),
    sessionToken: query.get('X-Amz-Security-Token'),
    presigned: true,
    expires: Number(part('Expires') || Number.NaN),
  });
}

function assemble(
  credential: string,
  signedHeaders: string,
  signature: string,
  rest: Pick<Signature, 'time' | 'sessionToken' | 'presigned' | 'expires'>,
): Signature | undefined {
  const [accessKeyId, day, region, service, end] = credential.split('/');
  if (!accessKeyId || !day || !region || !service || end !== 'aws4_request' || !signedHeaders || !signature) return undefined;
  return { accessKeyId, day, region, service, signedHeaders: signedHeaders.split(';'), signature, ...rest };
}

/** Whether `signature` was made with `secret` over this request and payload hash. Dates are not compared with anything. */
export function signatureMatches(request: ReceivedRequest, signature: Signature, secret: string, payloadHash: string): boolean {
  // Without the host a signature could be replayed elsewhere; every AWS client signs it.
  if (!signature.signedHeaders.includes('host')) return false;
  const canonical = canonicalRequest(request, signature.service, signature.signedHeaders, payloadHash);
  return equal(sign(signature, secret, [ALGORITHM, signature.time, scopeOf(signature), sha256(canonical)].join('\n')), signature.signature);
}

export function scopeOf(signature: Signature): string {
  return `${signature.day}/${signature.region}/${signature.service}/aws4_request`;
}

/** Hexadecimal HMAC of a string to sign under the key derived for the day, region and service of `signature`. */
export function sign(signature: Signature, secret: string, text: string): string {
  let key: string | Buffer = `AWS4${secret}`;
  for (const part of [signature.day, signature.region, signature.service, 'aws4_request']) key = hmac(key, part);
  return hmac(key, text).toString('hex');
}

export function equal(expected: string, received: string): boolean {
  const [left, right] = [Buffer.from(expected), Buffer.from(received)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
