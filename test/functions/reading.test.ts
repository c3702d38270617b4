import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectDescribed } from './described.ts';
import { createRequest, openApproval, outcome, requestBody } from './requests.ts';
import { DIGEST, OTHER_DIGEST, startWorld, type World } from './world.ts';

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

const PREVIEW = '/v1/requests/prod/preview';
const LIST = '/v1/requests/staging';
/** Not what these tests adopt in staging. */
const OTHER = { target: { version: '1.2.0' } };

async function rows(): Promise<number> {
  const { all } = world.state.table;
  const partitions = ['OUTBOX#0', 'WAKE#0', 'NOTICE#0'];
  return (await Promise.all(partitions.map((pk) => all({ pk })))).flat().length;
}

describe('a preview', () => {
  it('shows what would happen, and its reference stands for exactly that', async () => {
    const at = '2026-01-01T00:00:00.000Z';
    await world.state.environments.adopt('prod', 'payment-api', 'tenant-finance', {
      version: '1.2.0',
      digest: OTHER_DIGEST,
      requestId: 'adopted',
      at,
    });
    await world.state.environments.adopt('staging', 'payment-api', 'tenant-finance', {
      version: '1.1.0',
      digest: DIGEST,
      requestId: 'adopted',
      at,
    });
    const answer = await world.call('POST', PREVIEW, { as: 'dev', body: requestBody({ preChecks: { performanceTestsPassed: false } }) });
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({
      previewRef: expect.stringMatching(/^pv-/),
      artifact: { name: 'payment-api', version: '1.1.0', digest: DIGEST },
      from: 'staging',
      to: 'prod',
      current: { version: '1.2.0' },
      rollbackTarget: OTHER_DIGEST,
      copy: { blobs: 3, bytes: 3_000, missingBytes: 1_000 },
      diff: { version: { from: '1.2.0', to: '1.1.0' } },
      warnings: ['claimed as not done: performanceTestsPassed'],
    });
    expect(answer.json.steps.slice(0, 4)).toEqual(['copying', 'verifying_copy', 'tagging', 'canary:10']);
    expect(answer.json.gates.map((gate: { name: string; status: string }) => [gate.name, gate.status])).toEqual([
      ['policy', 'passed'],
      ['signature', 'passed'],
      ['http', 'not_run'],
    ]);
    expect(answer.json.approvals.stages[0].rules).toEqual([
      { team: 'platform-leads', min: 1, eligible: ['lead@example.com'] },
      { team: 'security', min: 1, eligible: ['security@example.com'] },
    ]);
    const { previewRef } = answer.json;
    const other = await world.call('POST', '/v1/requests/prod', { as: 'dev', body: requestBody({ previewRef }) });
    expect(outcome(other)).toBe('409 PREVIEW_MISMATCH');
    const same = requestBody({ previewRef, preChecks: { performanceTestsPassed: false } });
    expect(outcome(await world.call('POST', '/v1/requests/prod', { as: 'cpi', body: same }))).toBe('409 PREVIEW_EXPIRED');
    const created = await world.call('POST', '/v1/requests/prod', { as: 'dev', body: same });
    expect(created.status).toBe(201);
    expect(created.json.status.planHash).toBe(answer.json.planHash);
  });

  it('REST-30 writes nothing with store=false, for every role, and plans the same', async () => {
    const ask = (as: string, query = '') => world.call('POST', `${PREVIEW}${query}`, { as, body: requestBody() });
    const isWrite = (operation: string) => /^(Put|Update|Delete|Transact|BatchWrite)/.test(operation);
    for (const as of ['dev', 'cpi', 'cpi2', 'admin']) {
      // The first act of a person leaves who it is.
      const stored = await ask(as);
      const before = [await rows(), world.awsCalls.filter(isWrite).length];
      const dry = await ask(as, '?store=false');
      expect(dry.json.previewRef).toBeUndefined();
      expect({ ...dry.json, expiresAt: '' }, as).toEqual({ ...stored.json, expiresAt: '', previewRef: undefined });
      expect([await rows(), world.awsCalls.filter(isWrite).length], as).toEqual(before);
    }
    for (const [as, status] of [
      ...['viewer', 'lead', 'security', 'auditor'].map((name) => [name, 403] as const),
      ['outsider', 404] as const,
    ]) {
      await ask(as);
      const before = [await rows(), world.awsCalls.filter(isWrite).length];
      expect((await ask(as, '?store=false')).status, as).toBe(status);
      expect([await rows(), world.awsCalls.filter(isWrite).length], as).toEqual(before);
    }
  });

  it('tells of gates that fail without refusing', async () => {
    world.gates.status = 'failed';
    const answer = await world.call('POST', PREVIEW, { as: 'dev', body: requestBody() });
    world.gates.status = 'passed';
    expect(answer.json.gates[0]).toMatchObject({ name: 'policy', status: 'failed' });
  });
});

