/**
 * The one way out to everything that is not AWS: node:http(s) with pooled connections, checked addresses, a total deadline and a cap on bytes.
 * Answers are never decompressed. Faults: EGRESS_REFUSED (final), UNAVAILABLE (connection, deadline), LIMIT (larger than `maxBytes`).
 */
import * as http from 'node:http';
import * as https from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { Fault } from '../core/errors.ts';
import { checkedUrl, publicLookup } from './egress-address.ts';
import { readingLarge } from './reading-large.ts';

export interface EgressRequest {
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  url: string;
  headers?: Record<string, string>;
  body?: Buffer | string;
  /** Milliseconds for everything, redirects and body included. Default 10 s. */
  deadlineMs?: number;
  /** Longest body that is read. Default 64 KiB. */
  maxBytes?: number;
  /** Redirects that GET and HEAD follow, at most 3. Default 0: a redirect is an answer like any other. */
  redirects?: number;
}

interface EgressAnswer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

interface EgressStream {
  status: number;
  headers: http.IncomingHttpHeaders;
  /** Errors and silence of more than 60 s end it with an error. The reader consumes or destroys it. */
  body: Readable;
}

/** What goes out as the body of a streamed request: `length` bytes, no more and no fewer. */
export interface StreamedBody {
  stream: Readable;
  length: number;
}

const DEFAULT_DEADLINE_MS = 10_000;
const DEFAULT_MAX_BYTES = 64 * 1024;
const MOST_REDIRECTS = 3;
/** A transfer without a byte for this long is dead. A registry that takes an upload is silent while it stores what it got. */
const SILENCE_MS = 60_000;
const UPLOAD_SILENCE_MS = 300_000;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Headers that belong to one origin. */
const CREDENTIALS = new Set(['authorization', 'cookie', 'proxy-authorization']);

/**
 * 4 blobs in each direction and the small requests beside them. All are kept: to open one costs more than a request. Idle connections close before a
 * load balancer's usual 60 s.
 */
const POOL = { keepAlive: true, maxSockets: 32, maxFreeSockets: 32, timeout: SILENCE_MS, keepAliveMsecs: 15_000 } as const;
const AGENTS = {
  public: readingLarge(new https.Agent({ ...POOL, lookup: publicLookup })),
  allowedHttps: readingLarge(new https.Agent(POOL)),
  allowedHttp: readingLarge(new http.Agent(POOL)),
};

/** Sends a request and reads the whole answer. */
async function request(options: EgressRequest): Promise<EgressAnswer> {
  const deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
  const deadline = new Deadline(deadlineMs, `no complete answer within ${Math.round(deadlineMs / 1000)} s`);
  try {
    const answer = await follow(options, deadline);
    const body = options.method === 'HEAD' ? empty(answer) : await readAll(answer, options.maxBytes ?? DEFAULT_MAX_BYTES);
    return { status: answer.statusCode ?? 0, headers: answer.headers, body };
  } catch (error) {
    throw faultOf(deadline.passed ?? error);
  } finally {
    deadline.end();
  }
}

/** Ends what is under way when its time is over. An AbortController does the same for a tenth of the whole cost of a small request. */
class Deadline {
  /** Set when it has come. */
  passed: Fault | undefined;
  readonly #timer: NodeJS.Timeout;
  #underWay: { destroy(error: Error): unknown } | undefined;

