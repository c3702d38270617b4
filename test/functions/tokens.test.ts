import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { identityKey } from '../../core/access/identity.ts';
import { cleanOutput } from '../../core/gate/clean-text.ts';
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import { expectDescribed } from './described.ts';
import { createRequest, openApproval, outcome, requestBody, untilLimited } from './requests.ts';
import { type Answer, startWorld, type World } from './world.ts';

const LIST = '/v1/requests/staging';
const TOKENS = '/v1/tokens';
const VALUE = /^glt_[A-Za-z0-9_-]{43}$/;
const DAY_MS = 86_400_000;

let world: World;

beforeAll(async () => {
  world = await startWorld((configuration) => {
    const common = { name: 'x', tenants: ['tenant-finance'], teams: [], disabled: false };
    configuration.roles['tenant-admin'] = { verbs: ['read', 'admin'], sees: 'tenant' };
    configuration.people.push(
      { ...common, subject: 'keeper', email: 'keeper@example.com', roles: ['tenant-admin'] },
      { ...common, subject: 'retailer', email: 'retailer@example.com', roles: ['tenant-admin'], tenants: ['tenant-retail'] },
      { ...common, subject: 'stager', email: 'stager@example.com', roles: ['cpi'], roleEnvironments: { cpi: ['staging'] } },
      { ...common, subject: 'both', email: 'both@example.com', roles: ['cpi'], tenants: ['tenant-finance', 'tenant-retail'] },
      ...['collector', 'hoarder', 'leaver'].map((subject) => ({ ...common, subject, email: `${subject}@example.com`, roles: ['devops'] })),
    );
  });
});
afterAll(() => world.close());

const create = (as: string, body: object = {}, headers = {}) =>
  world.call('POST', TOKENS, { as, body: { name: 'nightly', ...body }, headers });

async function made(as: string, body: object = {}): Promise<{ id: string; token: string; robot: string }> {
  const { status, text, json } = await create(as, body);
  if (status !== 201) throw new Error(text);
  return { id: json.id, token: json.token, robot: `Bearer ${json.token}` };
}

let sources = 0;
/** From an address of its own: the limit on failed sign-ins is not what is looked at. */
const by = (robot: string, method = 'GET', path = LIST, body?: unknown) =>
  world.call(method, path, { as: robot, sourceIp: `203.0.113.${sources++ % 250}`, ...(body === undefined ? {} : { body }) });

const namesOf = (answer: Answer) => answer.json.items.map((item: { name: string }) => item.name);
const sealed = async (id: string) =>
  (await world.state.table.all({ pk: 'OUTBOX#0' }))
    .filter(({ rid }) => rid === `sys:token:${id}`)
    .sort((left, right) => Number(left['seq']) - Number(right['seq']))
    .map(({ line }) => JSON.parse(line as string));

