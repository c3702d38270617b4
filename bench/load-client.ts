/** HTTP as one of many clients speaks it: connections that stay open, no limit of time, and a note of how long each answer took. */
import { Agent, request } from 'node:http';
import type { Person } from './load-cloud.ts';

export interface Sent {
  method: string;
  path: string;
  /** Who is signed in; absent: nobody. */
  as?: Person;
  /** JSON as it is sent. */
  body?: string;
  headers?: Record<string, string>;
}

export interface Answer {
  /** 0: the connection ended without an answer. */
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what the API answers is what is checked
  body: any;
}

export class LoadClient {
  /** Milliseconds that answers took, by kind. */
  readonly took = new Map<string, number[]>();
  readonly #origin: URL;
  readonly #tokens: Readonly<Record<Person, string>>;
  readonly #agent: Agent;

  constructor(origin: string, tokens: Readonly<Record<Person, string>>, connections: number) {
    this.#origin = new URL(origin);
    this.#tokens = tokens;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections, maxFreeSockets: connections });
  }

  /** Sends once and answers whatever came; never throws. `kind` is what the time is noted under. */
  async send(kind: string, sent: Sent): Promise<Answer> {
    const began = performance.now();
    const answer = await this.#exchange(sent);
    const times = this.took.get(kind) ?? [];
    this.took.set(kind, times);
    times.push(performance.now() - began);
    return answer;
  }

  close(): void {
    this.#agent.destroy();
  }

  #exchange(sent: Sent): Promise<Answer> {
    const { method, path, as, body, headers } = sent;
    return new Promise((resolve) => {
      const outgoing = request({
        host: this.#origin.hostname,
        port: this.#origin.port,
        agent: this.#agent,
        method,
        path,
        headers: {
          ...(as !== undefined && { authorization: `Bearer ${this.#tokens[as]}` }),
          ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
          ...headers,
        },
      });
      outgoing.once('response', (incoming) => {
        let text = '';
        incoming.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        incoming.once('end', () => resolve(answerOf(incoming.statusCode ?? 0, incoming.headers, text)));
        incoming.once('error', (error) => resolve(unanswered(error)));
      });
      outgoing.once('error', (error: NodeJS.ErrnoException) => {
        // The server may close a connection that rests at the moment it is used again: then nothing was sent, as every client knows.
        if (outgoing.reusedSocket && error.code === 'ECONNRESET') resolve(this.#exchange(sent));
        else resolve(unanswered(error));
      });
      outgoing.end(body);
    });
  }
}

function answerOf(status: number, headers: Answer['headers'], text: string): Answer {
  const isJson = /json/.test(String(headers['content-type'] ?? ''));
  return { status, headers, text, body: isJson ? JSON.parse(text) : undefined };
}

function unanswered(error: Error): Answer {
  return { status: 0, headers: {}, text: String(error), body: undefined };
}
