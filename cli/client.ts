/** The one way to the API: bearer token, problems as exit codes. */
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { CommandFailure, EXIT, exitCodeOf } from './failure.ts';

export interface ApiAnswer<Body> {
  status: number;
  body: Body;
}

interface Problem {
  code?: string;
  title?: string;
  detail?: string;
  hint?: string;
  requestId?: string;
  errors?: { path: string; message: string }[];
  /** What API Gateway itself says. */
  message?: string;
}

/** Longer than the API's own limit of 30 s. */
const TIMEOUT_MS = 35_000;

export class ApiClient {
  readonly origin: string;
  readonly #token: () => Promise<string>;

  readonly #interrupted: AbortSignal;

  /** `token` is asked once, at the first call. `interrupted` ends what is under way with exit 130. */
  constructor(origin: string, token: () => Promise<string>, interrupted: AbortSignal) {
    this.origin = origin;
    this.#interrupted = interrupted;
    let asked: Promise<string> | undefined;
    this.#token = () => (asked ??= token());
  }

  async get<Body>(path: string, query: Record<string, string | undefined> = {}): Promise<Body> {
    return (await this.#send<Body>('GET', path, { query })).body;
  }

  /** A write with a key of its own: whatever repeats the request on the way, it happens once. */
  post<Body>(path: string, body: unknown, query: Record<string, string | undefined> = {}): Promise<ApiAnswer<Body>> {
    return this.#send<Body>('POST', path, { query, body });
  }

  /** Ends something; there is nothing to read afterwards. */
  async delete(path: string): Promise<void> {
    await this.#send('DELETE', path, { query: {} });
  }

  /** A file at an address that the API gave; it carries its own permission, so that no token goes along, and no message names it. */
  async download(url: string): Promise<Readable> {
    const answer = await fetch(url, { redirect: 'manual', signal: this.#interrupted }).catch(() => undefined);
    if (!answer?.ok || !answer.body) {
      throw new CommandFailure(EXIT.unavailable, `the file cannot be downloaded (${answer?.status ?? 'no answer'})`, {
        code: 'UNREACHABLE',
      });
    }
    return Readable.fromWeb(answer.body as ReadableStream);
  }

  async #send<Body>(
    method: string,
    path: string,
    { query, body }: { query: Record<string, string | undefined>; body?: unknown },
  ): Promise<ApiAnswer<Body>> {
    const address = new URL(path, this.origin);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) address.searchParams.set(name, value);
    const headers: Record<string, string> = {
      accept: 'application/json',
      authorization: `Bearer ${await this.#token()}`,
      'x-greenlight-client': 'cli',
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'idempotency-key': randomUUID() }),
    };
    const answer = await this.#reach(address, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    if (!answer.ok) throw failureOf(answer.status, answer.text);
    if (answer.status === 204) return { status: 204, body: undefined as Body };
    try {
      return { status: answer.status, body: JSON.parse(answer.text) as Body };
    } catch {
      throw new CommandFailure(EXIT.unavailable, `${this.origin} does not answer as Greenlight does`, {
        code: 'BAD_ANSWER',
        hint: 'check GREENLIGHT_API; a newer or older server may also need another version of this program',
      });
    }
  }

  async #reach(address: URL, request: RequestInit): Promise<{ ok: boolean; status: number; text: string }> {
    try {
      // A redirect would carry the token elsewhere.
      const answer = await fetch(address, {
        ...request,
        redirect: 'manual',
        signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), this.#interrupted]),
      });
      return { ok: answer.ok, status: answer.status, text: await answer.text() };
    } catch (error) {
      if (this.#interrupted.aborted) throw new CommandFailure(EXIT.interrupted, 'interrupted', { code: 'INTERRUPTED' });
      if ((error as Error).name === 'TimeoutError') {
        throw new CommandFailure(EXIT.timeout, `${this.origin} did not answer within ${TIMEOUT_MS / 1000} s`, { code: 'TIMEOUT' });
      }
      const cause = (error as { cause?: { code?: string; message?: string } }).cause;
      throw new CommandFailure(
        EXIT.unavailable,
        `${this.origin} cannot be reached (${cause?.code ?? cause?.message ?? (error as Error).message})`,
        {
          code: 'UNREACHABLE',
          hint: 'is npm start running, and is GREENLIGHT_API right?',
        },
      );
    }
  }
}

/** What the server says of a path that it has no route for. */
const NO_ROUTE = 'there is nothing here';

function failureOf(status: number, text: string): CommandFailure {
  const problem = readProblem(text);
  // Every route of this program exists on a server of its own version.
  if (problem.detail === NO_ROUTE || status === 405)
    problem.hint = 'the server may be older than this program: compare greenlight --version with what /openapi.json says';
  const message = problem.detail ?? problem.message ?? problem.title ?? `the API answered ${status}`;
  return new CommandFailure(exitCodeOf(status), message, {
    status,
    code: problem.code ?? String(status),
    ...(problem.hint === undefined ? {} : { hint: problem.hint }),
    ...(problem.requestId === undefined ? {} : { requestId: problem.requestId }),
    ...(problem.errors === undefined ? {} : { errors: problem.errors }),
  });
}

function readProblem(text: string): Problem {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Problem) : {};
  } catch {
    return {};
  }
}
