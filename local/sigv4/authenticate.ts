/** Finds out who sent a request: looks up the access key, recomputes the signature, and unwraps `aws-chunked` bodies. */
import type { Clock } from '../clock.ts';
import type { Credentials } from '../credentials.ts';
import type { Caller } from '../service.ts';
import { decodeAwsChunked } from './aws-chunked.ts';
import { EMPTY_HASH, queryPairs, type ReceivedRequest, sha256, splitTarget } from './canonical-request.ts';
import { equal, readSignature, type Signature, scopeOf, sign, signatureMatches } from './signature.ts';

/** What went wrong, before a service's protocol gives it a code. */
export type Refusal =
  | 'unsigned'
  | 'old-signature'
  | 'unknown-key'
  | 'bad-token'
  | 'bad-signature'
  | 'bad-payload-hash'
  | 'bad-body'
  | 'expired';

export interface Authenticated {
  caller: Caller;
  /** Service of the credential scope. */
  service: string;
  presigned: boolean;
  /** Body without transfer framing. */
  body: Buffer;
  /** Headers with the trailers of a chunked body, without its framing. */
  headers: Record<string, string>;
}

export type Authentication = ({ ok: true } & Authenticated) | { ok: false; refusal: Refusal; service: string | undefined };

/** Never compares dates, except a presigned query's `X-Amz-Expires` with the virtual clock. */
export function authenticate(request: ReceivedRequest, body: Buffer, credentials: Credentials, clock: Clock): Authentication {
  const signature = readSignature(request);
  if (!signature) return { ok: false, refusal: hasOldSignature(request) ? 'old-signature' : 'unsigned', service: undefined };
  const refuse = (refusal: Refusal): Authentication => ({ ok: false, refusal, service: signature.service });
  const known = credentials.find(signature.accessKeyId);
  if (!known) return refuse('unknown-key');
  if (known.sessionToken !== undefined && !equal(known.sessionToken, signature.sessionToken ?? '')) return refuse('bad-token');
  const payloadHash = declaredPayloadHash(request, signature, body);
  if (!signatureMatches(request, signature, known.secretAccessKey, payloadHash)) return refuse('bad-signature');
  if (/^[0-9a-f]{64}$/.test(payloadHash) && payloadHash !== sha256(body)) return refuse('bad-payload-hash');
  if (signature.presigned && isExpired(signature, clock)) return refuse('expired');
  try {
    const unwrapped = unwrap(request, body, payloadHash, signature, known.secretAccessKey);
    return unwrapped
      ? { ok: true, caller: known.caller, service: signature.service, presigned: signature.presigned, ...unwrapped }
      : refuse('bad-signature');
  } catch {
    return refuse('bad-body');
  }
}

/** Version 2, which old tools still make for presigned S3 addresses; AWS refuses it for every bucket made since 2020. */
function hasOldSignature({ target, headers }: ReceivedRequest): boolean {
  return headers.authorization?.startsWith('AWS ') === true || /[?&]AWSAccessKeyId=/.test(target);
}

function declaredPayloadHash(request: ReceivedRequest, signature: Signature, body: Buffer): string {
  const header = request.headers['x-amz-content-sha256'];
  if (header !== undefined) return header;
  if (!signature.presigned) return body.length === 0 ? EMPTY_HASH : sha256(body);
  const query = new Map(queryPairs(splitTarget(request.target)[1]));
  return query.get('X-Amz-Content-Sha256') ?? (signature.service === 's3' ? 'UNSIGNED-PAYLOAD' : sha256(body));
}

function isExpired(signature: Signature, clock: Clock): boolean {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(signature.time) ?? [];
  const signed = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  // A date or a duration that cannot be read makes NaN, and no comparison with NaN holds: such a URL is not valid.
  return !(clock.now() <= signed + (signature.expires ?? Number.NaN) * 1000);
}

function unwrap(
  request: ReceivedRequest,
  body: Buffer,
  payloadHash: string,
  signature: Signature,
  secret: string,
): Pick<Authenticated, 'body' | 'headers'> | undefined {
  if (!payloadHash.startsWith('STREAMING-')) return { body, headers: request.headers };
  const { chunks, trailers } = decodeAwsChunked(body);
  if (payloadHash.startsWith('STREAMING-AWS4-HMAC-SHA256-PAYLOAD')) {
    let previous = signature.signature;
    for (const chunk of chunks) {
      const text = ['AWS4-HMAC-SHA256-PAYLOAD', signature.time, scopeOf(signature), previous, EMPTY_HASH, sha256(chunk.data)].join('\n');
      previous = sign(signature, secret, text);
      if (!equal(previous, chunk.signature ?? '')) return undefined;
    }
  }
  const decoded = Buffer.concat(chunks.map(({ data }) => data));
  const declared = request.headers['x-amz-decoded-content-length'];
  if (declared !== undefined && Number(declared) !== decoded.length) throw new Error('the decoded length is not the declared one');
  const { 'content-encoding': encoding = '', ...headers } = request.headers;
  const others = encoding
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '' && item !== 'aws-chunked');
  return {
    body: decoded,
    headers: {
      ...headers,
      ...(others.length > 0 ? { 'content-encoding': others.join(',') } : {}),
      'content-length': String(decoded.length),
      ...trailers,
    },
  };
}
