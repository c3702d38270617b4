/** Locks and windows against the run: before it begins, and before each step that changes something. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LockWrites } from '../../../adapters/environment/lock-writes.ts';
import { abort } from '../../../core/promotion/abort.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import type { CopyComparison } from '../../../core/registry/copy-comparison.ts';
import type { RegistryWriter } from '../../../core/registry/ports.ts';
import { acting, DIGEST, decisionBy, NOW } from '../../core/promotion/fixture.ts';
import { type RunWorld, startRunWorld } from '../run-world.ts';

/** Without a workload: copied and tagged, no rollout. */
const ARTIFACT = 'ledger';
const SAME: CopyComparison = { complete: true, sourceRoot: 'root', targetRoot: 'root', manifests: 1, blobs: 1, missing: [] };
/** The freeze is from 18:00 to 06:00 in Paris, which is from 17:00Z to 05:00Z in November. */
const BEFORE = '2026-11-20T16:30:00.000Z';
const DURING = '2026-11-20T17:30:00.000Z';
const AFTER = '2026-11-21T05:00:00.000Z';

type Task = (event: ReturnType<typeof eventOf>) => Promise<{ next: string; waitSeconds?: number }>;

let world: RunWorld;
let tasks: Record<'begin' | 'copy' | 'tag' | 'finish', Task>;
let wait: typeof import('../../../functions/promotion/wait.task.ts')['wait'];
let reconcile: typeof import('../../../functions/promotion/reconcile.job.ts')['handler'];
let written: string[];
let writes: LockWrites;

beforeAll(async () => {
  world = await startRunWorld((configuration) => {
    configuration.environments['prod']!.supersede = true;
    configuration.environments['prod']!.windows = [
      { name: 'nights', kind: 'deny', start: '2026-01-01T18:00', minutes: 720, repeat: 'FREQ=DAILY', zone: 'Europe/Paris' },
    ];
  });
  const occupant = { version: '1.1.0', digest: DIGEST, requestId: 'PR-2026-0001', at: NOW.toISOString() };
  await world.state.environments.adopt('staging', ARTIFACT, 'tenant-finance', occupant);
  const writer: RegistryWriter = {
    copy: async () => {
      written.push('copy');
      return { done: true, closureRoot: 'root', manifests: 1, blobs: 1, copiedBytes: 0 };
    },
    attach: async () => {},
    tagOnce: async (_registry, _name, tag) => void written.push(tag),
    moveTag: async (_registry, _name, tag) => written.push(tag) > 0,
  };
  tasks = {
    begin: (await import('../../../functions/promotion/begin.task.ts')).begin({ seal: async () => {} }),
    copy: (await import('../../../functions/registry/copy.task.ts')).copy({ writer, reader: { compare: async () => SAME } }),
    tag: (await import('../../../functions/registry/tag.task.ts')).tag(writer),
    finish: (await import('../../../functions/registry/finish.task.ts')).finish(writer, async () => undefined),
  } as typeof tasks;
  writes = (await import('../../../adapters/environment/lock-writes.ts')).lockWrites(world.state.table, world.state.clock);
  ({ wait } = await import('../../../functions/promotion/wait.task.ts'));
  reconcile = (await import('../../../functions/promotion/reconcile.job.ts')).handler;
});
afterAll(() => world.close());
beforeEach(async () => {
  written = [];
  world.setTime(BEFORE);
  await world.state.table.remove(`ENV#prod#${ARTIFACT}`, 'HEAD');
  for (const { SK } of await world.state.table.all({ pk: 'LOCK#prod' })) await world.state.table.remove('LOCK#prod', SK as string);
});

const eventOf = ({ id, attempt }: Pick<Promotion, 'id' | 'attempt'>) => ({ task: 'x', requestId: id, attempt });
const place = { environment: 'prod', tenant: 'tenant-finance', artifact: '*' };
const lock = () => writes.lock(place, 'incident 4711', acting('cpi'));
const unlock = () => writes.unlock(place, 'over', acting('cpi'));

