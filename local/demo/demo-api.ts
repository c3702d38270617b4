/** The REST API as one person of the demo uses it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { greenlightJson } from './command-line.ts';

export interface DemoRequest {
  metadata: { id: string };
  spec: { target: { version: string; targetEnvironment: string } };
  status: {
    phase: string;
    digest: string;
    failure?: { code: string; message: string; step?: string };
    gates: { name: string; status: string; message: string }[];
    rollout?: { steps: { step: string; status: string; startedAt: string; achievedWeight?: number; message?: string }[] };
    history: { action: string; at: string; by: string }[];
  };
}

/** Longest real time that a promotion takes to get somewhere. */
const LIMIT_MS = 90_000;
const PAUSE_MS = 150;

export class DemoApi {
  readonly origin: string;
  readonly token: string;

  private constructor(origin: string, token: string) {
    this.origin = origin;
    this.token = token;
  }

  /** Signs in by the command line: `greenlight token --as NAME`. */
  static async signIn(origin: string, dataFolder: string, person: string): Promise<DemoApi> {
    const { token } = await greenlightJson<{ token: string }>(['token', '--as', person, '--data', dataFolder]);
    return new DemoApi(origin, token);
  }

  async get<Body>(path: string): Promise<Body> {
    return (await this.#send('GET', path)) as Body;
  }

  async post<Body>(path: string, body: object): Promise<Body> {
    return (await this.#send('POST', path, body)) as Body;
  }

  /** Reads the request until it is in one of the phases. Throws when it ends, or does not get there in time. */
  async until({ metadata, spec }: DemoRequest, ...phases: string[]): Promise<DemoRequest> {
    const path = `/v1/requests/${spec.target.targetEnvironment}/${metadata.id}`;
    for (const end = performance.now() + LIMIT_MS; ; await sleep(PAUSE_MS)) {
      const request = await this.get<DemoRequest>(path);
      const { phase, failure } = request.status;
      if (phases.includes(phase)) return request;
      if (ENDS.has(phase))
        throw new Error(`${metadata.id} is ${phase}, not ${phases.join(' or ')}${failure ? `: ${failure.message}` : ''}`);
      if (performance.now() > end) throw new Error(`${metadata.id} is still ${phase} after ${LIMIT_MS / 1000} s`);
    }
  }

  async #send(method: string, path: string, body?: object): Promise<unknown> {
    const answer = await fetch(new URL(path, this.origin), {
      method,
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${text.slice(0, 500)}`);
    return JSON.parse(text);
  }
}

const ENDS = new Set(['succeeded', 'rolled_back', 'failed', 'rejected', 'expired', 'cancelled', 'superseded', 'blocked']);