  constructor(milliseconds: number, complaint: string) {
    this.#timer = setTimeout(() => {
      this.passed = new Fault('UNAVAILABLE', complaint);
      this.#underWay?.destroy(this.passed);
    }, milliseconds);
  }

  /** What is to be destroyed from now on. */
  watch(underWay: { destroy(error: Error): unknown }): void {
    this.#underWay = underWay;
    if (this.passed) underWay.destroy(this.passed);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

/** Sends a request whose answer (and body, with PUT and POST) is a stream. Only the time until the answer's head is bounded by `deadlineMs`. */
async function stream(options: Omit<EgressRequest, 'body' | 'maxBytes'> & { upload?: StreamedBody }): Promise<EgressStream> {
  const deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
  const deadline = new Deadline(deadlineMs, `no answer within ${Math.round(deadlineMs / 1000)} s`);
  try {
    const answer = await follow(options, deadline, options.upload);
    return { status: answer.statusCode ?? 0, headers: answer.headers, body: answer };
  } catch (error) {
    throw faultOf(deadline.passed ?? error);
  } finally {
    deadline.end();
  }
}

export const egress = { request, stream };

async function follow(options: EgressRequest, deadline: Deadline, upload?: StreamedBody): Promise<http.IncomingMessage> {
  const method = options.method ?? 'GET';
  const most = method === 'GET' || method === 'HEAD' ? Math.min(options.redirects ?? 0, MOST_REDIRECTS) : 0;
  let { url, allowed } = checkedUrl(options.url);
  let headers = options.headers ?? {};
  for (let redirects = 0; ; redirects++) {
    const answer = await send({ method, url, allowed, headers, body: options.body, upload, deadline });
    const location = answer.headers.location;
    if (most === 0 || !REDIRECTS.has(answer.statusCode ?? 0) || location === undefined) return answer;
    answer.destroy();
    if (redirects >= most) throw new Fault('EGRESS_REFUSED', `more than ${most} redirects`);
    // `location` comes from the other side: checked as any address from outside.
    const isRelative = !/^[a-z][a-z0-9+.-]*:/i.test(location) && URL.canParse(location, url.href);
    const next = checkedUrl(isRelative ? new URL(location, url).href : location);
    if (url.protocol === 'https:' && next.url.protocol !== 'https:')
      throw new Fault('EGRESS_REFUSED', 'a redirect leads from https to http');
    if (next.url.origin !== url.origin)
      headers = Object.fromEntries(Object.entries(headers).filter(([name]) => !CREDENTIALS.has(name.toLowerCase())));
    ({ url, allowed } = next);
  }
}

interface Sending {
  method: string;
  url: URL;
  allowed: boolean;
  headers: Record<string, string>;
  body: Buffer | string | undefined;
  upload: StreamedBody | undefined;
  deadline: Deadline;
}

function send({ method, url, allowed, headers, body, upload, deadline }: Sending): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const length = upload?.length ?? (body === undefined ? undefined : Buffer.byteLength(body));
    const sent: Record<string, string | number> = { 'user-agent': 'greenlight', ...headers };
    if (length !== undefined) sent['content-length'] = length;
    const options = { method, headers: sent, timeout: upload ? UPLOAD_SILENCE_MS : SILENCE_MS };
    const outgoing =
      url.protocol === 'https:'
        ? https.request(url, { ...options, agent: allowed ? AGENTS.allowedHttps : AGENTS.public })
        : http.request(url, { ...options, agent: AGENTS.allowedHttp });
    deadline.watch(outgoing);
    outgoing.on('response', (answer) => {
      deadline.watch(answer);
      resolve(answer);
    });
    outgoing.on('error', reject);
    outgoing.on('timeout', () => outgoing.destroy(new Fault('UNAVAILABLE', 'the other side fell silent')));
    if (!upload) {
      outgoing.end(body);
      return;
    }
    // A source that breaks must break the upload too: a short body that ends regularly would be a wrong one.
    pipeline(upload.stream, outgoing, (error) => {
      if (error) reject(error);
    });
  });
}

function empty(answer: http.IncomingMessage): Buffer {
  answer.resume();
  return Buffer.alloc(0);
}

function readAll(answer: http.IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const declared = Number(answer.headers['content-length'] ?? 0);
    const tooLong = () => new Fault('LIMIT', `the answer is longer than ${maxBytes} bytes`);
    if (declared > maxBytes) answer.destroy(tooLong());
    answer.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) answer.destroy(tooLong());
      else chunks.push(chunk);
    });
    answer.on('end', () => resolve(Buffer.concat(chunks)));
    answer.on('error', reject);
    answer.on('close', () => {
      if (!answer.readableEnded) reject(new Fault('UNAVAILABLE', 'the connection closed before the answer was complete'));
    });
  });
}

/** Errors of the connection are faults that may pass; what was refused stays refused. */
function faultOf(error: unknown): unknown {
  if (error instanceof Fault) return error;
  const { cause, code } = error as { cause?: unknown; code?: string };
  if (cause instanceof Fault) return cause;
  return new Fault('UNAVAILABLE', `the other side does not answer (${code ?? 'connection failed'})`, { cause: error });
}