describe('lists', () => {
  it('filter by state, phase, artifact, requester, tenant and words', async () => {
    const id = await openApproval(world, 'cpi2', { target: { name: 'other-service' } });
    const ids = async (query: string, as = 'cpi') =>
      (await world.call('GET', `${LIST}?${query}`, { as })).json.items.map(
        (item: { metadata: { id: string } }) => item.metadata.id,
      ) as string[];
    expect(await ids('artifact=other-service')).toEqual([id]);
    expect(await ids('state=pending&createdBy=cpi2@example.com')).toEqual([id]);
    expect(await ids('phase=pending_approval')).toEqual([id]);
    expect(await ids('state=approved&phase=pending_approval')).toEqual([]);
    expect(await ids('search=OTHER-serv')).toEqual([id]);
    expect(await ids(`search=${id}`)).toEqual([id]);
    expect(await ids('search=nothing-like-it')).toEqual([]);
    expect(await ids('tenant=tenant-retail')).toEqual([]);
    expect(await ids('tenant=tenant-finance')).toContain(id);
    // DevOps sees its own; another tenant sees nothing.
    expect(await ids('artifact=other-service', 'dev')).toEqual([]);
    expect(await ids('', 'outsider')).toEqual([]);
    expect(await ids('', 'admin')).toContain(id);
  });

  it('hold summaries only', async () => {
    await createRequest(world, 'dev', OTHER);
    const { items } = (await world.call('GET', `${LIST}/my?limit=1`, { as: 'dev' })).json;
    expect(Object.keys(items[0].spec)).toEqual(['target', 'request']);
    expect(JSON.stringify(items)).not.toMatch(/releaseNotes|history|gates/);
  });

  it('count what the caller may see', async () => {
    const before = (await world.call('GET', `${LIST}/stats`, { as: 'cpi' })).json;
    const id = await openApproval(world, 'dev', OTHER);
    await world.call('POST', `${LIST}/${id}/approve`, { as: 'cpi', body: {} });
    const reject = await openApproval(world, 'dev', OTHER);
    await world.call('POST', `${LIST}/${reject}/reject`, { as: 'cpi', body: { reason: 'not this time, sorry' } });
    await openApproval(world, 'dev', OTHER);
    const after = (await world.call('GET', `${LIST}/stats`, { as: 'cpi' })).json;
    expect(after).toEqual({
      ...before,
      pending: before.pending + 1,
      approvedToday: before.approvedToday + 1,
      rejectedToday: before.rejectedToday + 1,
    });
    expect((await world.call('GET', `${LIST}/stats`, { as: 'outsider' })).json.pending).toBe(0);
  });
});

