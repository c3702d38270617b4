import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { environmentWrites } from '../../../adapters/environment/environment-writes.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import { type ClusterSight, isDue, sightOf, viewOf } from '../../../core/rollout/cluster-view.ts';
import type { Deployment } from '../../../core/rollout/workload.ts';
import { expectDescribed } from '../described.ts';
import { outcome } from '../requests.ts';
import { startWorld, type World } from '../world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld((configuration) => {
    configuration.consumers['payment-api'] = [
      { product: 'fraud-detection', pipelines: [{ name: 'scores', state: true }], storageGb: 25 },
      { product: 'staging-probe', pipelines: [], environments: ['staging'] },
    ];
  });
});
afterAll(() => world.close());

const PATH = '/v1/consumers';
const consumer = (more: object = {}) => ({
  ...{ artifact: 'payment-api', product: 'orders-analytics', storageGb: 50, owner: 'orders@example.com', restartSeconds: 240 },
  pipelines: [
    { name: 'hourly', state: true },
    { name: 'daily', state: false },
  ],
  ...more,
});
const put = (more: object = {}, as = 'dev') => world.call('POST', PATH, { as, body: consumer(more) });
const list = async (query = '', as = 'viewer') => (await world.call('GET', `${PATH}${query}`, { as })).json.items;
const products = async (query?: string, as?: string) => (await list(query, as)).map((each: { product: string }) => each.product).sort();
const lines = async () =>
  (await world.state.table.all({ pk: 'OUTBOX#0' }))
    .map(({ line }) => JSON.parse(line as string))
    .filter(({ type }) => type.startsWith('consumer.'));

describe('who builds on an artifact', () => {
  it('is kept by teams, one entry for each product, with an event for each change', async () => {
    const first = await put();
    expect(first.status, first.text).toBe(200);
    expect(first.json).toMatchObject({ id: expect.stringMatching(/^cn-/), product: 'orders-analytics', updatedBy: 'dev@example.com' });
    const again = await put({ storageGb: 60 }, 'cpi');
    expect(again.json).toMatchObject({ id: first.json.id, storageGb: 60, updatedBy: 'cpi@example.com' });
    expect(await products()).toEqual(['fraud-detection', 'orders-analytics', 'staging-probe']);
    expect((await world.call('DELETE', `${PATH}/${first.json.id}`, { as: 'dev' })).status).toBe(204);
    expect(outcome(await world.call('DELETE', `${PATH}/${first.json.id}`, { as: 'dev' }))).toBe('404 NOT_FOUND');
    const events = await lines();
    expect(events.map(({ type, seq }) => [type, seq])).toEqual([
      ['consumer.changed', 1],
      ['consumer.changed', 2],
      ['consumer.removed', 3],
    ]);
    expect(new Set(events.map(({ rid }) => rid))).toEqual(new Set([`sys:consumer:${first.json.id}`]));
    expect(JSON.stringify(events)).not.toContain('@example.com');
    // Registered anew it is another one: its events begin a chain of their own.
    expect((await put()).json.id).not.toBe(first.json.id);
  });

  it('stands in the configuration too, where a team has not said otherwise', async () => {
    const known = await list('?artifact=payment-api');
    expect(known.find(({ product }: { product: string }) => product === 'fraud-detection')).toMatchObject({ id: null, updatedAt: null });
    const { json } = await put({ product: 'fraud-detection', storageGb: 1 });
    const after = (await list()).filter(({ product }: { product: string }) => product === 'fraud-detection');
    expect(after).toEqual([expect.objectContaining({ id: json.id, storageGb: 1 })]);
    await world.call('DELETE', `${PATH}/${json.id}`, { as: 'dev' });
    expect(await list('?artifact=unheard-of')).toEqual([]);
  });

  it('comes in pages', async () => {
    const first = (await world.call('GET', `${PATH}?limit=2`, { as: 'viewer' })).json;
    expect(first.items).toHaveLength(2);
    const rest = (await world.call('GET', `${PATH}?limit=2&cursor=${first.nextCursor}`, { as: 'viewer' })).json;
    expect([...first.items, ...rest.items].map(({ product }) => product).sort()).toEqual(await products());
  });

  it('is nobody elses: another tenant sees and changes nothing', async () => {
    const { id } = (await put()).json;
    expect(await products('', 'outsider')).toEqual([]);
    expect(outcome(await world.call('DELETE', `${PATH}/${id}`, { as: 'outsider' }))).toBe('404 NOT_FOUND');
    expect(outcome(await put({}, 'outsider'))).toBe('404 NOT_FOUND');
    expect(outcome(await put({ artifact: 'retail-web' }))).toBe('404 NOT_FOUND');
    for (const as of ['viewer', 'lead']) {
      expect(outcome(await put({}, as))).toBe('403 FORBIDDEN');
      expect(outcome(await world.call('DELETE', `${PATH}/${id}`, { as }))).toBe('403 FORBIDDEN');
    }
  });

  it.each([
    [{ product: 'Orders Analytics' }],
    [{ product: 'a#b' }],
    [{ pipelines: [{ name: 'a' }] }],
    [{ storageGb: -1 }],
    [{ environments: ['moon'] }],
    [{ risk: 'LOW' }],
    [{ artifact: '../x' }],
  ])('is refused as %j', async (more) => {
    expect((await put(more)).status).toBe(400);
  });
});