async function approved(more: Partial<Promotion> = {}): Promise<Promotion> {
  const promotion = await world.create({ name: ARTIFACT });
  const head = await world.put(promotion, { phase: 'approved', approvedAt: BEFORE, ...more }, [
    decisionBy('lead', promotion),
    decisionBy('security', promotion),
  ]);
  for (const wake of await world.state.wakes.pending()) await world.state.wakes.done(wake);
  return head;
}

describe('a promotion that is approved', () => {
  it('waits for its window, and begins when it opens', async () => {
    const promotion = await approved();
    world.setTime(DURING);
    expect(await tasks.begin(eventOf(promotion))).toEqual({ next: 'turn', waitSeconds: 11.5 * 3_600 });
    expect(await world.head(promotion)).toMatchObject({ phase: 'approved', waitingOn: 'window' });
    await wait({ ...eventOf(promotion), kind: 'turn', taskToken: 'window' });
    expect(await world.wakes(promotion)).toEqual([]);
    expect((await reconcile()).woken).toBe(0);
    world.setTime(AFTER);
    expect((await reconcile()).woken).toBe(1);
    expect(await world.wakes(promotion)).toEqual(['resume 1 turn']);
    expect(await tasks.begin(eventOf(promotion))).toEqual({ next: 'copy' });
  });

  it('RACE-19 begins at the scheduled date or when the freeze is over, whichever is later, and not once its approvals are too old', async () => {
    const promotion = await world.create({ name: ARTIFACT }, { scheduledDate: DURING });
    const decisions = [decisionBy('lead', promotion), decisionBy('security', promotion)];
    await world.put(promotion, { phase: 'approved', approvedAt: BEFORE }, decisions);
    expect(await tasks.begin(eventOf(promotion))).toEqual({ next: 'turn', waitSeconds: 3_600 });
    expect(await world.head(promotion)).toMatchObject({ waitingOn: 'schedule' });
    world.setTime(DURING);
    expect(await tasks.begin(eventOf(promotion))).toEqual({ next: 'turn', waitSeconds: 11.5 * 3_600 });
    expect(await world.head(promotion)).toMatchObject({ waitingOn: 'window' });
    world.setTime('2026-11-23T17:00:00.000Z');
    expect(await tasks.begin(eventOf(promotion))).toEqual({ next: 'approval' });
  });

  it('waits for a lock, which no time ends', async () => {
    await lock();
    const promotion = await approved();
    expect(await tasks.begin(eventOf(promotion))).toEqual({ next: 'turn', waitSeconds: 3_600 });
    expect(await world.head(promotion)).toMatchObject({ phase: 'approved', waitingOn: 'lock' });
    await wait({ ...eventOf(promotion), kind: 'turn', taskToken: 'lock' });
    expect(await world.wakes(promotion)).toEqual([]);
    expect((await reconcile()).woken).toBe(0);
    await unlock();
    expect((await reconcile()).woken).toBe(1);
    expect(await tasks.begin(eventOf(promotion))).toEqual({ next: 'copy' });
  });

  it('that goes back or is repaired is not kept by a window', async () => {
    const promotion = await approved({ kind: 'repair' });
    world.setTime(DURING);
    const { holdOn } = await import('../../../functions/environment/hold.ts');
    expect(await holdOn(promotion)).toBeUndefined();
    expect(await holdOn({ ...promotion, kind: 'rollback' })).toBeUndefined();
    expect(await holdOn({ ...promotion, kind: 'promote' })).toMatchObject({ waitingOn: 'window' });
  });
});

describe('an environment that replaces older requests', () => {
  it('keeps the newest that has passed its gates, and tells the run of the others', async () => {
    const [older, newer] = [await approved({ artifact: 'twice' }), await approved({ artifact: 'twice' })];
    const { supersededIn } = await import('../../../core/promotion/supersede.ts');
    expect([...supersededIn([newer, older], () => true).values()]).toEqual([newer.id]);
    expect((await reconcile()).superseded).toBeGreaterThanOrEqual(1);
    expect((await world.head(older)).phase).toBe('superseded');
    expect((await world.head(newer)).phase).toBe('approved');
    expect(await world.wakes(older)).toContain('resume 1');
    expect((await reconcile()).superseded).toBe(0);
  });
});

