import { generateKeyPair } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuildSystem, startBuildSystem } from './build-system.ts';
import { expectDescribed } from './described.ts';
import { createRequest, openApproval, outcome, requestBody } from './requests.ts';
import { startWorld, type World } from './world.ts';

const LIST = '/v1/requests/staging';

let world: World;
let github: BuildSystem;
let stranger: BuildSystem;
let gone: BuildSystem;

beforeAll(async () => {
  world = await startWorld(async (configuration, issueCertificate) => {
    github = await startBuildSystem(issueCertificate);
    stranger = await startBuildSystem(issueCertificate, 'stranger');
    gone = await startBuildSystem(issueCertificate, 'gone');
    gone.close();
    const common = { issuer: github.issuer, audience: 'greenlight', tenants: ['tenant-finance'], owner: 'dev' };
    configuration.ci.push(
      {
        ...common,
        name: 'payments',
        claims: { repository: ['acme/payments'], ref: ['refs/heads/main', 'refs/heads/next'] },
        roles: ['devops'],
      },
      {
        ...common,
        name: 'releases',
        claims: { repository: ['acme/payments'], ref: ['refs/heads/main'], environment: ['release'] },
        roles: ['cpi-admin'],
        roleEnvironments: { 'cpi-admin': ['staging'] },
      },
      {
        ...common,
        name: 'other-audience',
        audience: 'elsewhere',
        claims: { repository: ['acme/payments'], ref: ['refs/heads/main'] },
        roles: ['viewer'],
      },
      { ...common, name: 'gone', issuer: gone.issuer, claims: { repository: ['acme/payments'] }, roles: ['devops'] },
      { ...common, name: 'orphan', claims: { repository: ['acme/orphan'] }, roles: ['devops'], owner: 'left' },
    );
    configuration.people.push({
      ...{ subject: 'left', email: 'left@example.com', name: 'Lou Left', tenants: ['tenant-finance'], roles: ['cpi'], teams: [] },
      disabled: true,
    });
  });
});
afterAll(() => {
  github.close();
  stranger.close();
  return world.close();
});

let sources = 0;
/** From an address of its own: the limit on failed sign-ins is not what is looked at. */
const ask = async (token: Promise<string> | string, path = LIST, method = 'GET', body?: unknown) =>
  world.call(method, path, {
    as: `Bearer ${await token}`,
    sourceIp: `198.51.100.${sources++ % 250}`,
    ...(body === undefined ? {} : { body }),
  });

const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