describe('a new token', () => {
  it('is shown once, and the table holds its hash only', async () => {
    const answer = await create('cpi', { name: 'CI deploy (blue)', expiresInDays: 30 });
    expect(answer.status, answer.text).toBe(201);
    const { id, token, prefix, createdAt, expiresAt } = answer.json;
    expect(token).toMatch(VALUE);
    expect(answer.json).toMatchObject({ name: 'CI deploy (blue)', owner: 'cpi@example.com', prefix: token.slice(0, 8) });
    expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(30 * DAY_MS);
    expect(answer.headers['location']).toBe(`${TOKENS}/${id}`);
    const listed = await world.call('GET', TOKENS, { as: 'cpi' });
    expect(listed.json.items).toContainEqual({ ...answer.json, token: undefined });
    expect(listed.text).not.toContain(token);
    const { table } = world.state;
    const row = await table.get(`APITOKEN#${sha256Hex(token)}`, 'TOKEN');
    expect(row).toMatchObject({ body: { id, prefix } });
    const owned = await table.all({ pk: `APITOKENS#${(row!['body'] as { owner: string }).owner}` });
    expect(JSON.stringify([row, owned, await sealed(id)])).not.toContain(token.slice(8));
  });

  it('lives 90 days unless said otherwise, and never more than 365', async () => {
    const { json } = await create('cpi');
    expect(Date.parse(json.expiresAt) - Date.parse(json.createdAt)).toBe(90 * DAY_MS);
    for (const expiresInDays of [0, -1, 366, 1.5, '90', 1e9, null]) {
      expect(outcome(await create('cpi', { expiresInDays })), String(expiresInDays)).toBe('400 INVALID_REQUEST');
    }
  });

  it.each([
    ['no name', { name: undefined }],
    ['an empty name', { name: '' }],
    ['a name that could pass for an address', { name: 'lead@example.com' }],
    ['a name with a direction override', { name: 'a\u202eb' }],
    ['a name of 65 letters', { name: 'a'.repeat(65) }],
    ['an unknown verb', { verbs: ['everything'] }],
    ['an empty list of verbs', { verbs: [] }],
    ['verbs that are no list', { verbs: 'read' }],
    ['tenants that are no words', { tenants: [7] }],
    ['an empty list of environments', { environments: [] }],
  ])('is refused 400 with %s', async (_what, body) => {
    expect(outcome(await create('cpi', body))).toBe('400 INVALID_REQUEST');
  });

  it('REST-01 takes no field that decides for itself', async () => {
    for (const field of ['owner', 'id', 'token', 'createdAt', 'kind', 'robot'])
      expect(outcome(await create('cpi', { [field]: 'x' })), field).toBe('400 UNKNOWN_FIELD');
  });

  it('holds what its maker holds, without what only people do, and never gains', async () => {
    const { json } = await create('cpi');
    expect(json.scope).toEqual({
      verbs: ['read', 'request', 'execute', 'rollback', 'lifecycle.edit', 'gc.apply'],
      tenants: ['tenant-finance'],
      environments: null,
    });
    expect((await create('dev')).json.scope.verbs).toEqual(['read', 'request', 'execute']);
    expect((await create('auditor')).json.scope).toMatchObject({ verbs: ['audit.read', 'audit.export'], tenants: null });
    const config = await world.state.configuration();
    const { robot } = await made('viewer');
    const viewer = config.people.find(({ subject }) => subject === 'viewer')!;
    viewer.roles = ['cpi-admin'];
    try {
      expect(outcome(await by(robot, 'POST', LIST, requestBody()))).toBe('403 FORBIDDEN');
    } finally {
      viewer.roles = ['viewer'];
    }
  });

  it.each<[string, string, object, string]>([
    ['a verb that its maker lacks', 'viewer', { verbs: ['request'] }, '403 FORBIDDEN'],
    ['a verb that its maker lacks there', 'stager', { verbs: ['request'], environments: ['prod'] }, '403 FORBIDDEN'],
    ['an environment where its maker holds none of it', 'stager', { verbs: ['read'], environments: ['staging', 'prod'] }, '403 FORBIDDEN'],
    ['a verb for people', 'cpi', { verbs: ['read', 'approve'] }, '403 HUMAN_REQUIRED'],
    ['another verb for people', 'admin', { verbs: ['break_glass'] }, '403 HUMAN_REQUIRED'],
    ['the verb of administrators', 'admin', { verbs: ['admin'] }, '403 HUMAN_REQUIRED'],
    ['the tenant of others', 'cpi', { tenants: ['tenant-retail'] }, '404 NOT_FOUND'],
    ['a tenant that does not exist', 'cpi', { tenants: ['tenant-nowhere'] }, '404 NOT_FOUND'],
    ['a tenant that does not exist, for who reaches all', 'admin', { tenants: ['tenant-nowhere'] }, '404 NOT_FOUND'],
    ['an environment that does not exist', 'cpi', { environments: ['moon'] }, '404 NOT_FOUND'],
    ['too much and a body that is wrong otherwise', 'viewer', { verbs: ['request'], expiresInDays: 0 }, '403 FORBIDDEN'],
    ['a maker who holds nothing', 'leaver', { verbs: ['audit.read'] }, '403 FORBIDDEN'],
  ])('cannot have %s', async (_what, as, body, expected) => {
    const before = (await world.call('GET', TOKENS, { as })).json.items.length;
    expect(outcome(await create(as, body))).toBe(expected);
    expect((await world.call('GET', TOKENS, { as })).json.items).toHaveLength(before);
  });

  it('is not shown again to who repeats the request with its key, and is not made twice', async () => {
    const headers = { 'idempotency-key': 'token-once' };
    const first = await create('both', {}, headers);
    const again = await create('both', {}, headers);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.json).toEqual({ ...first.json, token: null });
    expect((await world.call('GET', TOKENS, { as: 'both' })).json.items).toHaveLength(1);
    const kept = (await world.state.table.get(`IDEMPOTENCY#${await keyOfOnce()}`, 'KEY'))!;
    expect(kept['answer']).toContain(first.json.id);
    expect(kept['answer']).not.toContain(first.json.token.slice(8));
  });

  async function keyOfOnce(): Promise<string> {
    const { issuer } = await world.state.configuration();
    return sha256Hex(`${identityKey({ issuer, subject: 'both' })}\ncreateToken\ntoken-once`);
  }
});

