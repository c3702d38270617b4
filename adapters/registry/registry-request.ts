/** One request to a registry: credentials, one renewal after 401, retries of what may pass, and errors that never quote the registry. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { Fault } from '../../core/errors.ts';
import { type EgressRequest, egress, type StreamedBody } from '../egress.ts';
import type { RegistryAccess } from './registry-access.ts';

export interface RegistryRequest {
  method: NonNullable<EgressRequest['method']>;
  /** Path with query below the origin, or a full URL of the same origin. */
  path: string;
  scope: string;
  headers?: Record<string, string>;
  body?: Buffer;
  maxBytes?: number;
  /** GET of blobs may be redirected to a storage service. */
  redirects?: number;
  /** Answers other than 2xx that the caller reads itself. */
  expect?: readonly number[];
  /** Error code of a refusal that must be a mistake of the registry, because the caller has checked what it is about: it may pass. */
  mistake?: string;
}

export interface RegistryAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface BlobAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Readable;
}

/** 0.2 + 0.4 + 0.8 + 1.6 s: a hiccup; an outage is for the state machine's own retries. */
export const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 20_000;
const LARGEST_ERROR = 64 * 1024;
const DEADLINE_MS = 30_000;

/** Sends and reads one request, with retries. Faults: REGISTRY_REFUSED (final), UNAVAILABLE, FOREIGN_REALM, LIMIT, EGRESS_REFUSED. */
export function callRegistry(access: RegistryAccess, request: RegistryRequest): Promise<RegistryAnswer> {
  return retrying(() => callRegistryOnce(access, request));
}

/** The same without retries, for callers that retry a longer piece of work. */
export async function callRegistryOnce(access: RegistryAccess, request: RegistryRequest): Promise<RegistryAnswer> {
  const answer = await authorized(access, request, (headers) =>
    egress.request({
      method: request.method,
      url: addressOf(access, request.path),
      headers,
      deadlineMs: DEADLINE_MS,
      maxBytes: Math.max(request.maxBytes ?? 0, LARGEST_ERROR),
      redirects: request.redirects ?? 0,
      ...(request.body === undefined ? {} : { body: request.body }),
    }),
  );
  if (isExpected(answer.status, request)) return answer;
  throw refusalOf(request, answer.status, answer.headers, answer.body);
}

/** Opens a stream from a registry, or to one with `upload`. Not retried here: a stream can be sent only once. */
export async function streamRegistry(access: RegistryAccess, request: RegistryRequest, upload?: StreamedBody): Promise<BlobAnswer> {
  const open = (headers: Record<string, string>) =>
    egress.stream({
      method: request.method,
      url: addressOf(access, request.path),
      headers,
      // An upload is answered when its last byte has arrived: silence ends it, not its length.
      deadlineMs: upload ? 14 * 60_000 : DEADLINE_MS,
      redirects: request.redirects ?? 0,
      ...(upload ? { upload } : {}),
    });
  const answer = await authorized(access, request, open, upload !== undefined);
  if (isExpected(answer.status, request)) return answer;
  answer.body.destroy();
  throw refusalOf(request, answer.status, answer.headers, undefined);
}

/** Tries `act` again while its fault may pass, with growing pauses; `Retry-After` is honoured. */
export async function retrying<Result>(act: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof Fault) || !error.retryable || attempt >= ATTEMPTS) throw error;
      await pauseBefore(attempt, error);
    }
  }
}

/** The pause after the failure number `attempt`, from 1. */
export async function pauseBefore(attempt: number, error?: unknown): Promise<void> {
  const pause = FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
  const asked = error instanceof Throttled ? error.retryAfterMs : 0;
  await new Promise((resolve) => setTimeout(resolve, Math.min(LONGEST_PAUSE_MS, Math.max(pause, asked))));
}

class Throttled extends Fault {
  readonly retryAfterMs: number;
  constructor(detail: string, retryAfterMs: number) {
    super('UNAVAILABLE', detail);
    this.retryAfterMs = retryAfterMs;
  }
}

/** Path below the registry; a full URL must have its origin, so that no credential and no byte goes elsewhere. */
function addressOf(access: RegistryAccess, path: string): string {
  // What we ask for begins so; `//` would begin an address of another host.
  if (path.startsWith('/v2/')) return `${access.origin}${path}`;
  const url = new URL(path, access.origin);
  if (url.origin !== access.origin)
    throw new Fault('REGISTRY_REFUSED', 'the registry names an address of another origin; nothing was sent there');
  return url.href;
}

async function authorized<Answer extends { status: number; headers: IncomingHttpHeaders; body: Buffer | Readable }>(
  access: RegistryAccess,
  request: RegistryRequest,
  send: (headers: Record<string, string>) => Promise<Answer>,
  isStreamSent = false,
): Promise<Answer> {
  let authorization: string | undefined;
  const sendOnce = async () => {
    authorization = await access.authorization(request.scope);
    return send({ ...request.headers, ...(authorization === undefined ? {} : { authorization }) });
  };
  const answer = await sendOnce();
  if (answer.status !== 401 && answer.status !== 403) return answer;
  if (!(await access.challenged(answer.headers['www-authenticate'], request.scope, authorization))) return answer;
  if (!Buffer.isBuffer(answer.body)) answer.body.destroy();
  // Half of the stream is gone: the caller begins the upload anew, with the new token.
  if (isStreamSent) throw new Throttled('the registry wanted a new token in the middle of an upload', 0);
  return sendOnce();
}

function isExpected(status: number, request: RegistryRequest): boolean {
  return (status >= 200 && status < 300) || (request.expect?.includes(status) ?? false);
}

/** What was asked for, in our words: of the path only kind and digest, because the registry itself names some paths (uploads, next pages). */
function askedFor({ method, path, scope }: RegistryRequest): string {
  const [, kind = 'registry', digest = ''] = /\/(manifests|blobs|referrers|tags)\/(sha256:[0-9a-f]{64}(?![^?]))?/.exec(path) ?? [];
  return `${method} ${kind}${digest === '' ? '' : ` ${digest}`} of ${scope.split(':')[1]}`;
}

/** A registry's error text may hold anything, our own credentials included: only its code is taken, and only if it looks like one. */
function refusalOf(request: RegistryRequest, status: number, headers: IncomingHttpHeaders, body: Buffer | undefined): Fault {
  const code = codeOf(body);
  const what = `${askedFor(request)}: ${status}${code === undefined ? '' : ` ${code}`}`;
  if (status === 429 || status >= 500 || status === 408 || (code !== undefined && code === request.mistake)) {
    const seconds = Number(headers['retry-after']);
    return new Throttled(`the registry does not answer as it should (${what})`, Number.isFinite(seconds) ? seconds * 1000 : 0);
  }
  return new Fault('REGISTRY_REFUSED', `the registry refuses (${what})`, {
    hint: status === 401 || status === 403 ? 'check the permissions on the repository' : 'check the registry and its configuration',
  });
}

function codeOf(body: Buffer | undefined): string | undefined {
  try {
    const parsed = JSON.parse(body?.toString('utf8') ?? '') as { errors?: { code?: unknown }[] };
    const code = parsed.errors?.[0]?.code;
    return typeof code === 'string' && /^[A-Z_]{1,40}$/.test(code) ? code : undefined;
  } catch {
    return undefined;
  }
}
