import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { clusterAt } from '../../../adapters/rollout/cluster.ts';
import { openCertificateAuthority } from '../../../local/certificate-authority.ts';

let folder: string;
let server: Server;
let origin: string;
let ca: string;
let otherCa: string;
let handlers: ((request: IncomingMessage, response: ServerResponse) => void)[] = [];
let seen: IncomingMessage[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'api-call-'));
  const authority = await openCertificateAuthority(join(folder, 'ca'));
  ca = authority.certificate;
  otherCa = (await openCertificateAuthority(join(folder, 'other'))).certificate;
  server = createServer(await authority.issue('api'), (request, response) => {
    seen.push(request);
    const handler = handlers.length > 1 ? handlers.shift()! : handlers[0]!;
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  seen = [];
});

const answer =
  (status: number, body: unknown = {}, headers: Record<string, string> = {}) =>
  (_request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
const found = answer(200, { metadata: { name: 'x' } });
let tokens = 0;
const cluster = (authority = ca) => clusterAt({ server: origin, ca: authority, token: () => `token-${++tokens}` });

describe('a call', () => {
  it.each([
    ['429 with Retry-After', answer(429, {}, { 'retry-after': '0' })],
    ['503', answer(503, '<html>')],
    ['a closed connection', (request: IncomingMessage) => void request.socket.destroy()],
    ['401 for an expired token', answer(401)],
    ['403 of a server that has not read its roles yet', answer(403)],
  ])('is made again after %s, with another token', async (_name, first) => {
    handlers = [first, found];
    expect(await cluster().deployment('prod', 'x')).toEqual({ metadata: { name: 'x' } });
    expect(new Set(seen.map(({ headers }) => headers.authorization)).size).toBe(2);
  });

  it('that hangs is given up and made again', async () => {
    handlers = [() => undefined, found];
    expect(await cluster().deployment('prod', 'x')).toEqual({ metadata: { name: 'x' } });
  });

  it('that never works is UNAVAILABLE', async () => {
    handlers = [answer(500, { message: 'etcd is away' })];
    await expect(cluster().deployment('prod', 'x')).rejects.toMatchObject({
      name: 'UNAVAILABLE',
      message: expect.stringContaining('etcd is away'),
    });
    expect(seen).toHaveLength(9);
  });

  it.each([403, 404, 422, 401])('answered with %i is refused at last, with a bounded message', async (status) => {
    handlers = [answer(status, { kind: 'Status', message: `no\u0007 ${'x'.repeat(5_000)}` })];
    const error = await cluster()
      .deployment('prod', 'x')
      .then(
        () => new Error('it was not refused'),
        (caught: Error) => caught,
      );
    expect(error).toMatchObject({ name: 'CLUSTER_REFUSED' });
    expect(error.message.length).toBeLessThan(400);
    expect(error.message).toMatch(/^[\x20-\x7e]+$/);
    expect(seen).toHaveLength({ 403: 5, 401: 3 }[status] ?? 1);
  });

  it('to a server whose certificate another authority issued is refused at once', async () => {
    handlers = [found];
    await expect(cluster(otherCa).deployment('prod', 'x')).rejects.toMatchObject({ name: 'CLUSTER_REFUSED' });
    expect(seen).toEqual([]);
  });

  it('cannot leave its path by a name', async () => {
    handlers = [found];
    await cluster().deployment('prod', '../../secrets/x?y');
    expect(seen[0]!.url).toBe('/apis/apps/v1/namespaces/prod/deployments/..%2F..%2Fsecrets%2Fx%3Fy');
  });
});
