/** Loopback ports of the local cloud: bound to 127.0.0.1 only, chosen once per data folder, guarded against foreign hosts and origins. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { writeFileDurably } from './durable-file.ts';

/** A port that the data folder owns is used by another process. The start ends with exit code 6. */
export class PortTaken extends Error {
  override readonly name = 'PortTaken';
  readonly port: number;
  constructor(listener: string, port: number) {
    super(`port ${port} (${listener}) is taken: stop what uses it, or start with another --data folder`);
    this.port = port;
  }
}

export interface Listening {
  port: number;
  /** `http://127.0.0.1:PORT` or `https://127.0.0.1:PORT`. */
  origin: string;
  server: Server;
}

export interface ListenOptions {
  /** PEM key and certificate: the listener speaks https. */
  tls?: { key: string; cert: string };
  /** Wanted port when the data folder has none yet; 0 or absent: any free one. */
  port?: number;
  /** Sends the virtual date. */
  now?: () => Date;
}

export class Listeners {
  readonly #file: string;
  readonly #ports: Record<string, number>;
  readonly #open: Server[] = [];

  constructor(dataFolder: string) {
    mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
    this.#file = join(dataFolder, 'ports.json');
    this.#ports = readPorts(this.#file);
  }

  /** Port that this listener had at the last start, if any. */
  known(name: string): number | undefined {
    return this.#ports[name];
  }

  async listen(name: string, handler: RequestListener, options: ListenOptions = {}): Promise<Listening> {
    const guarded: RequestListener = (request, response) => {
      const foreign = foreignPart(request);
      if (foreign) return refuse(response, foreign);
      if (options.now) response.setHeader('date', options.now().toUTCString());
      handler(request, response);
    };
    const server = options.tls ? createHttpsServer(options.tls, guarded) : createHttpServer(guarded);
    server.keepAliveTimeout = 60_000;
    server.requestTimeout = 0;
    const port = await bind(server, name, this.#ports[name] ?? options.port ?? 0);
    if (this.#ports[name] !== port) {
      this.#ports[name] = port;
      writeFileDurably(this.#file, JSON.stringify(this.#ports, null, 2));
    }
    this.#open.push(server);
    return { port, origin: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`, server };
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#open.splice(0).map(
        (server) =>
          new Promise<void>((resolve) => {
            server.close(() => resolve());
            server.closeAllConnections();
          }),
      ),
    );
  }
}

function bind(server: Server, name: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(error.code === 'EADDRINUSE' ? new PortTaken(name, port) : error));
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function readPorts(file: string): Record<string, number> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>;
  } catch {
    return {};
  }
}

const LOCAL_NAME = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

/** A page of another site may reach 127.0.0.1 by DNS rebinding: `host` and `origin` are attacker-controlled and must both be local. */
function foreignPart(request: IncomingMessage): 'host' | 'origin' | undefined {
  const { host, origin, 'sec-fetch-site': site } = request.headers;
  if (host === undefined || !LOCAL_NAME.test(host)) return 'host';
  if (origin === undefined || LOCAL_NAME.test(origin.replace(/^https?:\/\//, ''))) return undefined;
  // A page that hides its origin: local ones do (their policy is to send no referrer), and so does a sandboxed frame of anybody.
  return origin === 'null' && site !== 'cross-site' ? undefined : 'origin';
}

/** In the words of an API's problem and of AWS (`message`), so that every client behind any port can show it. */
function refuse(response: ServerResponse, part: 'host' | 'origin'): void {
  const detail = `this ${part} may not use the local cloud`;
  const code = part === 'origin' ? 'CSRF' : 'FORBIDDEN';
  response.writeHead(403, { 'content-type': 'application/problem+json', 'x-content-type-options': 'nosniff' });
  const problem = { type: 'about:blank', title: 'Forbidden', status: 403, code, detail, requestId: randomUUID() };
  response.end(JSON.stringify({ ...problem, message: `Forbidden: ${detail}` }));
}
