/** The one way from the page to the API. Methods and paths are those of the route table; what the API refuses is thrown as it was said. */
import { setServerTime } from './clock.ts';
import type { Answered, Asked, Operation } from './operations.ts';

/** `[method, path]` by operation, put in by the build. */
declare const ROUTE_TABLE: Readonly<Record<string, readonly [method: string, path: string]>>;

/** Longer than the API's own limit of 30 s. */
const TIMEOUT_MS = 35_000;

/** The API's answer to what it does not do (problem+json), or that it did not answer at all. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly code: string;
  readonly hint: string | undefined;
  readonly requestId: string | undefined;
  readonly errors: readonly { path: string; message: string }[];

  constructor(status: number, body: Partial<ProblemBody>) {
    super(body.detail ?? body.message ?? 'the service does not answer');
    this.status = status;
    this.code = body.code ?? (status === 0 ? 'OFFLINE' : 'INTERNAL');
    this.hint = body.hint;
    this.requestId = body.requestId;
    this.errors = body.errors ?? [];
  }
}

interface ProblemBody {
  code: string;
  detail: string;
  hint: string;
  requestId: string;
  errors: { path: string; message: string }[];
  /** What API Gateway itself says. */
  message: string;
}

/** A representation with the tag that asks for a newer one only. */
export interface Seen<Body> {
  body: Body;
  etag: string | undefined;
}

/** Keys of writes that were not answered, by what they write: the same one again, which somebody tries, is the same write and happens once. */
const unanswered = new Map<string, string>();

/** Asks. Throws a `Problem`. */
export async function ask<Op extends Operation>(operation: Op, input: Asked<Op> = {}): Promise<Answered<Op>> {
  return (await fetchAnswer<Answered<Op>>(operation, input))!.body;
}

/** Asks for what is newer than `seen`; undefined when nothing is. Throws a `Problem`. */
export function askAgain<Op extends Operation>(
  operation: Op,
  input: Asked<Op>,
  seen: Seen<Answered<Op>> | undefined,
  signal: AbortSignal,
): Promise<Seen<Answered<Op>> | undefined> {
  return fetchAnswer<Answered<Op>>(operation, input, { etag: seen?.etag, signal });
}

async function fetchAnswer<Body>(
  operation: string,
  { params = {}, query = {}, body }: { params?: Record<string, string>; query?: Record<string, string | undefined>; body?: unknown },
  { etag, signal }: { etag?: string | undefined; signal?: AbortSignal } = {},
): Promise<Seen<Body> | undefined> {
  const [method, path] = ROUTE_TABLE[operation]!;
  const address = addressOf(path, params, query);
  const text = method === 'GET' ? undefined : JSON.stringify(body ?? {});
  // Writes carry a key of their own: whatever repeats the request on the way, it happens once.
  const what = `${method} ${address} ${text}`;
  const key = unanswered.get(what) ?? crypto.randomUUID();
  if (text !== undefined) unanswered.set(what, key);
  const write = text === undefined ? {} : { 'idempotency-key': key, 'content-type': 'application/json' };
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  let answer: Response;
  try {
    answer = await fetch(address, {
      method,
      headers: { accept: 'application/json', 'x-greenlight-client': 'console', ...write, ...(etag ? { 'if-none-match': etag } : {}) },
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      ...(text === undefined ? {} : { body: text }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    const hint =
      method === 'GET'
        ? 'check your connection; this page tries again by itself'
        : 'check your connection and try again: what was done all the same is not done twice';
    throw new Problem(0, { detail: 'the service cannot be reached', hint });
  }
  setServerTime(answer.headers.get('date'));
  if (answer.status === 304) return undefined;
  const said = await answer.text();
  const parsed: unknown = said !== '' && /json/.test(answer.headers.get('content-type') ?? '') ? JSON.parse(said) : undefined;
  const code = (parsed as Partial<ProblemBody> | undefined)?.code;
  if (answer.ok || (code !== undefined && code !== 'IN_PROGRESS')) unanswered.delete(what);
  // The API speaks to programs there, of tokens.
  if (answer.status === 401) {
    const { requestId } = (parsed as Partial<ProblemBody>) ?? {};
    const hint = 'copy what you have typed, then sign in again';
    throw new Problem(401, { code: 'UNAUTHENTICATED', detail: 'your session is over', hint, ...(requestId ? { requestId } : {}) });
  }
  if (!answer.ok) throw new Problem(answer.status, (parsed as Partial<ProblemBody>) ?? {});
  return { body: parsed as Body, etag: answer.headers.get('etag') ?? undefined };
}

function addressOf(path: string, params: Record<string, string>, query: Record<string, string | undefined>): string {
  const place = path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => encodeURIComponent(params[name]!));
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '');
  return given.length === 0 ? place : `${place}?${new URLSearchParams(given)}`;
}
