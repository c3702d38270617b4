import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Fault } from '../../../core/errors.ts';
import { bundleConsole } from '../../../scripts/bundle-console.ts';
import { ROOT } from '../../project/sources.ts';
import { expectDescribed } from '../described.ts';
import { outcome } from '../requests.ts';
import { startWorld, type World } from '../world.ts';

let world: World;

beforeAll(async () => {
  world = await startWorld();
  await bundleConsole(ROOT, join(process.env['LAMBDA_TASK_ROOT']!, 'console'));
});
afterAll(() => world.close());

const SESSION = { cookies: ['session=whatever'] };

describe('the page of the console', () => {
  it('is one and the same under every address, and has nothing inside that runs', async () => {
    const page = await world.call('GET', '/console', SESSION);
    expect(page.status).toBe(200);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.text).not.toMatch(/<script[^>]*>[^<]/);
    expect(page.text).not.toMatch(/<style| style=| on\w+=|https?:/);
    expect((await world.call('GET', '/console/requests/prod/PR-2026-0001', SESSION)).text).toBe(page.text);
    expect((await world.call('GET', '/console/%3Cimg%20src=x%3E/..', SESSION)).text).toBe(page.text);
    expect((await world.call('GET', '/console/', SESSION)).text).toBe(page.text);
    const again = await world.call('GET', '/console', { ...SESSION, headers: { 'if-none-match': page.headers['etag']! } });
    expect([again.status, again.text]).toEqual([304, '']);
  });

  it('lets scripts, styles and answers come from here only, and nothing turn text into markup', async () => {
    const policy = (await world.call('GET', '/console')).headers['content-security-policy']!.split('; ');
    expect(policy).toEqual(
      expect.arrayContaining([
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
      ]),
    );
    expect(policy.join()).not.toMatch(/unsafe|\*|https?:/);
  });

  it('says to a browser without a session that it need not ask who it is', async () => {
    expect((await world.call('GET', '/console')).text).toContain('<div id="console" data-session="none">');
    expect((await world.call('GET', '/console', SESSION)).text).toContain('<div id="console">');
  });

  it('is there while the table is not, to say so', async () => {
    world.state.forgetConfiguration();
    const gone = vi.spyOn(world.state.table, 'get').mockRejectedValue(new Fault('UNAVAILABLE', 'the state table does not answer'));
    try {
      expect(outcome(await world.call('GET', '/v1/environments', { as: 'dev' }))).toBe('503 UNAVAILABLE');
      for (const path of ['/console', '/console/requests/prod/PR-2026-0001'])
        expect((await world.call('GET', path, SESSION)).status).toBe(200);
    } finally {
      gone.mockRestore();
    }
  });

  it('is where the address of the service leads, and signing out', async () => {
    expect((await world.call('GET', '/')).headers['location']).toBe('/console');
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await world.call('POST', '/v1/logout', { headers: form })).headers['location']).toBe('/console');
  });

  it('forgives a slash at the end of its address, and the API does not', async () => {
    for (const path of ['/health/', '/v1/requests/prod/'])
      expect((await world.call('GET', path, { ...SESSION, as: 'dev' })).status, path).toBe(404);
    expect((await world.call('POST', '/console/', { body: {} })).status).toBe(404);
  });

  it('takes no other method', async () => {
    expect(outcome(await world.call('POST', '/console/requests/prod', { body: {} }))).toBe('405 METHOD_NOT_ALLOWED');
    expect(outcome(await world.call('POST', '/console', { body: {} }))).toBe('405 METHOD_NOT_ALLOWED');
  });
});

describe('its assets', () => {
  it('come under names that hold their hash, for ever, compressed for whom that suits', async () => {
    const { text } = await world.call('GET', '/console');
    const addresses = [...text.matchAll(/"(\/console\/assets\/[^"]+)"/g)].map(([, address]) => address!);
    expect(addresses).toHaveLength(3);
    for (const address of addresses) {
      const plain = await world.call('GET', address);
      expect(plain.status, address).toBe(200);
      expect(plain.headers['cache-control']).toContain('immutable');
      expect(plain.headers['content-encoding']).toBeUndefined();
      const packed = await world.call('GET', address, { headers: { 'accept-encoding': 'gzip, br' } });
      expect(packed.headers['content-encoding']).toBe('gzip');
    }
    expect(text.match(/integrity="sha384-[^"]{64}"/g)).toHaveLength(2);
  });

  it('are what was built and nothing beside it', async () => {
    for (const name of ['page.html', '..%2Fpage.html', '..%2F..%2Fgreenlight.json', '__proto__', '%00', 'console.js']) {
      expect(outcome(await world.call('GET', `/console/assets/${name}`)), name).toBe('404 NOT_FOUND');
    }
  });
});

describe('who I am', () => {
  it('names roles and verbs in each environment, also to an auditor', async () => {
    const { json } = await world.call('GET', '/v1/me', { as: 'dev' });
    expect(json).toMatchObject({ email: 'dev@example.com', name: 'Dana Dev', kind: 'person', tenants: ['tenant-finance'] });
    expect(json.environments.map(({ name, tier }: { name: string; tier: string }) => [name, tier])).toEqual([
      ['dev', 'standard'],
      ['staging', 'standard'],
      ['prod', 'production'],
    ]);
    expect(json.environments[2]).toMatchObject({ roles: ['devops'], verbs: ['read', 'request', 'execute'] });
    expect((await world.call('GET', '/v1/me', { as: 'auditor' })).json.verbs).toEqual(['audit.read', 'audit.export']);
    expect(outcome(await world.call('GET', '/v1/me'))).toBe('401 UNAUTHENTICATED');
  });
});

describe('an answer that the client has', () => {
  it.each(['/v1/environments', '/v1/requests/prod', '/v1/inbox', '/v1/me'])('is not sent again: %s', async (path) => {
    const first = await world.call('GET', path, { as: 'cpi' });
    const tag = first.headers['etag']!;
    expect(tag).toMatch(/^W\/"/);
    expect((await world.call('GET', path, { as: 'cpi', headers: { 'if-none-match': tag } })).status).toBe(304);
    expect((await world.call('GET', path, { as: 'cpi', headers: { 'if-none-match': 'W/"another"' } })).status).toBe(200);
  });
});

describe('the description', () => {
  it('fits every answer that these tests were given', () => expectDescribed(world));
});
