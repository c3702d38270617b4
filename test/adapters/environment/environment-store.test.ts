import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { environmentStore } from '../../../adapters/environment/environment-store.ts';
import { environmentWrites } from '../../../adapters/environment/environment-writes.ts';
import { wakeRows } from '../../../adapters/promotion/wake-rows.ts';
import type { EnvironmentChange, Occupant } from '../../../core/environment/environment.ts';
import type { EnvironmentStore } from '../../../core/environment/ports.ts';
import { DIGEST, NOW, OTHER_DIGEST, promotionIn } from '../../core/promotion/fixture.ts';
import { type ServedTable, serveTable } from '../state/served-table.ts';

let served: ServedTable;
let environments: EnvironmentStore;
const promotion = promotionIn('promoting');
const at = NOW.toISOString();

beforeAll(async () => {
  served = await serveTable();
  environments = environmentStore(served.table, served.clock);
});
afterAll(() => served.stop());

const apply = (change: EnvironmentChange) => served.table.transact(environmentWrites(change, promotion, at));
const place = (artifact: string, holder = 'PR-1-1') => ({ environment: 'prod', artifact, holder });
const occupant = (version: string, digest: string): Occupant => ({ version, digest, requestId: 'PR-1', at });
const entry = (version: string, digest: string, outcome: 'succeeded' | 'failed' | 'rolled_back', when = at) => ({
  version,
  digest,
  requestId: 'PR-1',
  at: when,
  outcome,
});
const conflict = { name: 'VersionConflict' };

describe('the conditions', () => {
  it('of every change are as they must be', () => {
    const [acquire, waiter] = environmentWrites({ kind: 'acquire', ...place('a'), fence: 3 }, promotion, at);
    expect(acquire!.condition).toEqual({
      expression: '(attribute_not_exists(holder) OR holder = :holder) AND (attribute_not_exists(fence) OR fence < :fence)',
      values: { ':holder': 'PR-1-1' },
    });
    expect(waiter).toEqual({ remove: { pk: 'ENV#prod#a', sk: 'WAITER#PR-2026-0007' } });
    const byHolder = { expression: 'holder = :holder', values: { ':holder': 'PR-1-1' } };
    expect(environmentWrites({ kind: 'release', ...place('a') }, promotion, at)).toEqual([
      expect.objectContaining({ update: { pk: 'ENV#prod#a', sk: 'HEAD' }, condition: byHolder }),
    ]);
    const occupied = environmentWrites(
      { kind: 'occupy', ...place('a'), occupant: occupant('1', DIGEST), held: [], history: entry('1', DIGEST, 'succeeded') },
      promotion,
      at,
    );
    expect(occupied[0]!.condition).toEqual(byHolder);
    expect(occupied.slice(1).map((write) => 'put' in write && write.put['SK'])).toEqual([`AT#${at}#PR-1`, `DIGEST#${DIGEST}`]);
  });
});

