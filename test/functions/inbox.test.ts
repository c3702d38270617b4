import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectDescribed } from './described.ts';
import { createRequest, openApproval, outcome, runGates } from './requests.ts';
import { startWorld, type World } from './world.ts';

let world: World;
/** By what it is about. */
const ids: Record<'urgent' | 'plain' | 'blocked' | 'mine' | 'foreign' | 'over', string> = {} as never;

beforeAll(async () => {
  world = await startWorld((configuration) => {
    configuration.artifacts['payment-api']!.project = 'payments';
    configuration.environments['prod']!.approvals = [{ name: 'review', rules: [{ role: 'cpi', min: 1 }] }];
  });
  ids.urgent = await openApproval(world, 'dev', {
    request: { impactAssessment: 'high', priority: 'urgent', justification: 'Needed for the Zebra audit on Friday' },
  });
  ids.plain = await openApproval(world, 'dev', { target: { name: 'ledger' } });
  ids.blocked = await createRequest(world, 'dev');
  await runGates(world, ids.blocked, 'failed');
  ids.mine = await openApproval(world, 'cpi');
  ids.over = await openApproval(world);
  await world.call('POST', `/v1/requests/staging/${ids.over}/cancel`, { as: 'dev', body: {} });
  ids.foreign = await openApproval(world, 'outsider', { target: { name: 'retail-web' } });
});
afterAll(() => world?.close());

const inbox = async (as: string, query = '') => (await world.call('GET', `/v1/inbox${query}`, { as })).json.items;
const idsOf = (items: { metadata: { id: string } }[]) => items.map(({ metadata }) => metadata.id);

describe('the inbox', () => {
  it('holds what waits for the caller, newest first, with the reason, and neither the own nor another tenant’s nor what is over', async () => {
    const items = await inbox('cpi');
    expect(idsOf(items)).toEqual([ids.plain, ids.urgent]);
    expect(items[1]).toMatchObject({
      reason: 'your decision is asked for cpi',
      waitsForMe: true,
      risk: 'high',
      priority: 'urgent',
      project: 'payments',
      teams: ['cpi'],
    });
    expect(items[0]).toMatchObject({ risk: 'low', priority: 'normal', project: 'tenant-finance' });
    expect(idsOf(await inbox('cpi2'))).toEqual([ids.mine, ids.plain, ids.urgent]);
    expect(idsOf(await inbox('viewer'))).toEqual([]);
    expect(idsOf(await inbox('outsider'))).toEqual([]);
  });

  it('tells the requester what to do with a blocked request, and who could waive a gate of it', async () => {
    expect(idsOf(await inbox('dev'))).toEqual([ids.blocked]);
    expect((await inbox('dev'))[0].reason).toMatch(/blocked by its gates/);
    expect((await inbox('admin')).find(({ metadata }: { metadata: { id: string } }) => metadata.id === ids.blocked).reason).toMatch(
      /you could waive one/,
    );
  });

  it('shows mine, and all that one may see', async () => {
    expect(idsOf(await inbox('dev', '?view=mine'))).toEqual([ids.blocked, ids.plain, ids.urgent]);
    expect((await inbox('dev', '?view=mine'))[1].reason).toBe('your request waits for cpi');
    expect(idsOf(await inbox('dev', '?view=all'))).toEqual([ids.blocked, ids.plain, ids.urgent]);
    expect(idsOf(await inbox('viewer', '?view=all'))).toEqual([ids.mine, ids.blocked, ids.plain, ids.urgent]);
    expect(idsOf(await inbox('admin', '?view=all'))).toEqual([ids.foreign, ids.mine, ids.blocked, ids.plain, ids.urgent]);
  });

  it.each([
    ['risk=high', ['urgent']],
    ['priority=urgent', ['urgent']],
    ['priority=normal', ['mine', 'plain']],
    ['project=payments', ['mine', 'urgent']],
    ['project=tenant-finance', ['plain']],
    ['team=cpi', ['mine', 'plain', 'urgent']],
    ['team=security', []],
    ['environment=staging', ['mine', 'plain', 'urgent']],
    ['environment=prod', []],
    ['status=pending', ['mine', 'plain', 'urgent']],
    ['status=approved', []],
    ['risk=high&priority=normal', []],
  ] as const)('filters by %s', async (query, expected) => {
    expect(idsOf(await inbox('cpi2', `?${query}`))).toEqual(expected.map((name) => ids[name]));
  });

  it('comes in pages whose cursors hold for one person and one filter', async () => {
    const page = (await world.call('GET', '/v1/inbox?limit=2', { as: 'cpi2' })).json;
    expect(idsOf(page.items)).toEqual([ids.mine, ids.plain]);
    const next = (query: string, as = 'cpi2') => world.call('GET', `/v1/inbox?${query}&cursor=${page.nextCursor}`, { as });
    expect(idsOf((await next('limit=2')).json.items)).toEqual([ids.urgent]);
    for (const [query, as] of [
      ['limit=2&view=all', 'cpi2'],
      ['limit=2&risk=high', 'cpi2'],
      ['limit=2', 'cpi'],
    ] as const)
      expect(outcome(await next(query, as)), `${query} as ${as}`).toBe('400 BAD_CURSOR');
  });

  it.each(['view=everything', 'risk=none', 'priority=now', 'status=deployed', 'limit=0', 'limit=101', 'colour=red', 'view=mine&view=all'])(
    'refuses %s',
    async (query) => {
      expect((await world.call('GET', `/v1/inbox?${query}`, { as: 'cpi' })).status).toBe(400);
    },
  );
});

describe('search', () => {
  it('finds what stands in the head, and what the requester wrote', async () => {
    const found = async (words: string) =>
      idsOf((await world.call('GET', `/v1/requests/staging?search=${encodeURIComponent(words)}`, { as: 'cpi' })).json.items);
    expect(await found('zebra AUDIT')).toEqual([ids.urgent]);
    expect(await found('ledger')).toEqual([ids.plain]);
    expect(await found(ids.mine.toLowerCase())).toEqual([ids.mine]);
    expect(await found('no such words')).toEqual([]);
  });
});

describe('signs that approvals are played', () => {
  const alerts = async (id: string): Promise<string[]> => {
    const rows = await world.state.table.all({ pk: 'NOTICE#0' });
    const bodies = rows.map(({ body }) => body as { requestId: string; type: string; data: { signal: string } });
    return bodies.filter(({ requestId, type }) => requestId === id && type === 'security.alert').map(({ data }) => data.signal);
  };
  const approve = (id: string, as: string) => world.call('POST', `/v1/requests/staging/${id}/approve`, { as, body: {} });

  it('are reported when somebody approves within seconds, and when two approve each other', async () => {
    const one = await openApproval(world, 'cpi');
    expect((await approve(one, 'cpi2')).status).toBe(200);
    expect(await alerts(one)).toEqual(['hasty_approval']);
    const other = await openApproval(world, 'cpi2');
    expect((await approve(other, 'cpi')).status).toBe(200);
    expect(await alerts(other)).toEqual(['hasty_approval', 'reciprocal_approval']);
  });

  it('are reported at the third attempt of the requester, and once', async () => {
    const id = await openApproval(world, 'cpi');
    for (const expected of [[], [], ['repeated_self_approval'], ['repeated_self_approval']]) {
      expect(outcome(await approve(id, 'cpi'))).toBe('403 SELF_APPROVAL');
      expect(await alerts(id)).toEqual(expected);
    }
  });

  it('fit the description of the API', async () => {
    await expectDescribed(world);
  });
});
