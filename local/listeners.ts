/** Loopback ports of the local cloud: bound to 127.0.0.1 only, chosen once per data folder, guarded against foreign hosts and origins. */
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
      if (!isLocalRequest(request)) return refuse(response);
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
function isLocalRequest(request: IncomingMessage): boolean {
  const { host, origin } = request.headers;
  if (host === undefined || !LOCAL_NAME.test(host)) return false;
  if (origin === undefined) return true;
  return origin === 'null' || LOCAL_NAME.test(origin.replace(/^https?:\/\//, ''));
}

function refuse(response: ServerResponse): void {
  response.writeHead(403, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ message: 'Forbidden: this host or origin may not use the local cloud' }));
}