describe('a token', () => {
  it('acts as a robot for its owner, who counts as the requester', async () => {
    const { robot } = await made('cpi', { name: 'promoter' });
    const answer = await by(robot, 'POST', LIST, requestBody());
    expect(answer.status, answer.text).toBe(201);
    const { id, createdBy, onBehalfOf } = answer.json.metadata;
    expect({ createdBy, onBehalfOf }).toEqual({ createdBy: 'token:promoter', onBehalfOf: 'cpi@example.com' });
    const { requester } = (await world.state.promotions.head(id))!;
    expect(requester).toMatchObject({ kind: 'robot', name: 'promoter', owner: { email: 'cpi@example.com' } });
    for (const verb of ['approve', 'reject'])
      expect(outcome(await world.call('POST', `${LIST}/${id}/${verb}`, { as: 'cpi', body: { reason: 'because I say so' } }))).toBe(
        '403 SELF_APPROVAL',
      );
    const { eligible } = answer.json.status.approvals.stages[0].rules[0];
    expect(eligible).toEqual(['cpi2@example.com', 'stager@example.com', 'both@example.com']);
  });

  it('and its owner see and cancel what the other has asked for', async () => {
    const { robot } = await made('dev');
    const theirs = (await by(robot, 'POST', LIST, requestBody())).json.metadata.id;
    const own = await createRequest(world, 'dev');
    expect((await by(robot, 'GET', `${LIST}/${own}`)).status).toBe(200);
    const listed = async (answer: Promise<Answer>) =>
      (await answer).json.items.map((item: { metadata: { id: string } }) => item.metadata.id);
    for (const path of [LIST, `${LIST}/my`]) {
      expect(await listed(by(robot, 'GET', path))).toEqual(expect.arrayContaining([own, theirs]));
      expect(await listed(world.call('GET', path, { as: 'dev' }))).toEqual(expect.arrayContaining([own, theirs]));
    }
    expect((await by(robot, 'POST', `${LIST}/${own}/cancel`, {})).status).toBe(200);
    expect((await world.call('POST', `${LIST}/${theirs}/cancel`, { as: 'dev', body: {} })).status).toBe(200);
    const others = await createRequest(world, 'cpi');
    expect(outcome(await by(robot, 'GET', `${LIST}/${others}`))).toBe('403 FORBIDDEN');
  });

  it('AUTH-12 never decides, whatever else it may or may not do', async () => {
    const id = await openApproval(world, 'dev');
    for (const robot of [
      (await made('cpi')).robot,
      (await made('admin')).robot,
      (await made('lead', { verbs: ['read'] })).robot,
      (await made('cpi', { verbs: ['request'] })).robot,
      (await made('dev')).robot,
      (await made('collector')).robot,
    ]) {
      for (const verb of ['approve', 'reject', 'withdraw', 'break-glass'])
        expect(outcome(await by(robot, 'POST', `${LIST}/${id}/${verb}`, {})), verb).toBe('403 HUMAN_REQUIRED');
      expect(outcome(await by(robot, 'POST', `${LIST}/PR-2026-9999/approve`, {}))).toBe('404 NOT_FOUND');
    }
    const foreign = (await made('outsider')).robot;
    expect(outcome(await by(foreign, 'POST', `${LIST}/${id}/approve`, {}))).toBe('404 NOT_FOUND');
    const { history, phase } = (await world.call('GET', `${LIST}/${id}`, { as: 'cpi' })).json.status;
    expect(phase).toBe('pending_approval');
    expect(history.map(({ action }: { action: string }) => action)).not.toContain('approval_refused');
  });

  it('makes, lists and revokes no tokens, nor delegations', async () => {
    const { id, robot } = await made('cpi');
    for (const [method, path, body] of [
      ['POST', TOKENS, { name: 'child' }],
      ['POST', TOKENS, { wrong: true }],
      ['GET', TOKENS, undefined],
      ['GET', `${TOKENS}?owner=dev@example.com`, undefined],
      ['DELETE', `${TOKENS}/${id}`, undefined],
      ['GET', '/v1/delegations', undefined],
      ['POST', '/v1/delegations', { to: 'cpi2@example.com', until: '2099-01-01T00:00:00Z' }],
    ] as const)
      expect(outcome(await by(robot, method, path, body)), `${method} ${path}`).toBe('403 HUMAN_REQUIRED');
    expect(outcome(await by(robot, 'DELETE', `${TOKENS}/at-0000000000000000`))).toBe('404 NOT_FOUND');
    expect((await by(robot)).status).toBe(200);
  });

  it('stays within its verbs, tenants and environments', async () => {
    const reader = await made('cpi', { verbs: ['read'] });
    expect((await by(reader.robot)).status).toBe(200);
    expect(outcome(await by(reader.robot, 'POST', LIST, requestBody()))).toBe('403 FORBIDDEN');
    const stager = await made('cpi', { environments: ['staging'] });
    expect((await by(stager.robot, 'POST', LIST, requestBody())).status).toBe(201);
    expect(outcome(await by(stager.robot, 'GET', '/v1/requests/prod'))).toBe('403 FORBIDDEN');
    expect(outcome(await by(stager.robot, 'POST', '/v1/requests/prod', requestBody()))).toBe('403 FORBIDDEN');
    const finance = await made('both', { tenants: ['tenant-finance'] });
    const retail = requestBody({ target: { name: 'retail-web', type: 'application' } });
    expect(outcome(await by(finance.robot, 'POST', LIST, retail))).toBe('404 NOT_FOUND');
    const all = await made('admin', { tenants: ['tenant-retail'] });
    const id = await createRequest(world, 'cpi');
    expect(outcome(await by(all.robot, 'GET', `${LIST}/${id}`))).toBe('404 NOT_FOUND');
    expect((await by((await made('admin')).robot, 'GET', `${LIST}/${id}`)).status).toBe(200);
  });

  it('shrinks with its owner, and ends with him or her', async () => {
    const { robot } = await made('leaver');
    const config = await world.state.configuration();
    const leaver = config.people.find(({ subject }) => subject === 'leaver')!;
    expect((await by(robot, 'POST', LIST, requestBody())).status).toBe(201);
    leaver.roles = ['viewer'];
    expect(outcome(await by(robot, 'POST', LIST, requestBody()))).toBe('403 FORBIDDEN');
    expect((await by(robot)).status).toBe(200);
    leaver.tenants = [];
    expect((await by(robot)).json.items).toEqual([]);
    leaver.disabled = true;
    expect(outcome(await by(robot))).toBe('401 UNAUTHENTICATED');
    leaver.disabled = false;
    expect((await by(robot)).status).toBe(200);
    config.people.splice(config.people.indexOf(leaver), 1);
    expect(outcome(await by(robot))).toBe('401 UNAUTHENTICATED');
    config.people.push(leaver);
  });

  it('ends on its day, to the millisecond of our clock', async () => {
    const { json } = await create('cpi', { expiresInDays: 1 });
    const at = async (milliseconds: number) => {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.parse(json.expiresAt) + milliseconds });
      try {
        return outcome(await by(`Bearer ${json.token}`));
      } finally {
        vi.useRealTimers();
      }
    };
    expect(await at(-1)).toBe('200');
    expect(await at(0)).toBe('401 UNAUTHENTICATED');
  });

  it('AUTH-02 is that token and no other', async () => {
    const { token } = await made('cpi');
    const flipped = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`;
    for (const wrong of [
      flipped,
      token.slice(0, -1),
      `${token}A`,
      `GLT_${token.slice(4)}`,
      token.slice(4),
      'glt_',
      `glt_${'A'.repeat(43)}`,
      `glt_${sha256Hex(token)}`,
      `${token}.${token}.${token}`,
    ])
      expect(outcome(await by(`Bearer ${wrong}`)), wrong.slice(0, 8)).toBe('401 UNAUTHENTICATED');
    expect(outcome(await world.call('GET', `${LIST}?access_token=${token}`))).toBe('401 UNAUTHENTICATED');
    expect(outcome(await world.call('GET', LIST, { cookies: [`session=${token}`], sourceIp: '203.0.113.251' }))).toBe(
      '401 UNAUTHENTICATED',
    );
    expect(outcome(await by(`Basic ${Buffer.from(`token:${token}`).toString('base64')}`))).toBe('401 UNAUTHENTICATED');
    expect((await by(`bearer   ${token}`)).status).toBe(200);
  });

  it('AUTH-13 counts with other bad credentials of its address', async () => {
    const { robot } = await made('cpi');
    const { failures } = await untilLimited((count) =>
      world.call('GET', LIST, { as: `Bearer glt_${String(count).padStart(43, 'x')}`, sourceIp: '198.51.100.99' }),
    );
    expect(failures).toBeGreaterThanOrEqual(60);
    expect((await world.call('GET', LIST, { as: robot, sourceIp: '198.51.100.99' })).status).toBe(200);
  });
});

describe('tokens of others', () => {
  it('are seen by administrators of a tenant that they reach, and by nobody else', async () => {
    await made('dev', { name: 'seen by keeper' });
    const ofDev = (as: string) => world.call('GET', `${TOKENS}?owner=dev%40example.com`, { as });
    expect(namesOf(await ofDev('keeper'))).toContain('seen by keeper');
    expect(namesOf(await ofDev('admin'))).toContain('seen by keeper');
    expect(namesOf(await ofDev('dev'))).toContain('seen by keeper');
    expect((await ofDev('retailer')).json).toEqual({ items: [] });
    for (const as of ['cpi', 'viewer', 'outsider']) expect(outcome(await ofDev(as)), as).toBe('403 FORBIDDEN');
    expect((await world.call('GET', `${TOKENS}?owner=nobody%40example.com`, { as: 'keeper' })).json).toEqual({ items: [] });
    expect(namesOf(await world.call('GET', TOKENS, { as: 'keeper' }))).toEqual([]);
  });

  it('are as unknown as none, also to who revokes them', async () => {
    const { id, robot } = await made('dev');
    const comparable = ({ text, json }: Answer) => text.replaceAll(json.requestId, '');
    const unknown = await world.call('DELETE', `${TOKENS}/at-0123456789abcdef`, { as: 'cpi' });
    for (const as of ['cpi', 'viewer', 'outsider', 'retailer']) {
      const answer = await world.call('DELETE', `${TOKENS}/${id}`, { as });
      expect(outcome(answer), as).toBe('404 NOT_FOUND');
      expect(comparable(answer)).toBe(comparable(unknown));
    }
    for (const wrong of ['nothing', '..%2f..', `${id}%00`, 'OWNER', 'LIST', '%F0%9F%92%A5'])
      expect(outcome(await world.call('DELETE', `${TOKENS}/${wrong}`, { as: 'dev' })), wrong).toMatch(/^40[04] /);
    expect((await by(robot)).status).toBe(200);
  });

  it('are revoked by an administrator of their tenant', async () => {
    const { id, robot } = await made('dev');
    expect((await world.call('DELETE', `${TOKENS}/${id}`, { as: 'keeper' })).status).toBe(204);
    expect(outcome(await by(robot))).toBe('401 UNAUTHENTICATED');
  });
});

describe('revoking', () => {
  it('ends a token at once, once, with one event after that of its beginning', async () => {
    const { id, token, robot } = await made('cpi', { verbs: ['read'], environments: ['staging'] });
    expect((await by(robot)).status).toBe(200);
    const answers = await Promise.all([1, 2, 3].map(() => world.call('DELETE', `${TOKENS}/${id}`, { as: 'cpi' })));
    expect(answers.map(outcome).sort()).toEqual(['204', '404 NOT_FOUND', '404 NOT_FOUND']);
    expect(outcome(await by(robot))).toBe('401 UNAUTHENTICATED');
    expect(outcome(await world.call('DELETE', `${TOKENS}/${id}`, { as: 'cpi' }))).toBe('404 NOT_FOUND');
    const events = await sealed(id);
    expect(events.map(({ type, seq }) => `${seq} ${type}`)).toEqual(['1 token.created', '2 token.revoked']);
    expect(events[0]).toMatchObject({
      tenant: 'tenant-finance',
      actor: { auth: 'oidc', channel: 'rest' },
      data: { verbs: ['read'], tenants: ['tenant-finance'], environments: ['staging'] },
    });
    expect(events[1].data.robot).toBe(events[0].data.robot);
    expect(events[1].prev).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.stringify(events)).not.toMatch(/cpi@|nightly|Chris/);
    expect(await world.state.table.get(`APITOKEN#${sha256Hex(token)}`, 'TOKEN')).toBeUndefined();
  });

  it('frees a place: an owner has at most 50 live tokens, also when many are made at once', async () => {
    const first = await made('hoarder');
    for (let count = 1; count < 48; count++) await made('hoarder', { name: `t${count}` });
    const many = await Promise.all([1, 2, 3, 4, 5, 6].map(() => create('hoarder')));
    expect(many.map(outcome).sort()).toEqual(['201', '201', ...Array(4).fill('422 LIMIT')]);
    expect(outcome(await create('hoarder'))).toBe('422 LIMIT');
    expect((await world.call('DELETE', `${TOKENS}/${first.id}`, { as: 'hoarder' })).status).toBe(204);
    expect((await create('hoarder')).status).toBe(201);
  });

  it('is listed in pages, newest first, whose cursors are for this list', async () => {
    const page = async (query: string) => world.call('GET', `${TOKENS}?${query}`, { as: 'hoarder' });
    const ids: string[] = [];
    for (let cursor = ''; ; ) {
      const { json } = await page(`limit=20${cursor}`);
      ids.push(...json.items.map(({ id }: { id: string }) => id));
      if (json.nextCursor === undefined) break;
      cursor = `&cursor=${json.nextCursor}`;
    }
    expect(new Set(ids).size).toBe(50);
    const created = (await page('limit=100')).json.items.map(({ createdAt }: { createdAt: string }) => createdAt);
    expect(created).toEqual([...created].sort().reverse());
    const { nextCursor } = (await page('limit=20')).json;
    const elsewhere = await world.call('GET', `${TOKENS}?cursor=${nextCursor}`, { as: 'cpi' });
    expect(outcome(elsewhere)).toBe('400 BAD_CURSOR');
    for (const limit of ['0', '101', 'x', '-1']) expect(outcome(await page(`limit=${limit}`)), limit).toBe('400 INVALID_REQUEST');
  });
});

describe('the functions', () => {
  it('log no token, wherever one hides, nor do gates repeat one', async () => {
    const { redact } = await import('../../functions/kit/log.ts');
    const { token } = (await create('cpi')).json;
    const fields = { message: `got ${token}.`, list: [`a=${token}&b`], deep: { error: new Error(token, { cause: `"${token}"` }) }, token };
    expect(JSON.stringify(redact(fields))).not.toContain(token.slice(0, 12));
    expect(cleanOutput(`curl -H "x: ${token}" failed`)).toBe('curl -H "x: [redacted]" failed');
    for (const line of world.logged) expect(line).not.toMatch(/glt_[\w-]{20}/);
  });

  it('answer as the description says', () => expectDescribed(world));
});
