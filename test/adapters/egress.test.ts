import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { egress } from '../../adapters/egress.ts';
import { isPublicAddress, publicLookup } from '../../adapters/egress-address.ts';

const servers: Server[] = [];

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterEach(async () => {
  delete process.env['ALLOWED_ORIGINS'];
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

describe('C20, C22: addresses', () => {
  test.each([
    'http://127.1/',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0177.0.0.1/',
    'https://①②⑦.0.0.1/',
    'https://[::ffff:7f00:1]/',
    'https://[::1]/',
    'https://[::]/',
    'https://[fd00:ec2::254]/',
    'https://[fe80::1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[2002:7f00:1::]/',
    'https://127.0.0.1/',
    'https://10.0.0.1/',
    'https://100.64.0.1/',
    'https://169.254.169.254/latest/meta-data',
    'http://169.254.169.254./latest/meta-data',
    'https://169.254.169.254./',
    'https://localhost/',
    'https://localhost./',
    'https://internal/',
    'http://localhost:9001/2018-06-01/runtime/invocation/next',
    'http://example.com/',
    'https://user:password@example.com/',
    'https://example.com\\@127.0.0.1/',
    'https://exa\nmple.com/',
    ' https://example.com/',
    'HTTPS://example.com/',
    'file:///etc/passwd',
    'gopher://example.com/',
    'https:example.com',
    '',
  ])('%j is refused before anything is sent', async (url) => {
    await expect(egress.request({ url })).rejects.toMatchObject({ code: 'EGRESS_REFUSED' });
  });

  test('a name that resolves to an address that is not public is refused when it connects', async () => {
    const refused = await new Promise((resolve) => publicLookup('localhost', { all: true }, (error) => resolve(error)));
    expect(refused).toMatchObject({ code: 'EGRESS_REFUSED' });
  });

  test.each(['8.8.8.8', '2606:4700::1111'])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  test('an origin is allowed exactly: scheme, host and port', async () => {
    const origin = await serve((_message, response) => void response.end('hello'));
    process.env['ALLOWED_ORIGINS'] = `https://example.com, ${origin}`;
    expect((await egress.request({ url: `${origin}/` })).body.toString()).toBe('hello');
    process.env['ALLOWED_ORIGINS'] = origin.replace('http:', 'https:');
    await expect(egress.request({ url: `${origin}/` })).rejects.toMatchObject({ code: 'EGRESS_REFUSED' });
    process.env['ALLOWED_ORIGINS'] = 'none';
    await expect(egress.request({ url: `${origin}/` })).rejects.toMatchObject({ code: 'EGRESS_REFUSED' });
  });
});

describe('C20: answers', () => {
  test('longer than the cap end in LIMIT, declared or not', async () => {
    const origin = await serve((message, response) => {
      if (message.url === '/declared') response.setHeader('content-length', 100_000);
      for (let written = 0; written < 100; written++) response.write(Buffer.alloc(1_000));
      response.end();
    });
    process.env['ALLOWED_ORIGINS'] = origin;
    for (const path of ['/declared', '/endless'])
      await expect(egress.request({ url: `${origin}${path}`, maxBytes: 10_000 })).rejects.toMatchObject({ code: 'LIMIT' });
  });

  test.each(['head', 'body'])('whose %s does not come in time end in UNAVAILABLE', async (what) => {
    const origin = await serve((_message, response) => {
      if (what === 'body') response.write('half');
    });
    process.env['ALLOWED_ORIGINS'] = origin;
    await expect(egress.request({ url: `${origin}/`, deadlineMs: 100 })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('that are redirects are not followed unless asked for', async () => {
    const origin = await serve((message, response) => {
      if (message.url === '/') response.writeHead(302, { location: '/next' }).end();
      else response.end('next');
    });
    process.env['ALLOWED_ORIGINS'] = origin;
    expect((await egress.request({ url: `${origin}/` })).status).toBe(302);
    expect((await egress.request({ url: `${origin}/`, redirects: 1 })).body.toString()).toBe('next');
  });
});

describe('C20: redirects', () => {
  test('to another allowed origin lose the credentials', async () => {
    const seen: (string | undefined)[] = [];
    const other = await serve((message, response) => {
      seen.push(message.headers.authorization, message.headers.accept);
      response.end('there');
    });
    const origin = await serve((_message, response) => void response.writeHead(307, { location: `${other}/` }).end());
    process.env['ALLOWED_ORIGINS'] = `${origin},${other}`;
    const headers = { authorization: 'Basic c2VjcmV0', accept: 'text/plain' };
    expect((await egress.request({ url: `${origin}/`, headers, redirects: 3 })).status).toBe(200);
    expect(seen).toEqual([undefined, 'text/plain']);
  });

  test('to an internal address, and more than three, are refused', async () => {
    const origin = await serve((message, response) => {
      response.writeHead(302, { location: message.url === '/inside' ? 'http://169.254.169.254/' : '/loop' }).end();
    });
    process.env['ALLOWED_ORIGINS'] = origin;
    for (const path of ['/inside', '/loop'])
      await expect(egress.request({ url: `${origin}${path}`, redirects: 50 })).rejects.toMatchObject({ code: 'EGRESS_REFUSED' });
  });

  test('of a POST are never followed', async () => {
    const origin = await serve((_message, response) => void response.writeHead(307, { location: '/next' }).end());
    process.env['ALLOWED_ORIGINS'] = origin;
    expect((await egress.request({ method: 'POST', url: `${origin}/`, body: 'x', redirects: 3 })).status).toBe(307);
  });
});
