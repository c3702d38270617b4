/** CAN-02: what a version on trial may answer instead of the truth. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { smokeProbe } from '../../../adapters/rollout/smoke-probe.ts';
import { openCertificateAuthority } from '../../../local/certificate-authority.ts';

let server: Server;
let origin: string;
let handler: RequestListener = (_request, response) => response.end('ok');
const ports = new Set<number>();

beforeAll(async () => {
  server = createServer((request, response) => {
    ports.add(request.socket.remotePort!);
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.env['ALLOWED_ORIGINS'] = origin;
});
afterAll(() => {
  delete process.env['ALLOWED_ORIGINS'];
  server.close();
  server.closeAllConnections();
});

const check = { name: 'health', path: '/api/health?deep=1', status: 200 };

it('an answer is handed over, on a connection of its own each time', async () => {
  handler = (request, response) => response.end(request.url);
  expect(await smokeProbe(origin, check)).toEqual({ kind: 'answer', status: 200, body: '/api/health?deep=1' });
  await smokeProbe(origin, check);
  expect(ports.size).toBe(2);
});

it('a redirect is not followed', async () => {
  handler = (_request, response) => response.writeHead(301, { location: `${origin}/login` }).end();
  expect(await smokeProbe(origin, check)).toMatchObject({ kind: 'answer', status: 301 });
});

it('a body of 50 MB is a failure', async () => {
  handler = (_request, response) => response.end(Buffer.alloc(50 * 1024 * 1024));
  expect(await smokeProbe(origin, check)).toMatchObject({ kind: 'failed', reason: expect.stringContaining('longer than') });
});

it('a certificate that nobody vouches for is a failure', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'smoke-probe-'));
  const authority = await openCertificateAuthority(folder);
  const secure = createSecureServer(await authority.issue('app'), (_request, response) => response.end('ok'));
  await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
  const address = `https://127.0.0.1:${(secure.address() as AddressInfo).port}`;
  process.env['ALLOWED_ORIGINS'] = `${origin},${address}`;
  try {
    expect(await smokeProbe(address, check)).toMatchObject({ kind: 'failed' });
  } finally {
    process.env['ALLOWED_ORIGINS'] = origin;
    secure.close();
    secure.closeAllConnections();
    rmSync(folder, { recursive: true });
  }
});

it('a hanging answer is a failure after 5 s', async () => {
  handler = () => undefined;
  const began = performance.now();
  expect(await smokeProbe(origin, check)).toMatchObject({ kind: 'failed' });
  // Timers come late on a busy machine; without one it would hang for ever.
  expect(performance.now() - began).toBeLessThan(60_000);
});

it('a connection that is closed before any answer is lost', async () => {
  handler = (request) => void request.socket.destroy();
  expect(await smokeProbe(origin, check)).toMatchObject({ kind: 'lost' });
});

it('an address that nobody allowed is refused', async () => {
  await expect(smokeProbe('http://127.0.0.1:1', check)).rejects.toMatchObject({ name: 'EGRESS_REFUSED' });
});
