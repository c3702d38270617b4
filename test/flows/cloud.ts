/** The synthesized stacks in a local cloud of this process, and what a test sees of them from outside: API, mail, Slack, calls, clock. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { vi } from 'vitest';
import { mintToken } from '../../cli/sign-in.ts';
import { type StartedCloud, startCloud } from '../../local/cloud.ts';
import type { DemoEndpoints } from '../../local/demo/demo-cloud.ts';
import { demoWorld } from '../../local/demo/demo-world.ts';
import type { CallRecord } from '../../local/service.ts';
import type { Assembly } from './assembly.ts';

/** Bakes of 5 s take one. */
const TIME_SCALE = 0.2;
/** Longest real time that anything is waited for: nobody knows how busy the machine is. */
const LIMIT_MS = 180_000;
/**
 * `SLOW_CLOUD=1`: every service takes a moment now and then, as on a loaded machine, so that a test which reads something before it is there fails here
 * and not once in a hundred runs elsewhere.
 */
const DELAYS =
  process.env['SLOW_CLOUD'] === '1'
    ? [
        { service: 'lambda', rate: 0.2, delayMs: 1200 },
        { service: 'dynamodb', rate: 0.1, delayMs: 200 },
        { service: 'states', rate: 0.3, delayMs: 500 },
        { service: 'ses', rate: 0.5, delayMs: 1500 },
        { service: 's3', rate: 0.3, delayMs: 500 },
        { service: 'kubernetes', rate: 0.1, delayMs: 300 },
      ]
    : [];

// Longer than a few of the longest waits: what does not come is reported by its name.
vi.setConfig({ testTimeout: 3 * LIMIT_MS + 60_000 });

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what the API answers is what the tests check
  body: any;
}

export interface CallOptions {
  /** Who is signed in: the local part of the address, e.g. `dev`. */
  as?: string;
  /** Sent as JSON; a string is sent as it is. */
  body?: unknown;
  headers?: Record<string, string>;
}

/** An answer with the call that it answers, for comparison with the description of the API. */
export interface Exchange {
  method: string;
  path: string;
  answer: Answer;
}

export interface Mail {
  to: string[];
  subject: string;
  text: string;
  html: string;
  raw: string;
  at: string;
}

export interface SlackResponse {
  path: string;
  // biome-ignore lint/suspicious/noExplicitAny: what is sent is what the tests check
  body: any;
}

type Endpoints = DemoEndpoints & { issuer: string; issuerPasswordFile: string; ca: string };

export class FlowCloud {
  readonly folder: string;
  /** Everything that the cloud and its functions printed. */
  readonly printed: string[];
  /** Everything that the API answered. */
  readonly answers: Exchange[] = [];
  endpoints: Endpoints;
  #started: StartedCloud;
  /** Faults of the test's own are in force. */
  #hasFaults = false;
  readonly #tokens = new Map<string, Promise<string>>();

  private constructor(folder: string, printed: string[], started: StartedCloud) {
    this.folder = folder;
    this.printed = printed;
    this.#started = started;
    this.endpoints = started.endpoints as unknown as Endpoints;
  }

  static async start(assembly: Assembly): Promise<FlowCloud> {
    const folder = mkdtempSync(join(tmpdir(), 'greenlight-flow-'));
    const printed: string[] = [];
    recordStandardError(printed);
    const cloud = new FlowCloud(folder, printed, await run(assembly, folder, printed));
    await cloud.#slowDown();
    return cloud;
  }

  /** Stops, and starts another assembly over the same data. */
  async restart(assembly: Assembly): Promise<void> {
    await this.#started.close();
    this.#started = await run(assembly, this.folder, this.printed);
    this.endpoints = this.#started.endpoints as unknown as Endpoints;
    await this.#slowDown();
  }

  async stop(): Promise<void> {
    await this.#started.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  get data(): string {
    return join(this.folder, 'data');
  }

  /** Access token of a person of the demo. */
  token(person: string): Promise<string> {
    const token = this.#tokens.get(person) ?? mintToken({ ...this.endpoints, folder: this.data }, `${person}@example.com`);
    this.#tokens.set(person, token);
    return token;
  }