describe('the impact report', () => {
  it('names the products of the environment, and the workloads that the cluster has shown', async () => {
    const place = { environment: 'prod', artifact: 'payment-api', holder: 'PR-1-1' };
    const promotion = { id: 'PR-2025-0001', tenant: 'tenant-finance' } as Promotion;
    for (const [fence, digit] of [1, 2].entries()) {
      const occupant = {
        version: `1.0.${digit}`,
        digest: `sha256:${String(digit).repeat(64)}`,
        requestId: `PR-2025-000${digit}`,
        at: `2026-01-0${digit}T00:00:00.000Z`,
      };
      const history = { ...occupant, outcome: 'succeeded' as const };
      for (const change of [
        { kind: 'acquire' as const, ...place, fence: fence + 1 },
        { kind: 'occupy' as const, ...place, occupant, history, held: [] },
      ])
        await world.state.table.transact(environmentWrites(change, promotion, occupant.at));
    }
    const preview = async () => {
      const body = { artifact: 'payment-api', to: '1.0.1' };
      return (await world.call('POST', '/v1/environments/prod/rollback/preview', { as: 'cpi', body })).json;
    };
    await put();
    const before = await preview();
    expect(before.impact).toMatchObject({
      products: [{ name: 'orders-analytics', pipelines: 2, statefulPipelines: 1 }, { name: 'fraud-detection' }],
      workloads: { total: 3, safe: 1, stateful: 2 },
      cluster: { unread: expect.stringContaining('nobody has looked yet') },
      risk: { level: 'MEDIUM' },
    });
    const { consumerRows } = await import('../../../adapters/rollout/consumer-rows.ts');
    const rows = consumerRows(world.state.table, world.state.clock);
    const orders = { namespace: 'prod', name: 'orders', state: true };
    await rows.see('prod', {
      at: '2026-01-03T00:00:00.000Z',
      workloads: [
        { ...orders, label: 'payment-api' },
        { ...orders, name: 'x', label: 'ledger' },
      ],
    });
    const after = await preview();
    expect(after.impact).toMatchObject({
      workloads: { total: 4, stateful: 3 },
      cluster: { at: '2026-01-03T00:00:00.000Z', workloads: [orders] },
    });
    // Who approved a rollback of that impact did not approve this one.
    expect(after.planHash).not.toBe(before.planHash);
  });
});

describe('what the labels of a cluster say', () => {
  const deployment = (name: string, labels: Record<string, string>) =>
    ({ metadata: { name, namespace: 'prod', labels } }) as unknown as Deployment;
  const at = '2026-01-01T00:00:00.000Z';

  it('is taken as it stands, for the artifact that a label names', () => {
    const sight = sightOf(
      [
        deployment('orders', { 'greenlight.dev/consumes': 'team.payment-api', 'greenlight.dev/state': 'true' }),
        deployment('report', { 'greenlight.dev/consumes': 'team.payment-api', 'greenlight.dev/state': 'yes' }),
        deployment('empty', { 'greenlight.dev/consumes': '' }),
        deployment('other', { app: 'x' }),
      ],
      at,
    );
    expect(viewOf(sight, 'team/payment-api', true)).toEqual({
      at,
      workloads: [
        { namespace: 'prod', name: 'orders', state: true },
        { namespace: 'prod', name: 'report', state: false },
      ],
    });
    expect(viewOf(sight, 'ledger', true)).toEqual({ at, workloads: [] });
  });

  it('is not known where nobody could look', () => {
    const unread: ClusterSight = { at, unread: 'forbidden' };
    expect([viewOf(unread, 'a', true), viewOf(undefined, 'a', true), viewOf(unread, 'a', false)]).toEqual([
      { unread: 'forbidden' },
      { unread: expect.stringContaining('within a minute') },
      { unread: expect.stringContaining('no cluster') },
    ]);
  });

  it('is read again after an hour', () => {
    expect(isDue(undefined, new Date(at))).toBe(true);
    expect(isDue({ at, workloads: [] }, new Date(Date.parse(at) + 3_599_999))).toBe(false);
    expect(isDue({ at, unread: 'x' }, new Date(Date.parse(at) + 3_600_000))).toBe(true);
  });
});

it('answers nothing that the OpenAPI document does not describe', () => expectDescribed(world));
