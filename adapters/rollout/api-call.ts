/** One HTTPS call of the Kubernetes API over a pinned authority, tried again while that can help. */
import { Agent, type AgentOptions, request as httpsRequest } from 'node:https';
import { Fault } from '../../core/errors.ts';

export interface ApiServer {
  /** Origin, with the path that a proxy in front may need; no slash at its end. */
  server: string;
  ca: string;
  certificate?: { cert: string; key: string };
  /** Bearer token of one call. */
  token?: () => Promise<string> | string;
  /** Resolver that checks addresses, for servers that we were only told of. */
  lookup?: AgentOptions['lookup'];
}

export interface ApiCall {
  /** POST asks for a review, which the server answers and does not keep. */
  method: 'GET' | 'PATCH' | 'POST';
  path: string;
  contentType?: string;
  body?: unknown;
}

export interface ApiAnswer {
  status: number;
  body: unknown;
}

export interface CallLimits {
  /** All attempts of one call. */
  attempts: number;
  /** Attempts that may be answered with 403: an API server that has just started refuses everybody until it has read its roles. */
  forbidden: number;
  attemptMs: number;
  /** No attempt begins later. */
  totalMs: number;
}

/**
 * The API server itself ends most requests after a minute; ours read or change one object. With one request in five failing, nine attempts all fail
 * once in two million calls.
 */
const OF_A_ROLLOUT: CallLimits = { attempts: 9, forbidden: 5, attemptMs: 5_000, totalMs: 30_000 };
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;
const ROLES_PAUSE_MS = 400;
/** A list of 1,000 pods is about 10 MB. */
const MAX_BYTES = 16 * 1024 * 1024;
const MESSAGE_LENGTH = 300;

/** Sends calls to one API server. The answer is the first that is not 429 or 5xx; after all attempts it is the fault UNAVAILABLE. */
export function apiCaller(server: ApiServer, limits = OF_A_ROLLOUT): (call: ApiCall) => Promise<ApiAnswer> {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 8,
    ca: server.ca,
    minVersion: 'TLSv1.2',
    ...(server.certificate ?? {}),
    ...(server.lookup ? { lookup: server.lookup } : {}),
  });
  return async (call) => {
    const end = performance.now() + limits.totalMs;
    let reason = 'no answer';
    let cause: { status: number } | { code: string } = { code: reason };
    for (let attempt = 1; attempt <= limits.attempts && performance.now() < end; attempt++) {
      let waitMs = 0;
      try {
        const answer = await send(server, agent, call, limits.attemptMs);
        if (!mayPass(answer.status, attempt, limits)) return answer;
        reason = messageOfStatus(answer);
        cause = { status: answer.status };
        waitMs = answer.status === 403 ? ROLES_PAUSE_MS : answer.retryAfterMs;
      } catch (error) {
        // A certificate that the pinned authority did not issue stays wrong; the code is chosen by Node, never by the server.
        const { code = 'connection failed' } = error as { code?: string };
        if (/CERT|SIGNATURE|SELF_SIGNED|ALTNAME|ISSUER|EGRESS/.test(code))
          throw refusedBy(`its certificate or address is refused (${code})`, error);
        reason = code;
        cause = { code };
      }
      const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt) * Math.random();
      await new Promise((resolve) => setTimeout(resolve, Math.max(pause, waitMs)));
    }
    throw new Fault('UNAVAILABLE', `the cluster's API does not answer: ${reason}`, { cause });
  };
}

/** A second try with a fresh token helps where the first was refused as expired. */
function mayPass(status: number, attempt: number, { forbidden }: CallLimits): boolean {
  if (status === 403) return attempt < forbidden;
  return status === 429 || status >= 500 || status === 408 || (status === 401 && attempt <= 2);
}

async function send(server: ApiServer, agent: Agent, call: ApiCall, attemptMs: number): Promise<ApiAnswer & { retryAfterMs: number }> {
  const token = await server.token?.();
  const payload = call.body === undefined ? undefined : JSON.stringify(call.body);
  return new Promise((resolve, reject) => {
    const headers: Record<string, string | number> = {
      accept: 'application/json',
      'user-agent': 'greenlight',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(payload === undefined
        ? {}
        : { 'content-type': call.contentType ?? 'application/json', 'content-length': Buffer.byteLength(payload) }),
    };
    const outgoing = httpsRequest(`${server.server}${call.path}`, { method: call.method, agent, headers });
    const timer = setTimeout(() => outgoing.destroy(Object.assign(new Error('time-out'), { code: 'time-out' })), attemptMs);
    const end = (error: Error) => {
      clearTimeout(timer);
      reject(error);
    };
    outgoing.on('error', end);
    outgoing.on('response', (answer) => {
      const chunks: Buffer[] = [];
      let size = 0;
      answer.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_BYTES) outgoing.destroy(Object.assign(new Error('too long'), { code: 'answer too long' }));
        else chunks.push(chunk);
      });
      answer.on('error', end);
      answer.on('end', () => {
        clearTimeout(timer);
        const seconds = Number(answer.headers['retry-after'] ?? 0);
        const retryAfterMs = Number.isFinite(seconds) ? Math.min(LONGEST_PAUSE_MS, Math.max(0, seconds * 1000)) : 0;
        resolve({ status: answer.statusCode ?? 0, body: parseJson(Buffer.concat(chunks)), retryAfterMs });
      });
    });
    outgoing.end(payload);
  });
}

/** Reason and message of a `Status` answer, shortened: it comes from the cluster and ends in messages that people read. */
export function messageOfStatus({ status, body }: ApiAnswer): string {
  const { message, reason } = (typeof body === 'object' && body !== null ? body : {}) as { message?: unknown; reason?: unknown };
  const text = typeof message === 'string' ? message : typeof reason === 'string' ? reason : 'no reason given';
  return `${status} ${text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, MESSAGE_LENGTH)}`;
}

/** What trying again does not change. */
export function refusedBy(why: string, cause?: unknown): Fault {
  return new Fault('CLUSTER_REFUSED', `the cluster refuses: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'compare the cluster with kubernetes/: names, access entry and role',
  });
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