describe('a promotion that has begun', () => {
  it('is held before each step that changes something, goes on where it was, and each halt is one event', async () => {
    const promotion = await approved();
    await tasks.begin(eventOf(promotion));
    await lock();
    expect(await tasks.copy(eventOf(promotion))).toEqual({ next: 'turn', waitSeconds: 3_600 });
    expect(written).toEqual([]);
    const held = await world.head(promotion);
    expect(held).toMatchObject({ phase: 'promoting', waitingOn: 'lock', step: 'copying' });
    expect((await world.state.environments.get('prod', ARTIFACT))?.holder).toBe(`${promotion.id}-1`);
    await wait({ ...eventOf(promotion), kind: 'turn', taskToken: 'held' });
    expect(await world.wakes(promotion)).toEqual([]);
    // Looked at again after an hour: nothing new, no event.
    expect(await tasks.begin(eventOf(promotion))).toEqual({ next: 'turn', waitSeconds: 3_600 });
    expect((await world.head(promotion)).version).toBe(held.version);
    await unlock();
    expect((await reconcile()).woken).toBe(1);
    expect(await tasks.begin(eventOf(promotion))).toEqual({ next: 'copy' });
    expect(await world.head(promotion)).toMatchObject({ phase: 'promoting', step: 'copying' });
    expect(await tasks.copy(eventOf(promotion))).toEqual({ next: 'tag' });
    world.setTime(DURING);
    expect(await tasks.tag(eventOf(promotion))).toEqual({ next: 'turn', waitSeconds: 11.5 * 3_600 });
    expect(written).toEqual(['copy']);
    // From a freeze into a lock: what it waits for is said anew.
    await lock();
    expect(await tasks.begin(eventOf(promotion))).toEqual({ next: 'turn', waitSeconds: 3_600 });
    expect(await world.head(promotion)).toMatchObject({ waitingOn: 'lock' });
    await unlock();
    world.setTime(AFTER);
    expect(await tasks.begin(eventOf(promotion))).toEqual({ next: 'copy' });
    expect(await tasks.copy(eventOf(promotion))).toEqual({ next: 'tag' });
    expect(await tasks.tag(eventOf(promotion))).toEqual({ next: 'finish' });
    // What has gone all the way is ended, whatever closes meanwhile: the environment must say what runs there.
    await lock();
    expect(await tasks.finish(eventOf(promotion))).toEqual({ next: 'end' });
    expect((await world.head(promotion)).phase).toBe('succeeded');
    expect(written).toEqual(['copy', '1.1.0-prod', 'latest-prod']);
    const events = (await world.events(promotion)).filter((type) => /waiting|resumed|started/.test(type));
    expect(events).toEqual([
      'promotion.started',
      'promotion.waiting',
      'promotion.resumed',
      'promotion.waiting',
      'promotion.waiting',
      'promotion.resumed',
    ]);
  });

  it('is aborted while it is held, and goes back at once', async () => {
    const promotion = await approved();
    await tasks.begin(eventOf(promotion));
    await lock();
    await tasks.copy(eventOf(promotion));
    await world.state.promotions.commit(abort(await world.head(promotion), acting('cpi'), BEFORE));
    expect(await world.wakes(promotion)).toContain('resume 1 turn');
    expect(await tasks.begin(eventOf(promotion))).toEqual({ next: 'roll-back' });
  });

  it('wakes at once when the lock is lifted between the halt and the wait', async () => {
    const promotion = await approved();
    await tasks.begin(eventOf(promotion));
    await lock();
    await tasks.copy(eventOf(promotion));
    await unlock();
    await wait({ ...eventOf(promotion), kind: 'turn', taskToken: 'late' });
    expect(await world.wakes(promotion)).toEqual(['resume 1 turn']);
  });
});
