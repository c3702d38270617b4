/** One data folder over many lives of `npm start`, and what a client sees of it from outside. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mintToken } from '../../cli/sign-in.ts';
import type { DemoEndpoints } from '../../local/demo/demo-cloud.ts';
import type { CallRecord } from '../../local/service.ts';
import type { Answer, CallOptions, Mail } from '../flows/cloud.ts';
import { type Ended, Process } from './process.ts';

/** Bakes of 5 s take one. */
const TIME_SCALE = '0.2';
/** Longest real time that anything is waited for. */
const LIMIT_MS = 240_000;
/** A moment is looked for so often: shorter than any step of a promotion. */
const LOOK_MS = 10;
/** A call that got no answer from a dead process must not keep a test waiting. */
const CALL_LIMIT_MS = 120_000;

type Endpoints = DemoEndpoints & { issuer: string; issuerPasswordFile: string; ca: string; pid: number };

export class CrashCloud {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'greenlight-crash-'));
  endpoints!: Endpoints;
  /** How often it was killed. */
  kills = 0;
  readonly #words: readonly [string, ...string[]];
  readonly #tokens = new Map<string, Promise<string>>();
  #process: Process | undefined;

  /** `words` start it; the folder and the time scale are added. */
  constructor(words: readonly [string, ...string[]] = [process.execPath, '--import', 'tsx', 'local/start.ts']) {
    this.#words = words;
  }

  static async open(): Promise<CrashCloud> {
    const cloud = new CrashCloud();
    try {
      await cloud.start();
    } catch (error) {
      await cloud.stop();
      throw error;
    }
    return cloud;
  }

  get data(): string {
    return join(this.folder, 'data');
  }

  get logFile(): string {
    return join(this.folder, 'start.log');
  }

  get pid(): number {
    return this.#process!.pid;
  }

  /** A process over the data folder that nobody waits for yet. */
  spawn(logFile = this.logFile): Process {
    return new Process([...this.#words, '--port', '0', '--data', this.data, '--time-scale', TIME_SCALE], logFile);
  }

  async start(): Promise<void> {
    this.#process = this.spawn();
    await this.#process.ready();
    this.endpoints = JSON.parse(readFileSync(join(this.data, 'endpoints.json'), 'utf8')) as Endpoints;
  }

  /** `kill -9` of the process alone. */
  async kill(): Promise<void> {
    this.kills++;
    await this.#process!.end('SIGKILL');
  }

  async restart(): Promise<void> {
    const began = performance.now();
    await this.start();
    console.log(`[crash] kill ${this.kills}, running again after ${Math.round(performance.now() - began)} ms`);
  }

  /** SIGTERM, as a service manager stops it. */
  async terminate(): Promise<Ended & { milliseconds: number }> {
    const began = performance.now();
    const ended = await this.#process!.end('SIGTERM');
    return { ...ended, milliseconds: performance.now() - began };
  }

  /** Ends everything and removes the folder. */
  async stop(): Promise<void> {
    await this.#process?.clear();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Access token of a person of the demo. */
  token(person: string): Promise<string> {
    const known = this.#tokens.get(person);
    if (known) return known;
    const token = mintToken({ ...this.endpoints, folder: this.data }, `${person}@example.com`);
    this.#tokens.set(person, token);
    // A kill may have met the sign-in: the next call signs in again.
    token.catch(() => this.#tokens.delete(person));
    return token;
  }

  async api(method: string, path: string, { as, body, headers }: CallOptions = {}): Promise<Answer> {
    const answer = await fetch(`${this.endpoints.api}${path}`, {
      method,
      redirect: 'manual',
      signal: AbortSignal.timeout(CALL_LIMIT_MS),
      headers: {
        ...(as !== undefined && { authorization: `Bearer ${await this.token(as)}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = /json/.test(answer.headers.get('content-type') ?? '');
    return { status: answer.status, headers: answer.headers, text, body: isJson && text !== '' ? JSON.parse(text) : undefined };
  }

  async mails(): Promise<Mail[]> {
    return (await (await fetch(`${this.endpoints.mail}/inbox`)).json()) as Mail[];
  }

  /** Address of the newest link that somebody was mailed for a request. */
  link(person: string, id: string): Promise<string> {
    return this.until(`${person}'s link for ${id}`, async () => {
      const mine = (await this.mails()).filter(({ to, subject }) => to.includes(`${person}@example.com`) && subject.includes(id));
      return mine.map(({ text }) => LINK.exec(text)?.[0]).findLast((link) => link !== undefined);
    });
  }

  /** Moves the virtual clock by an ISO 8601 duration; what becomes due meanwhile has happened when this resolves. */
  async advance(duration: string): Promise<void> {
    const answer = await this.#local('POST', 'clock', { advance: duration });
    if (answer.status !== 200) throw new Error(await answer.text());
  }

  async now(): Promise<Date> {
    return new Date(((await (await this.#local('GET', 'clock')).json()) as { now: string }).now);
  }

  /** What functions called since an instant; a kill forgets it. */
  async calls(since?: Date): Promise<CallRecord[]> {
    return (await (await this.#local('GET', since ? `calls?since=${since.toISOString()}` : 'calls')).json()) as CallRecord[];
  }

  /** Waits for calls that a test waits for, counted from `since`. */
  seen(what: string, since: Date, is: (calls: CallRecord[]) => boolean): Promise<true> {
    return this.until(what, async () => is(await this.calls(since)) || undefined, LOOK_MS);
  }

  async fault(fault: object): Promise<void> {
    const answer = await this.#local('POST', 'faults', fault);
    if (answer.status !== 201) throw new Error(await answer.text());
  }

  async clearFaults(): Promise<void> {
    await this.#local('DELETE', 'faults');
  }

  /** Asks until there is an answer. */
  async until<Value>(what: string, ask: () => Promise<Value | undefined>, pauseMs = 100): Promise<Value> {
    for (const end = performance.now() + LIMIT_MS; ; await sleep(pauseMs)) {
      const value = await ask();
      if (value !== undefined) return value;
      if (performance.now() > end) throw new Error(`${what} did not come within ${LIMIT_MS / 1000} s`);
    }
  }

  #local(method: string, path: string, body?: object): Promise<Response> {
    return fetch(`${this.endpoints.aws}/_local/${path}`, { method, ...(body && { body: JSON.stringify(body) }) });
  }
}

/** Link of an approver in a mail. */
export const LINK = /https?:\/\/\S+\/v1\/approvals\/link\?t=\S+/;