describe('environments', () => {
  it('show what runs where, with flags, to those whose artifact it is', async () => {
    const { items } = (await world.call('GET', '/v1/environments', { as: 'cpi' })).json;
    expect(items.map((item: { environment: string }) => item.environment)).toEqual(['dev', 'staging', 'prod']);
    const prod = items[2].artifacts.find((place: { artifact: string }) => place.artifact === 'payment-api');
    expect(prod).toMatchObject({
      current: { version: '1.2.0' },
      health: 'healthy',
      // Staging has 1.1.0: nobody goes forward to that.
      flags: { frozen: false, locked: false, out_of_date: false, drifted: false },
    });
    expect(items[2].artifacts.map((place: { artifact: string }) => place.artifact)).not.toContain('retail-web');
    const one = (await world.call('GET', '/v1/environments/prod', { as: 'cpi' })).json;
    const place = one.artifacts.find((candidate: { artifact: string }) => candidate.artifact === 'payment-api');
    expect(place.history).toMatchObject([{ version: '1.2.0', outcome: 'adopted' }]);
    expect(place.pending.length).toBeGreaterThan(0);
    expect(outcome(await world.call('GET', '/v1/environments/moon', { as: 'cpi' }))).toBe('404 NOT_FOUND');
    const outside = (await world.call('GET', '/v1/environments/prod', { as: 'outsider' })).json;
    expect(outside.artifacts.map((candidate: { artifact: string }) => candidate.artifact)).toEqual(['retail-web']);
  });
});

describe('the page of the description', () => {
  it('lists every route and code without script', async () => {
    const page = await world.call('GET', '/docs');
    expect(page.headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-/);
    expect(page.text).not.toContain('<script');
    expect(page.text).toContain('POST /v1/requests/{env}/{id}/approve');
    expect(page.text).toContain('id="SELF_APPROVAL"');
  });
});

describe('the description', () => {
  it('fits every answer that these tests were given', () => expectDescribed(world));
});

describe('what reading costs', () => {
  /** `READ_REQUESTS=100000` fills the table as a team of years has filled it; by itself that takes minutes. */
  const [FEW, MANY] = [100, Number(process.env['READ_REQUESTS'] ?? 1_000)];
  const AT_ONCE = 20;
  const PATHS = [
    '/v1/requests/staging?limit=20',
    '/v1/requests/staging/pending?limit=20',
    '/v1/requests/staging/stats',
    '/v1/inbox?view=pending&limit=20',
    '/v1/environments',
    '/v1/environments/staging',
  ];

  /** As many more requests as that, which have ended, each by the one write that lists see. */
  async function fill(first: number, end: number): Promise<void> {
    const { table } = world.state;
    const id = (await world.call('GET', '/v1/requests/staging', { as: 'cpi' })).json.items[0].metadata.id as string;
    const head = (await table.get(`REQ#${id}`, 'HEAD'))!;
    const body = head['body'] as { createdAt: string };
    const put = (number: number) => {
      // Older than what other tests look for.
      const createdAt = new Date(Date.parse(body.createdAt) - number * 60_000).toISOString();
      const own = `PR-2000-${String(number).padStart(5, '0')}`;
      const { OPK: _open, OSK: _position, ...closed } = head;
      const ended = { ...body, id: own, createdAt, phase: 'cancelled' };
      return table.put({ ...closed, PK: `REQ#${own}`, GSK: `${createdAt}#${own}`, phase: 'cancelled', body: ended });
    };
    for (let number = first; number < end; number += AT_ONCE) {
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, end - number) }, (_, place) => put(number + place)));
    }
  }

  /** Operations and read units of one answer. */
  async function costOf(path: string): Promise<{ operations: string[]; units: number }> {
    // Which configuration is in force is looked at every few seconds: here each time.
    world.state.forgetConfiguration();
    const [calls, units] = [world.awsCalls.length, world.readUnits()];
    const answer = await world.call('GET', path, { as: 'cpi' });
    expect(answer.status, `${path} ${world.logged.slice(-2).join()}`).toBe(200);
    const operations = world.awsCalls.slice(calls).filter((operation) => /Get|Query|Scan/.test(operation));
    return { operations, units: world.readUnits() - units };
  }

  it(`is the same after ${FEW} and after ${MANY} requests, for lists and status`, { timeout: 900_000 }, async () => {
    await openApproval(world, 'dev', { target: { name: 'filler-service' } });
    await fill(0, FEW);
    const few: Record<string, Awaited<ReturnType<typeof costOf>>> = {};
    for (const path of PATHS) few[path] = await costOf(path);
    await fill(FEW, MANY);
    for (const path of PATHS) {
      const many = await costOf(path);
      expect(many, path).toEqual(few[path]);
      expect(many.operations).not.toContain('Scan');
      expect(many.units, path).toBeGreaterThan(0);
    }
  });
});
