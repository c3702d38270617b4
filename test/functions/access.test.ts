import { createHmac, generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ROUTES } from '../../functions/routes.ts';
import { expectDescribed } from './described.ts';
import { createRequest, outcome, requestBody } from './requests.ts';
import { ORIGIN, startWorld, type World } from './world.ts';

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

const LIST = '/v1/requests/staging';
const filled = (path: string) => path.replace('{env}', 'staging').replace('{id}', 'PR-2026-0001').replace('{runId}', 'r');

describe('credentials', () => {
  it('AUTH-01 are asked for on every route but the public ones, and say how', async () => {
    for (const route of ROUTES.filter((candidate) => candidate.auth === 'bearer')) {
      const headers = route.method === 'GET' ? {} : { 'content-type': 'application/json' };
      const answer = await world.call(route.method, filled(route.path), { headers });
      expect(outcome(answer), route.operation).toBe('401 UNAUTHENTICATED');
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer /);
    }
    expect((await world.call('GET', '/health')).json).toEqual({ status: 'ok' });
  });

  it('AUTH-02 and AUTH-16 are bearer tokens of the issuer and nothing else', async () => {
    const { access_token: token } = await world.token('dev');
    for (const as of [
      'Bearer nothing',
      'Bearer ',
      'bearer x.y.z',
      'Basic ZGV2OmRldg==',
      `Bearer ${token}, Bearer ${token}`,
      'AWS4-HMAC-SHA256 Credential=AKIA/x',
    ]) {
      expect(outcome(await world.call('GET', LIST, { as, sourceIp: '192.0.2.1' })), as).toBe('401 UNAUTHENTICATED');
    }
    expect(outcome(await world.call('GET', `${LIST}?access_token=${token}`))).toBe('401 UNAUTHENTICATED');
    expect((await world.call('GET', LIST, { as: `Bearer ${token}` })).status).toBe(200);
  });

  it('AUTH-03 are signed by a pinned key with an asymmetric algorithm', async () => {
    const { access_token: good } = await world.token('dev');
    const [header, payload] = good!.split('.') as [string, string];
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string };
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
    const own = (more: object) => new SignJWT(claims).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid, ...more }).sign(privateKey);
    const hs = `${encode({ alg: 'HS256', typ: 'at+jwt', kid })}.${payload}`;
    const forged = [
      `${encode({ alg: 'none', typ: 'at+jwt', kid })}.${payload}.`,
      `${hs}.${createHmac('sha256', publicKey.export({ type: 'spki', format: 'pem' }))
        .update(hs)
        .digest('base64url')}`,
      `${encode({ alg: 'ES256', typ: 'at+jwt', kid })}.${payload}.${Buffer.alloc(64).toString('base64url')}`,
      await own({}),
      await own({ kid: '../../dev/null' }),
      await own({ jwk: publicKey.export({ format: 'jwk' }) }),
      await own({ jku: 'https://127.0.0.1:1/keys' }),
      `${header}.${encode({ ...claims, sub: 'admin' })}.${good!.split('.')[2]}`,
    ];
    for (const [index, token] of forged.entries()) {
      expect(outcome(await world.call('GET', LIST, { as: `Bearer ${token}`, sourceIp: '192.0.2.2' })), String(index)).toBe(
        '401 UNAUTHENTICATED',
      );
    }
  });

  it('AUTH-04 are access tokens: an ID token does not pass', async () => {
    const { id_token: id } = await world.token('dev');
    expect(outcome(await world.call('GET', LIST, { as: `Bearer ${id}`, sourceIp: '192.0.2.3' }))).toBe('401 UNAUTHENTICATED');
  });

  it('AUTH-05 hold from their beginning to their end, give or take 60 seconds', async () => {
    const { access_token: token } = await world.token('dev', { expires_in: '1' });
    const { iat } = JSON.parse(Buffer.from(token!.split('.')[1]!, 'base64url').toString()) as { iat: number };
    const at = async (seconds: number) => {
      vi.useFakeTimers({ toFake: ['Date'], now: (iat + seconds) * 1000 });
      try {
        return outcome(await world.call('GET', LIST, { as: `Bearer ${token}`, sourceIp: '192.0.2.5' }));
      } finally {
        vi.useRealTimers();
      }
    };
    expect(await at(0)).toBe('200');
    expect(await at(1 + 59)).toBe('200');
    expect(await at(1 + 61)).toBe('401 UNAUTHENTICATED');
    expect(await at(-59)).toBe('200');
    expect(await at(-61)).toBe('401 UNAUTHENTICATED');
  });

  it('AUTH-11 are not replaced by headers that claim an identity', async () => {
    const headers = {
      'x-user': 'admin',
      'x-forwarded-user': 'admin@example.com',
      'x-amzn-oidc-data': 'x',
      'x-amzn-oidc-identity': 'admin',
    };
    expect(outcome(await world.call('GET', LIST, { headers }))).toBe('401 UNAUTHENTICATED');
    const answer = await world.call('GET', `${LIST}/my`, { as: 'dev', headers });
    expect(answer.json.items.every((item: { metadata: { createdBy: string } }) => item.metadata.createdBy === 'dev@example.com')).toBe(
      true,
    );
  });

  it('AUTH-13 wear out after 60 failures a minute from one address, for that address and those without a valid token', async () => {
    const bad = () => world.call('GET', LIST, { as: 'Bearer nothing', sourceIp: '198.51.100.7' });
    const answers = [];
    for (let count = 0; count < 62; count++) answers.push(await bad());
    const limited = answers.filter((answer) => answer.status === 429);
    // A minute may end in between; then the count begins again.
    expect(limited.length).toBeGreaterThan(0);
    expect(outcome(limited.at(-1)!)).toBe('429 TOO_MANY_REQUESTS');
    expect(Number(limited.at(-1)!.headers['retry-after'])).toBeGreaterThan(0);
    expect((await world.call('GET', LIST, { as: 'dev', sourceIp: '198.51.100.7' })).status).toBe(200);
    expect(outcome(await world.call('GET', LIST, { as: 'Bearer nothing', sourceIp: '198.51.100.8' }))).toBe('401 UNAUTHENTICATED');
  });
});