describe('a job of a build system', () => {
  it('asks for a promotion as a robot, and its owner is named', async () => {
    const created = await ask(github.token(), LIST, 'POST', requestBody());
    expect(created.status, created.text).toBe(201);
    expect(created.json.metadata).toMatchObject({ createdBy: 'ci:payments', onBehalfOf: 'dev@example.com', tenant: 'tenant-finance' });
    const seen = await world.call('GET', `${LIST}/${created.json.metadata.id}`, { as: 'dev' });
    expect(seen.status).toBe(200);
    const mine = await world.call('GET', `${LIST}/my`, { as: 'dev' });
    expect(mine.json.items.map((item: { metadata: { id: string } }) => item.metadata.id)).toContain(created.json.metadata.id);
  });

  it.each([
    ['another allowed value', { ref: 'refs/heads/next' }],
    ['several audiences, ours among them', { aud: ['others', 'greenlight'] }],
    ['claims that nobody asks for', { actor: 'mallory', admin: true }],
  ])('is let in with %s', async (_what, claims) => {
    expect((await ask(github.token(claims))).status).toBe(200);
  });

  it.each<[string, Record<string, unknown>]>([
    ['another repository', { repository: 'acme/paymentz' }],
    ['a repository in other letters', { repository: 'Acme/Payments' }],
    ['a repository that begins the same', { repository: 'acme/payments-fork' }],
    ['a list in the place of a value', { repository: ['acme/payments'] }],
    ['an object in the place of a value', { repository: { toString: 'acme/payments' } }],
    ['no repository', { repository: undefined }],
    ['another branch', { ref: 'refs/heads/feature' }],
    ['a tag of the same name', { ref: 'refs/tags/main' }],
    ['another audience', { aud: 'sts.amazonaws.com' }],
    ['no audience', { aud: undefined }],
    ['two audiences between which two entries are equal', { aud: ['greenlight', 'elsewhere'] }],
    ['an issuer that nobody knows', { iss: 'https://token.actions.example.com' }],
    ['no issuer', { iss: undefined }],
    ['the issuer of people', {}],
    ['no subject', { sub: undefined }],
    ['the use of an access token', { token_use: 'access' }],
    ['an owner who has left', { repository: 'acme/orphan' }],
  ])('is refused 401 with %s', async (what, claims) => {
    const more = what === 'the issuer of people' ? { iss: world.issuer } : claims;
    expect(outcome(await ask(github.token(more)))).toBe('401 UNAUTHENTICATED');
  });

  it('AUTH-05 has an end and a beginning, give or take 60 seconds', async () => {
    expect((await ask(github.token({ exp: inSeconds(-50) }))).status).toBe(200);
    expect((await ask(github.token({ nbf: inSeconds(50), iat: inSeconds(50) }))).status).toBe(200);
    for (const claims of [{ exp: inSeconds(-61) }, { exp: undefined }, { nbf: inSeconds(70) }, { iat: inSeconds(3_600) }])
      expect(outcome(await ask(github.token(claims))), JSON.stringify(claims)).toBe('401 UNAUTHENTICATED');
  });

  it('is refused 401 with a signature that its issuer did not make', async () => {
    const { privateKey } = await generateKeyPair('RS256');
    const good = await github.token();
    const [header, payload, signature] = good.split('.') as [string, string, string];
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const { alg: _alg, ...rest } = JSON.parse(Buffer.from(header, 'base64url').toString()) as Record<string, string>;
    const forged: (string | Promise<string>)[] = [
      github.token({}, {}, privateKey),
      github.token({}, { kid: 'unknown' }),
      github.token({}, { typ: 'at+jwt' }),
      github.token({}, { alg: 'HS256' }, new TextEncoder().encode('a public key is no secret for this')),
      `${encode({ ...rest, alg: 'none' })}.${payload}.`,
      `${encode({ ...rest, alg: 'none' })}.${payload}.${signature}`,
      `${header}.${encode({ ...(JSON.parse(Buffer.from(payload, 'base64url').toString()) as object), ref: 'refs/heads/next' })}.${signature}`,
      // Another build system, in whose tokens everything but the key is right.
      stranger.token({ iss: github.issuer }),
      stranger.token(),
    ];
    for (const [index, token] of forged.entries()) expect(outcome(await ask(token)), String(index)).toBe('401 UNAUTHENTICATED');
    expect(stranger.asked).toEqual([]);
    expect((await ask(good)).status).toBe(200);
  });

  it('gets what the entry with the most fitting claims gives', async () => {
    const id = await createRequest(world, 'cpi');
    expect(outcome(await ask(github.token(), `${LIST}/${id}`))).toBe('403 FORBIDDEN');
    expect((await ask(github.token({ environment: 'release' }), `${LIST}/${id}`)).status).toBe(200);
    expect(outcome(await ask(github.token({ environment: 'release' }), '/v1/requests/prod'))).toBe('403 FORBIDDEN');
  });

  it('AUTH-12 never decides, waives, lends or makes tokens, whatever its roles say', async () => {
    const id = await openApproval(world, 'cpi');
    const job = github.token({ environment: 'release' });
    const reason = 'A robot should not be heard here';
    for (const [method, path, body] of [
      ['POST', `${LIST}/${id}/approve`, {}],
      ['POST', `${LIST}/${id}/reject`, { reason }],
      ['POST', `${LIST}/${id}/withdraw`, {}],
      ['POST', `${LIST}/${id}/break-glass`, { gate: 'policy', reason }],
      ['POST', '/v1/delegations', { to: 'cpi@example.com', until: '2099-01-01T00:00:00Z' }],
      ['GET', '/v1/delegations', undefined],
      ['POST', '/v1/tokens', { name: 'more' }],
      ['GET', '/v1/tokens', undefined],
    ] as const) {
      expect(outcome(await ask(job, path, method, body)), path).toBe('403 HUMAN_REQUIRED');
    }
    const { status } = (await world.call('GET', `${LIST}/${id}`, { as: 'cpi' })).json;
    expect(status.phase).toBe('pending_approval');
    expect(status.history.map(({ action }: { action: string }) => action)).not.toContain('approval_refused');
  });

  it('SELF-01 makes its owner the requester: who answers for it does not approve', async () => {
    const config = await world.state.configuration();
    const entry = config.ci.find(({ name }) => name === 'payments')!;
    entry.owner = 'cpi';
    try {
      const { id } = (await ask(github.token(), LIST, 'POST', requestBody())).json.metadata;
      const approving = await world.call('POST', `${LIST}/${id}/approve`, { as: 'cpi', body: {} });
      expect(outcome(approving)).toBe('403 SELF_APPROVAL');
    } finally {
      entry.owner = 'dev';
    }
  });

  it('keeps people working while its issuer is away, and says so to jobs', async () => {
    expect(outcome(await ask(gone.token()))).toBe('503 UNAVAILABLE');
    expect((await world.call('GET', LIST, { as: 'dev' })).status).toBe(200);
  });

  it('asked its issuer for its keys once', () => {
    expect(github.asked.filter((path) => path === '/.well-known/openid-configuration')).toHaveLength(1);
    // Once, and once more for the key that nobody knows.
    expect(github.asked.filter((path) => path === '/.well-known/jwks').length).toBeLessThanOrEqual(2);
  });

  it('left no token in the logs, and was answered as described', async () => {
    for (const line of world.logged) expect(line).not.toMatch(/eyJ/);
    await expectDescribed(world);
  });
});
