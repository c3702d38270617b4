import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promotionStore } from '../../../adapters/promotion/promotion-store.ts';
import type { PromotionQuery, PromotionStore } from '../../../core/promotion/ports.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import { actor, created, keyOf } from '../../core/promotion/fixture.ts';
import { type ServedTable, serveTable } from '../state/served-table.ts';

let served: ServedTable;
let promotions: PromotionStore;
const TENANTS = ['tenant-a', 'tenant-b', 'tenant-c'];
const all: Promotion[] = [];

beforeAll(async () => {
  served = await serveTable();
  promotions = promotionStore(served.table, served.clock);
  const change = created();
  for (let index = 0; index < 70; index++) {
    // Some are created in the same millisecond, and the tenants do not take turns.
    const createdAt = new Date(Date.parse('2026-11-20T00:00:00.000Z') + Math.floor(index / 3) * 1000).toISOString();
    const tenant = TENANTS[index % 7 === 0 ? 2 : index % 2]!;
    const phase = index % 10 === 3 ? 'blocked' : index % 2 === 0 ? 'approved' : 'succeeded';
    const requester = actor(index % 5 === 0 ? 'cpi' : 'dev');
    const artifact = index % 4 === 0 ? 'retail-web' : 'payment-api';
    const after = { ...change.after, id: `PR-2026-${2000 + index}`, createdAt, tenant, phase, requester, artifact } as Promotion;
    all.push(await promotions.commit({ ...change, after }));
  }
  all.sort((left, right) => (`${left.createdAt}#${left.id}` < `${right.createdAt}#${right.id}` ? 1 : -1));
});
afterAll(() => served.stop());

async function pages(query: Omit<PromotionQuery, 'environment' | 'after'>): Promise<string[][]> {
  const result: string[][] = [];
  let after: string | undefined;
  do {
    const page = await promotions.list({ environment: 'prod', ...query, ...(after === undefined ? {} : { after }) });
    result.push(page.items.map(({ id }) => id));
    after = page.after;
    if (result.length > 100) throw new Error('the pages do not end');
  } while (after !== undefined);
  return result;
}
const ids = (keep: (promotion: Promotion) => boolean) => all.filter(keep).map(({ id }) => id);

describe('a list over several tenants', () => {
  it.each([1, 7, 25, 69, 70, 100])('in pages of %i has every request once, newest first', async (limit) => {
    const found = await pages({ tenants: TENANTS, limit });
    expect(found.flat()).toEqual(ids(() => true));
    expect(found.slice(0, -1).every((page) => page.length === limit)).toBe(true);
    expect(found.at(-1)!.length).toBeGreaterThan(0);
  });

  it('has nothing of a tenant, environment or phase that was not asked for', async () => {
    expect((await pages({ tenants: ['tenant-c'], limit: 4 })).flat()).toEqual(ids(({ tenant }) => tenant === 'tenant-c'));
    expect(await pages({ tenants: [], limit: 4 })).toEqual([[]]);
    expect(await pages({ tenants: TENANTS, phases: [], limit: 4 })).toEqual([[]]);
    expect(await promotions.list({ environment: 'staging', tenants: TENANTS, limit: 4 })).toEqual({ items: [] });
  });

  it.each<[string, Partial<PromotionQuery>, (promotion: Promotion) => boolean]>([
    ['phases', { phases: ['blocked', 'succeeded'] }, ({ phase }) => phase !== 'approved'],
    ['one rare phase', { phases: ['blocked'] }, ({ phase }) => phase === 'blocked'],
    ['who requested it', { requesterKey: keyOf('cpi') }, ({ requester }) => requester.key === keyOf('cpi')],
    ['the address of who requested it', { requesterEmail: 'cpi@example.com' }, ({ requester }) => requester.email === 'cpi@example.com'],
    ['artifact', { artifact: 'retail-web' }, ({ artifact }) => artifact === 'retail-web'],
    [
      'all of them together',
      { artifact: 'payment-api', phases: ['succeeded'], requesterKey: keyOf('cpi') },
      ({ artifact, phase, requester }) => artifact === 'payment-api' && phase === 'succeeded' && requester.key === keyOf('cpi'),
    ],
    ['what nothing has', { artifact: 'nothing' }, () => false],
  ])('filtered by %s fills its pages', async (_name, query, keep) => {
    const found = await pages({ tenants: TENANTS, limit: 3, ...query });
    expect(found.flat()).toEqual(ids(keep));
    expect(found.slice(0, -1).every((page) => page.length === 3)).toBe(true);
  });

  it('goes on from an item that is gone, and takes no harm from what a client made up', async () => {
    const after = `${all[10]!.createdAt}#PR-2026-0000`;
    const page = await promotions.list({ environment: 'prod', tenants: TENANTS, limit: 100, after });
    expect(page.items.every(({ createdAt, id }) => `${createdAt}#${id}` < after)).toBe(true);
    await expect(promotions.list({ environment: 'prod', tenants: TENANTS, limit: 1, after: 'x' })).resolves.toBeDefined();
  });

  it('follows a request into its next phase', async () => {
    const head = all.find(({ phase }) => phase === 'approved')!;
    const change = created();
    const moved = await promotions.commit({ ...change, before: head, after: { ...head, phase: 'promoting' } });
    const found = await promotions.list({ environment: 'prod', tenants: TENANTS, phases: ['promoting'], limit: 5 });
    expect(found).toEqual({ items: [moved] });
  });
});

describe('what has become of requests', () => {
  const at = (hour: number) => new Date(Date.parse('2026-11-21T00:00:00.000Z') + hour * 3_600_000).toISOString();
  const ENDS = {
    approved: { phase: 'approved', approvedAt: at(1) },
    deployed: { phase: 'succeeded', approvedAt: at(1), deployedAt: at(30) },
    rejected: { phase: 'rejected', rejectedAt: at(2) },
    open: { phase: 'pending_approval' },
  } as const;

  beforeAll(async () => {
    const change = created();
    for (const [place, end] of Object.values(ENDS).entries()) {
      const after = { ...change.after, id: `PR-2026-${3000 + place}`, tenant: 'tenant-d', requester: actor('dev'), ...end } as Promotion;
      await promotions.commit({ ...change, after });
    }
  });
  const since = (from: string, tenants = ['tenant-d', 'tenant-e'], environment = 'prod') =>
    promotions.outcomes({ environment, tenants, since: from });

  it('is told of those that were decided on or deployed since then, and of no other', async () => {
    const { approved, deployed, rejected } = ENDS;
    expect(await since(at(0))).toMatchObject([approved, rejected, deployed]);
    expect(await since(at(2))).toMatchObject([rejected, deployed]);
    expect(await since(at(30))).toMatchObject([deployed]);
    expect(await since(at(31))).toEqual([]);
    expect(await since(at(0), ['tenant-e'])).toEqual([]);
    expect(await since(at(0), undefined, 'staging')).toEqual([]);
  });

  it('holds whose it was, and nothing that a count does not need', async () => {
    const [approved] = await since(at(0));
    expect(approved!.requesterKey).toBe(keyOf('dev'));
    expect(Object.keys(approved!).sort()).toEqual(['GPK', 'PK', 'SK', 'approvedAt', 'outcomeAt', 'phase', 'requesterKey']);
  });
});