describe('unknown routes', () => {
  it('are told only to who is signed in, under /v1', async () => {
    expect(outcome(await world.call('GET', '/v1/secrets'))).toBe('401 UNAUTHENTICATED');
    expect(outcome(await world.call('GET', '/v1/secrets', { as: 'dev' }))).toBe('404 NOT_FOUND');
    expect(outcome(await world.call('GET', '/nothing'))).toBe('404 NOT_FOUND');
  });

  it('REST-26 refuse other methods with Allow, whatever an override header says', async () => {
    for (const method of ['HEAD', 'OPTIONS', 'PUT', 'TRACE', 'DELETE']) {
      const answer = await world.call(method, LIST, { as: 'dev', headers: { 'x-http-method-override': 'GET' } });
      expect(outcome(answer), method).toBe('405 METHOD_NOT_ALLOWED');
      expect(answer.headers['allow']).toBe('POST, GET');
    }
    expect(outcome(await world.call('PUT', LIST))).toBe('401 UNAUTHENTICATED');
    expect(outcome(await world.call('HEAD', '/v1/approvals/link?t=x'))).toBe('405 METHOD_NOT_ALLOWED');
    expect((await world.call('PATCH', '/v1/environments', { as: 'dev' })).headers['allow']).toBe('GET');
  });
});

describe('people without a place', () => {
  it('see nothing: the auditor has no verb to read requests', async () => {
    const id = await createRequest(world);
    expect(outcome(await world.call('GET', LIST, { as: 'auditor' }))).toBe('403 FORBIDDEN');
    expect(outcome(await world.call('GET', `${LIST}/${id}`, { as: 'auditor' }))).toBe('403 FORBIDDEN');
  });
});