describe('the lock', () => {
  it('is taken by one, released by its holder only, and its fence grows', async () => {
    await apply({ kind: 'acquire', ...place('lock'), fence: 1 });
    await expect(apply({ kind: 'acquire', ...place('lock', 'PR-2-1'), fence: 2 })).rejects.toMatchObject(conflict);
    await expect(apply({ kind: 'acquire', ...place('lock'), fence: 1 })).rejects.toMatchObject(conflict);
    await expect(apply({ kind: 'release', ...place('lock', 'PR-2-1') })).rejects.toMatchObject(conflict);
    await apply({ kind: 'release', ...place('lock') });
    await expect(apply({ kind: 'release', ...place('lock') })).rejects.toMatchObject(conflict);
    await expect(apply({ kind: 'acquire', ...place('lock', 'PR-2-1'), fence: 1 })).rejects.toMatchObject(conflict);
    await apply({ kind: 'acquire', ...place('lock', 'PR-2-1'), fence: 2 });
    expect(await environments.get('prod', 'lock')).toEqual({
      ...{ environment: 'prod', artifact: 'lock', tenant: 'tenant-finance', health: 'healthy', holder: 'PR-2-1', fence: 2, revision: 3 },
    });
  });

  it('has one winner of many at once', async () => {
    const outcomes = await Promise.allSettled(
      [1, 2, 3, 4, 5].map((run) => apply({ kind: 'acquire', ...place('race', `PR-${run}-1`), fence: 1 })),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('is of one artifact: others of the environment are free', async () => {
    await apply({ kind: 'acquire', ...place('one'), fence: 1 });
    await apply({ kind: 'acquire', ...place('two'), fence: 1 });
    await expect(apply({ kind: 'release', ...place('never-held') })).rejects.toMatchObject(conflict);
  });
});

describe('what an environment holds', () => {
  it('is what succeeded, with what ran before it, the past newest first, and the evidence of both', async () => {
    const first = occupant('1', DIGEST);
    const second = { ...occupant('2', OTHER_DIGEST), at: '2026-11-21T00:00:00.000Z' };
    await apply({ kind: 'acquire', ...place('app'), fence: 1 });
    await apply({ kind: 'occupy', ...place('app'), occupant: first, held: [], history: entry('1', DIGEST, 'succeeded') });
    expect(await environments.get('prod', 'app')).not.toHaveProperty('previous');
    await apply({ kind: 'acquire', ...place('app'), fence: 2 });
    await apply({
      kind: 'occupy',
      ...place('app'),
      occupant: second,
      previous: first,
      held: [],
      history: entry('2', OTHER_DIGEST, 'succeeded', second.at),
    });
    expect(await environments.get('prod', 'app')).toMatchObject({
      current: second,
      previous: first,
      health: 'healthy',
      fence: 2,
      revision: 4,
    });
    const past = await environments.history('prod', 'app', 10);
    expect(past.map(({ version }) => version)).toEqual(['2', '1']);
    expect(await environments.history('prod', 'app', 1)).toEqual(past.slice(0, 1));
    expect(await environments.evidence('prod', 'app', DIGEST)).toEqual(first);
    expect(await environments.evidence('prod', 'app', `sha256:${'c'.repeat(64)}`)).toBeUndefined();
    expect(await environments.evidence('staging', 'app', DIGEST)).toBeUndefined();
  });

  it('is not changed by a failure, which leaves its mark and no evidence', async () => {
    const digest = `sha256:${'d'.repeat(64)}`;
    await apply({ kind: 'acquire', ...place('app'), fence: 3 });
    const rolledBack = { version: '3', digest, requestId: 'PR-1', at };
    await apply({
      kind: 'release',
      ...place('app'),
      health: 'failed',
      rolledBack,
      history: entry('3', digest, 'failed', '2026-11-22T00:00:00.000Z'),
    });
    expect(await environments.get('prod', 'app')).toMatchObject({ current: { version: '2' }, health: 'failed', rolledBack });
    expect(await environments.evidence('prod', 'app', digest)).toBeUndefined();
    await apply({ kind: 'acquire', ...place('app'), fence: 4 });
    await apply({ kind: 'release', ...place('app') });
    expect((await environments.get('prod', 'app'))!.health).toBe('failed');
  });
});

describe('waiting for the lock', () => {
  it('wakes everybody who waits, each attempt once, and forgets who has come', async () => {
    const wakes = wakeRows(served.table, served.clock);
    await environments.wait('prod', 'queue', 'PR-8', 1);
    await environments.wait('prod', 'queue', 'PR-8', 2);
    await environments.wait('prod', 'queue', promotion.id, 1);
    await environments.wakeWaiters('prod', 'queue');
    const woken = async () => (await wakes.pending()).map(({ kind, requestId, attempt }) => `${kind} ${requestId} ${attempt}`).sort();
    expect(await woken()).toEqual(['resume PR-2026-0007 1', 'resume PR-8 2']);
    for (const wake of await wakes.pending()) await wakes.done(wake);
    await apply({ kind: 'acquire', ...place('queue'), fence: 1 });
    await environments.wakeWaiters('prod', 'queue');
    expect(await woken()).toEqual(['resume PR-8 2']);
  });

  it('is a row that ends by itself: a run that waits registers anew every hour', async () => {
    served.clock.set('2026-11-20T12:00:00.000Z');
    await environments.wait('prod', 'ttl', 'PR-9', 1);
    const row = await served.table.get('ENV#prod#ttl', 'WAITER#PR-9');
    expect(row?.['ttl']).toBe(Date.parse('2026-11-20T14:00:00.000Z') / 1000);
  });
});

describe('adopting what runs unrecorded', () => {
  it('happens once, with its event, and never over a record', async () => {
    const outcomes = await Promise.all([1, 2, 3].map(() => environments.adopt('prod', 'found', 'tenant-finance', occupant('9', DIGEST))));
    expect(outcomes.sort()).toEqual([false, false, true]);
    expect(await environments.get('prod', 'found')).toMatchObject({ current: occupant('9', DIGEST), fence: 0, revision: 1 });
    expect(await environments.evidence('prod', 'found', DIGEST)).toEqual(occupant('9', DIGEST));
    const events = (await served.table.all({ pk: 'OUTBOX#0' })).filter(({ rid }) => rid === 'sys:adopt:prod:found');
    expect(events.map(({ line }) => JSON.parse(line as string))).toMatchObject([
      { type: 'environment.adopted', digest: DIGEST, to: 'prod' },
    ]);
    expect(await environments.adopt('prod', 'app', 'tenant-finance', occupant('9', DIGEST))).toBe(false);
    await apply({ kind: 'acquire', ...place('found'), fence: 1 });
  });
});
