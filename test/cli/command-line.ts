/** Runs the command line in this process against an API that a test scripts. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { run } from '../../cli/main.ts';

export interface Ran {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  tty?: boolean;
  interrupted?: AbortSignal;
  /** Somebody sits at the terminal. */
  ask?: (question: string) => Promise<string>;
}

export async function greenlight(argv: string[], { env = {}, cwd = '/', tty = false, interrupted, ask }: RunOptions = {}): Promise<Ran> {
  let stdout = '';
  let stderr = '';
  const exitCode = await run(argv, {
    stdout: { write: (text) => (stdout += text), isTTY: tty },
    stderr: { write: (text) => (stderr += text), isTTY: tty },
    env,
    cwd,
    interrupted: interrupted ?? new AbortController().signal,
    ...(ask ? { ask } : {}),
  });
  return { exitCode, stdout, stderr };
}

export interface Received {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: unknown;
}

export interface ScriptedApi {
  origin: string;
  received: Received[];
  env: NodeJS.ProcessEnv;
  close(): Promise<void>;
}

type Answer = { status?: number; body: unknown };

/** `answer` is asked for each request, by `METHOD /path?query`. */
export async function scriptApi(answer: (request: string, body: unknown) => Answer | undefined): Promise<ScriptedApi> {
  const received: Received[] = [];
  const server: Server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (part: string) => (text += part));
    request.on('end', () => {
      const body: unknown = text === '' ? undefined : JSON.parse(text);
      received.push({ method: request.method!, path: request.url!, headers: request.headers, body });
      const { status = 200, body: reply } = answer(`${request.method} ${request.url}`, body) ?? {
        status: 404,
        body: { code: 'NOT_FOUND', detail: 'there is no such thing' },
      };
      response.writeHead(status, { 'content-type': 'application/json' }).end(typeof reply === 'string' ? reply : JSON.stringify(reply));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    received,
    env: { GREENLIGHT_API: origin, GREENLIGHT_TOKEN: 'token-of-the-test' },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A request as the API renders it. */
export function requestOf(phase: string, status: Record<string, unknown> = {}, id = 'PR-2026-0001', version = '1.1.0', to = 'prod') {
  return {
    metadata: { id, createdAt: '2026-01-01T00:00:00Z', createdBy: 'dev@example.com', tenant: 't', version: 1 },
    spec: { target: { type: 'api', name: 'payment-api', version, sourceEnvironment: 'staging', targetEnvironment: to } },
    status: {
      state: 'pending',
      phase,
      planHash: `sha256:${'a'.repeat(64)}`,
      digest: `sha256:${'b'.repeat(64)}`,
      gates: [],
      history: [],
      ...status,
    },
  };
}

export const ENVIRONMENTS = {
  items: ['dev', 'staging', 'prod'].map((environment) => ({ environment, tier: 'standard', artifacts: [] })),
};