describe('signing in', () => {
  const cookieOf = (answer: { cookies: string[] }, name: string) =>
    answer.cookies.find((line) => line.startsWith(`${name}=`))?.split(';')[0];

  it('goes to the issuer with PKCE, state and nonce, and keeps the way back here', async () => {
    const begun = await world.call('GET', '/v1/login?return=%2Fv1%2Fapprovals%2Flink%3Ft%3Dsecret');
    expect(begun.status).toBe(303);
    const address = new URL(begun.headers['location']!);
    expect(address.origin).toBe(world.issuer);
    expect(Object.fromEntries(address.searchParams)).toMatchObject({
      response_type: 'code',
      redirect_uri: `${ORIGIN}/v1/login/callback`,
      code_challenge_method: 'S256',
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
    });
    expect(address.href).not.toContain('secret');
    expect(begun.cookies[0]).toMatch(/^login=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/);
  });

  it('returns to paths of ours only', async () => {
    for (const bad of ['https://evil.example/', '//evil.example', '/\\evil.example', 'javascript:alert(1)', '/a\nb']) {
      expect(outcome(await world.call('GET', `/v1/login?return=${encodeURIComponent(bad)}`)), bad).toBe('400 INVALID_REQUEST');
    }
  });

  it('ends with a session for the browser that began, once, whose writes need our origin', async () => {
    const begun = await world.call('GET', '/v1/login?return=%2Fdocs%3Fx%3D1');
    const code = await world.codeFor(begun.headers['location']!, 'cpi');
    const back = `/v1/login/callback?code=${code}&state=${new URL(begun.headers['location']!).searchParams.get('state')}`;
    const stranger = await world.call('GET', back, { cookies: ['login=somebody-else'] });
    expect(outcome(stranger)).toBe('401 UNAUTHENTICATED');
    const ended = await world.call('GET', back, { cookies: [cookieOf(begun, 'login')!] });
    expect([ended.status, ended.headers['location']]).toEqual([303, '/docs?x=1']);
    expect(ended.cookies[0]).toMatch(/HttpOnly; SameSite=Lax$/);
    expect(outcome(await world.call('GET', back, { cookies: [cookieOf(begun, 'login')!] }))).toBe('401 UNAUTHENTICATED');

    const cookies = [cookieOf(ended, 'session')!];
    expect((await world.call('GET', LIST, { cookies })).status).toBe(200);
    const body = requestBody();
    const foreign: Record<string, string>[] = [
      {},
      { origin: 'https://evil.example' },
      { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
      { origin: 'null' },
      { origin: 'null', 'sec-fetch-site': 'cross-site' },
      { origin: 'null', 'sec-fetch-site': 'same-site' },
    ];
    for (const headers of foreign) {
      expect(outcome(await world.call('POST', LIST, { cookies, body, headers }))).toBe('403 CSRF');
    }
    // What browsers send from a page with `Referrer-Policy: no-referrer`, as ours are.
    const hidden = { origin: 'null', 'sec-fetch-site': 'same-origin' };
    for (const headers of [{ origin: ORIGIN }, hidden]) {
      expect((await world.call('POST', LIST, { cookies, body, headers })).status).toBe(201);
    }
    const leave = { cookies, headers: { 'content-type': 'application/x-www-form-urlencoded' } };
    expect(outcome(await world.call('POST', '/v1/logout', leave))).toBe('403 CSRF');
    expect((await world.call('POST', '/v1/logout', { ...leave, headers: { ...leave.headers, origin: ORIGIN } })).status).toBe(303);
    expect(outcome(await world.call('GET', LIST, { cookies }))).toBe('401 UNAUTHENTICATED');
  });
});

describe('the functions', () => {
  it('log no token and no query', () => {
    expect(world.logged.length).toBeGreaterThan(50);
    for (const line of world.logged) expect(line).not.toMatch(/eyJ|secret|access_token|[?]/);
  });

  it('answer as the description says', () => expectDescribed(world));
});