  /** Tokens that were given to people so far. */
  minted(): Promise<string[]> {
    return Promise.all(this.#tokens.values());
  }

  async api(method: string, path: string, { as, body, headers }: CallOptions = {}): Promise<Answer> {
    const answer = await fetch(`${this.endpoints.api}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(as !== undefined && { authorization: `Bearer ${await this.token(as)}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = /json/.test(answer.headers.get('content-type') ?? '');
    const seen = { status: answer.status, headers: answer.headers, text, body: isJson && text !== '' ? JSON.parse(text) : undefined };
    this.answers.push({ method, path, answer: seen });
    return seen;
  }

  async mails(): Promise<Mail[]> {
    return (await (await fetch(`${this.endpoints.mail}/inbox`)).json()) as Mail[];
  }

  /** Messages that were posted to Slack's webhook. */
  async slack(): Promise<object[]> {
    return (await (await fetch(`${this.endpoints.slack}/messages`)).json()) as object[];
  }

  /** What was sent where Slack takes answers to clicks. */
  async slackResponses(): Promise<SlackResponse[]> {
    return (await (await fetch(`${this.endpoints.slack}/responses`)).json()) as SlackResponse[];
  }

  /** Address of the newest link that somebody was mailed for a request. */
  link(person: string, id: string): Promise<string> {
    return this.until(`${person}'s link for ${id}`, async () => {
      const mine = (await this.mails()).filter(({ to, subject }) => to.includes(`${person}@example.com`) && subject.includes(id));
      return mine.map(({ text }) => /https?:\/\/\S+\/v1\/approvals\/link\?t=\S+/.exec(text)?.[0]).findLast((link) => link !== undefined);
    });
  }

  /** Moves the virtual clock by an ISO 8601 duration; what becomes due meanwhile has happened when this resolves. */
  async advance(duration: string): Promise<void> {
    // Each virtual minute runs every job: slowed down, a week would take an hour.
    const isSlow = DELAYS.length > 0 && !this.#hasFaults;
    if (isSlow) await this.#local('DELETE', 'faults');
    const answer = await this.#local('POST', 'clock', { advance: duration });
    if (answer.status !== 200) throw new Error(await answer.text());
    if (isSlow) await this.#slowDown();
  }

  async now(): Promise<Date> {
    return new Date(((await (await this.#local('GET', 'clock')).json()) as { now: string }).now);
  }

  async calls(): Promise<CallRecord[]> {
    return (await (await this.#local('GET', 'calls')).json()) as CallRecord[];
  }

  async fault(fault: object): Promise<void> {
    this.#hasFaults = true;
    await this.#addFault(fault);
  }

  async #addFault(fault: object): Promise<void> {
    const answer = await this.#local('POST', 'faults', fault);
    if (answer.status !== 201) throw new Error(await answer.text());
  }

  async clearFaults(): Promise<void> {
    this.#hasFaults = false;
    await this.#local('DELETE', 'faults');
    await this.#slowDown();
  }

  /** Asks until there is an answer. */
  async until<Value>(what: string, ask: () => Promise<Value | undefined>): Promise<Value> {
    for (const end = performance.now() + LIMIT_MS; ; await sleep(200)) {
      const value = await ask();
      if (value !== undefined) return value;
      if (performance.now() > end) throw new Error(`${what} did not come within ${LIMIT_MS / 1000} s`);
    }
  }

  async #slowDown(): Promise<void> {
    for (const delay of DELAYS) await this.#addFault(delay);
  }

  #local(method: string, path: string, body?: object): Promise<Response> {
    return fetch(`${this.endpoints.aws}/_local/${path}`, { method, ...(body && { body: JSON.stringify(body) }) });
  }
}

async function run({ folder: assembly, people }: Assembly, folder: string, printed: string[]): Promise<StartedCloud> {
  const log = (message: string, fields?: object) => printed.push(`${message}${fields ? ` ${JSON.stringify(fields)}` : ''}`);
  return startCloud({ assembly, dataFolder: join(folder, 'data'), world: demoWorld(people), timeScale: TIME_SCALE, log });
}

/** The gateway prints what it denies, whoever else listens. */
function recordStandardError(printed: string[]): void {
  const write = process.stderr.write.bind(process.stderr);
  process.stderr.write = ((text: string | Uint8Array, ...more: []) => {
    const line = String(text);
    printed.push(line);
    return line.startsWith('denied: ') || write(text, ...more);
  }) as typeof process.stderr.write;
}

/** Text of a file of the cloud's endpoints, e.g. a key. */
export const textOf = (file: string): string => readFileSync(file, 'utf8');
