import { createHmac, createPublicKey, generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ROUTES } from '../../functions/routes.ts';
import { expectDescribed } from './described.ts';
import { createRequest, openApproval, outcome, requestBody, untilLimited } from './requests.ts';
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
    const { egress } = await import('../../adapters/egress.ts');
    const published = JSON.parse((await egress.request({ url: `${world.issuer}/.well-known/jwks.json` })).body.toString()) as {
      keys: (JsonWebKey & { kid: string })[];
    };
    const issuerKey = createPublicKey({ key: published.keys.find((key) => key.kid === kid)!, format: 'jwk' });
    const signedBy = (secret: string | Buffer) => `${hs}.${createHmac('sha256', secret).update(hs).digest('base64url')}`;
    const forged = [
      ...['none', 'None', 'nOnE', '', 'HS256', 'HS512'].map((alg) => `${encode({ alg, typ: 'at+jwt', kid })}.${payload}.`),
      `${encode({ typ: 'at+jwt', kid })}.${payload}.`,
      // The issuer's own public key, as the secret of a MAC.
      signedBy(issuerKey.export({ type: 'spki', format: 'pem' })),
      signedBy(issuerKey.export({ type: 'spki', format: 'der' })),
      signedBy(JSON.stringify(issuerKey.export({ format: 'jwk' }))),
      signedBy(''),
      await own({ x5c: [publicKey.export({ type: 'spki', format: 'der' }).toString('base64')] }),
      await own({ x5u: 'https://127.0.0.1:1/certificate' }),
      `${encode({ alg: 'RS256', typ: 'at+jwt', kid, crit: ['exp'] })}.${payload}.${good!.split('.')[2]}`,
      `${header}.${payload}.`,
      `${header}.${payload}.${good!.split('.')[2]}.${good!.split('.')[2]}`,
      `${hs}.${createHmac('sha256', publicKey.export({ type: 'spki', format: 'pem' }))
        .update(hs)
        .digest('base64url')}`,
      `${encode({ alg: 'ES256', typ: 'at+jwt', kid })}.${payload}.${Buffer.alloc(64).toString('base64url')}`,
      await own({}),
      await own({ kid: '../../dev/null' }),
      await own({ kid: undefined }),
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

  it('AUTH-04 are access tokens of this issuer for this API: ID tokens, other audiences and other pools do not pass', async () => {
    const { id_token: id, access_token: access } = await world.token('dev');
    const claims = JSON.parse(Buffer.from(access!.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>;
    const ask = async (token: string | undefined) =>
      outcome(await world.call('GET', LIST, { as: `Bearer ${token}`, sourceIp: '192.0.2.3' }));
    expect(await ask(await world.sign(claims))).toBe('200');
    expect(await ask(await world.sign({ ...claims, aud: ['others', 'greenlight'] }))).toBe('200');
    const { token_use: _use, ...unmarked } = claims;
    for (const [what, token] of [
      ['an ID token', id],
      ['an ID token for us', await world.sign({ ...claims, token_use: 'id' }, 'JWT')],
      ['no word of its use', await world.sign(unmarked, 'JWT')],
      ['another audience', await world.sign({ ...claims, aud: 'grafana' })],
      ['an audience that begins the same', await world.sign({ ...claims, aud: 'greenlight2' })],
      ['no audience', await world.sign({ ...claims, aud: undefined })],
      ['the pool beside ours', await world.sign({ ...claims, iss: `${world.issuer}/other` })],
      ['our issuer with a slash', await world.sign({ ...claims, iss: `${world.issuer}/` })],
      ['another issuer', await world.sign({ ...claims, iss: 'https://login.example.com' })],
      ['no issuer', await world.sign({ ...claims, iss: undefined })],
    ])
      expect(await ask(token), what).toBe('401 UNAUTHENTICATED');
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
    const claims = JSON.parse(Buffer.from(token!.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>;
    const now = Math.floor(Date.now() / 1000);
    const dated = async (dates: object) =>
      outcome(
        await world.call('GET', LIST, { as: `Bearer ${await world.sign({ ...claims, exp: now + 600, ...dates })}`, sourceIp: '192.0.2.6' }),
      );
    expect(await dated({})).toBe('200');
    expect(await dated({ nbf: undefined, iat: undefined })).toBe('200');
    for (const dates of [
      { exp: undefined },
      { exp: now - 61 },
      { exp: String(now + 600) },
      { exp: null },
      { nbf: now + 120 },
      { nbf: now + 120, iat: undefined },
      { iat: now + 86_400 },
      { iat: now + 86_400, nbf: undefined },
    ])
      expect(await dated(dates), JSON.stringify(dates)).toBe('401 UNAUTHENTICATED');
  });

  it('AUTH-10 are held against the people of this moment: who leaves the team decides nothing a moment later', async () => {
    const config = await world.state.configuration();
    const person = config.people.find(({ subject }) => subject === 'cpi2')!;
    const path = `${LIST}/${await openApproval(world)}`;
    const decides = async (verb: 'approve' | 'reject') =>
      outcome(
        await world.call('POST', `${path}/${verb}`, { as: 'cpi2', body: verb === 'reject' ? { reason: 'It is not ready yet' } : {} }),
      );
    const was = { roles: person.roles, tenants: person.tenants };
    try {
      // Still an approver, not of the role that is asked.
      person.roles = ['approver'];
      expect([await decides('approve'), await decides('reject')]).toEqual(['403 NOT_AN_APPROVER', '403 NOT_AN_APPROVER']);
      person.roles = ['viewer'];
      expect(await decides('approve')).toBe('403 FORBIDDEN');
      Object.assign(person, was, { tenants: ['tenant-retail'] });
      expect(await decides('approve')).toBe('404 NOT_FOUND');
      Object.assign(person, was, { disabled: true });
      expect(await decides('approve')).toBe('404 NOT_FOUND');
    } finally {
      Object.assign(person, was, { disabled: false });
    }
    expect((await world.call('GET', path, { as: 'cpi' })).json.status.phase).toBe('pending_approval');
    expect(await decides('approve')).toBe('200');
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
    const path = `${LIST}/${await openApproval(world, 'cpi')}`;
    for (const [name, value] of Object.entries({
      ...headers,
      'x-greenlight-actor': 'cpi2',
      'x-tenant': 'tenant-retail',
      'x-original-user': 'cpi2@example.com',
      'x-remote-user': 'cpi2',
      'x-amzn-request-context': '{"authorizer":{"claims":{"sub":"cpi2"}}}',
      forwarded: 'for=127.0.0.1;by=cpi2',
    })) {
      expect(outcome(await world.call('POST', `${path}/approve`, { as: 'viewer', body: {}, headers: { [name]: value } })), name).toBe(
        '403 FORBIDDEN',
      );
    }
  });

  it('AUTH-13 wear out after 60 failures a minute from one address, for that address and those without a valid token', async () => {
    const bad = () => world.call('GET', LIST, { as: 'Bearer nothing', sourceIp: '198.51.100.7' });
    const { failures, refusal } = await untilLimited(bad);
    expect(failures).toBeGreaterThanOrEqual(60);
    expect(outcome(refusal)).toBe('429 TOO_MANY_REQUESTS');
    expect(Number(refusal.headers['retry-after'])).toBeGreaterThan(0);
    expect((await world.call('GET', LIST, { as: 'dev', sourceIp: '198.51.100.7' })).status).toBe(200);
    expect(outcome(await world.call('GET', LIST, { as: 'Bearer nothing', sourceIp: '198.51.100.8' }))).toBe('401 UNAUTHENTICATED');
    // Links are another kind of credential, with a count of its own.
    expect(outcome(await world.call('GET', '/v1/approvals/link?t=guess', { sourceIp: '198.51.100.7' }))).toBe('401 BAD_LINK');
  });

  it('AUTH-13 of 100 addresses wear out for none of them, and mailed links alike for the address that guesses', async () => {
    const spread = [];
    for (let count = 0; count < 200; count++)
      spread.push(outcome(await world.call('GET', LIST, { as: `Bearer guess${count}`, sourceIp: `203.0.113.${count % 100}` })));
    expect(new Set(spread)).toEqual(new Set(['401 UNAUTHENTICATED']));
    const { failures, refusal } = await untilLimited((count) =>
      world.call('GET', `/v1/approvals/link?t=guess${count}`, { sourceIp: '198.51.100.77' }),
    );
    expect(failures).toBeGreaterThanOrEqual(60);
    expect(Number(refusal.headers['retry-after'])).toBeLessThanOrEqual(60);
    expect((await world.call('GET', LIST, { as: 'dev', sourceIp: '198.51.100.77' })).status).toBe(200);
  });

  it('AUTH-16 are not those of AWS: a request that is signed by IAM has no token of ours', async () => {
    const signed = {
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261120/eu-central-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024',
      'x-amz-date': '20261120T120000Z',
      'x-amz-security-token': 'FwoGZXIvYXdzEXAMPLE',
    };
    expect(outcome(await world.call('GET', LIST, { headers: signed, sourceIp: '192.0.2.16' }))).toBe('401 UNAUTHENTICATED');
    const presigned = `${LIST}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE&X-Amz-Signature=fe5f80`;
    expect(outcome(await world.call('GET', presigned))).toBe('401 UNAUTHENTICATED');
  });
});

describe('AUTH-08: what belongs to another tenant', () => {
  it('is answered in a path like what does not exist, whoever asks and whatever is asked', async () => {
    const id = await openApproval(world, 'cpi');
    const bodies: Record<string, object> = {
      reject: { reason: 'It is not mine to say so' },
      'break-glass': { gate: 'policy', reason: 'An emergency, they say' },
    };
    for (const suffix of ['', 'explain', 'timeline', 'approve', 'reject', 'withdraw', 'cancel', 'retry', 'execute', 'break-glass']) {
      const isRead = ['', 'explain', 'timeline'].includes(suffix);
      const ask = (which: string) =>
        world.call(isRead ? 'GET' : 'POST', `${LIST}/${which}${suffix && `/${suffix}`}`, {
          as: 'outsider',
          ...(isRead ? {} : { body: bodies[suffix] ?? {} }),
        });
      const [theirs, none, elsewhere] = [await ask(id), await ask('PR-2026-9999'), await ask('PR-1999-0001')];
      const comparable = ({ text, json, headers }: typeof theirs) => [text.replaceAll(json.requestId, ''), Object.keys(headers)];
      expect([outcome(theirs), theirs.json.hint], suffix).toEqual(['404 NOT_FOUND', expect.stringContaining('another tenant')]);
      expect(comparable(theirs)).toEqual(comparable(none));
      expect(comparable(theirs)).toEqual(comparable(elsewhere));
    }
    const edited = await world.call('PATCH', `${LIST}/${id}`, { as: 'outsider', body: { request: { impactAssessment: 'low' } } });
    expect(outcome(edited)).toBe('404 NOT_FOUND');
    const head = (await world.state.promotions.head(id))!;
    expect([head.phase, head.seq]).toEqual(['pending_approval', head.version]);
  });

  it('is answered in a body like what does not exist', async () => {
    const ask = (name: string, as: string) => world.call('POST', LIST, { as, body: requestBody({ target: { name } }) });
    expect(outcome(await ask('retail-web', 'cpi'))).toBe('404 NOT_FOUND');
    expect(outcome(await ask('payment-api', 'outsider'))).toBe('404 NOT_FOUND');
    const preview = await world.call('POST', `${LIST}/preview`, { as: 'outsider', body: requestBody() });
    expect(outcome(preview)).toBe('404 NOT_FOUND');
    expect(outcome(await world.call('POST', '/v1/tokens', { as: 'outsider', body: { name: 'x', tenants: ['tenant-finance'] } }))).toBe(
      '404 NOT_FOUND',
    );
    const lent = { from: 'cpi@example.com', until: '2026-12-31T00:00:00Z' };
    expect(outcome(await world.call('POST', '/v1/delegations', { as: 'outsider', body: lent }))).toBe('403 FORBIDDEN');
  });

  it('is in no list, whatever the filter says', async () => {
    const id = await openApproval(world, 'cpi');
    for (const path of [
      LIST,
      `${LIST}?tenant=tenant-finance`,
      `${LIST}?createdBy=cpi%40example.com`,
      `${LIST}?search=${id}`,
      `${LIST}/my`,
      `${LIST}/pending`,
      '/v1/inbox?view=all',
      '/v1/reviews',
      '/v1/delegations',
      '/v1/tokens',
    ])
      expect((await world.call('GET', path, { as: 'outsider' })).json.items, path).toEqual([]);
    const stats = await world.call('GET', `${LIST}/stats`, { as: 'outsider' });
    expect(Object.values(stats.json).every((count) => count === 0)).toBe(true);
    for (const path of ['/v1/environments', '/v1/environments/staging'])
      expect((await world.call('GET', path, { as: 'outsider' })).text, path).not.toMatch(/payment-api|tenant-finance/);
  });
});

it('AUTH-14 no answer holds a credential, whoever reads it', async () => {
  const id = await openApproval(world, 'cpi');
  const secret =
    /secret:|ssm:\/|hooks\.slack|X-Amz-|AKIA|glt_[\w-]{20}|eyJ[\w-]+\.|"(password|token|taskToken|secret|hash|webhook_url)"|-----BEGIN/;
  let read = 0;
  for (const { method, path, operation } of ROUTES.filter((route) => route.method === 'GET' && route.auth === 'bearer')) {
    for (const as of ['viewer', 'dev', 'cpi', 'admin', 'lead', 'auditor', 'outsider']) {
      const answer = await world.call(method, path.replace('{env}', 'staging').replace('{id}', id), { as });
      expect(answer.text, `${operation} ${as}`).not.toMatch(secret);
      if (answer.status === 200) read++;
    }
  }
  expect(read).toBeGreaterThan(40);
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
    const refused = await world.call('GET', LIST, { as: 'auditor' });
    expect(outcome(refused)).toBe('403 FORBIDDEN');
    expect(refused.json.hint).toMatch(/^it belongs to: .*\bdevops\b.*`greenlight whoami`/);
    expect(refused.json.hint).not.toContain('auditor');
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
