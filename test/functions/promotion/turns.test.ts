/** One environment, many promotions: who has its turn, what a killed one leaves, and what a run of a request that is over may still do. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { cancel } from '../../../core/promotion/create.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import type { CopyComparison } from '../../../core/registry/copy-comparison.ts';
import type { RegistryWriter } from '../../../core/registry/ports.ts';
import { acting, DIGEST, decisionBy, NOW } from '../../core/promotion/fixture.ts';
import { type RunWorld, startRunWorld } from '../run-world.ts';

/** Without a workload: copied and tagged, no rollout. */
const ARTIFACT = 'ledger';

/** The target has everything that the source has. */
const SAME: CopyComparison = { complete: true, sourceRoot: 'root', targetRoot: 'root', manifests: 1, blobs: 1, missing: [] };

type Tasks = Record<'begin' | 'copy' | 'tag' | 'finish', (event: ReturnType<typeof eventOf>) => Promise<{ next: string }>>;

let world: RunWorld;
let tasks: Tasks;
/** What the registry was told, in order. */
let written: string[];
beforeAll(async () => {
  world = await startRunWorld();
  const occupant = { version: '1.1.0', digest: DIGEST, requestId: 'PR-2026-0001', at: NOW.toISOString() };
  await world.state.environments.adopt('staging', ARTIFACT, 'tenant-finance', occupant);
  const writer: RegistryWriter = {
    copy: async () => ({ done: true, closureRoot: 'root', manifests: 1, blobs: 1, copiedBytes: 0 }),
    tagOnce: async (_registry, _name, tag, digest) => void written.push(`${tag} ${digest}`),
    moveTag: async (_registry, _name, tag, digest) => written.push(`${tag} ${digest}`) > 0,
    attach: async () => {},
  };
  tasks = {
    begin: (await import('../../../functions/promotion/begin.task.ts')).begin({ seal: async () => {} }),
    copy: (await import('../../../functions/registry/copy.task.ts')).copy({ writer, reader: { compare: async () => SAME } }),
    tag: (await import('../../../functions/registry/tag.task.ts')).tag(writer),
    finish: (await import('../../../functions/registry/finish.task.ts')).finish(writer, async () => undefined),
  } as Tasks;
});
afterAll(() => world.close());
beforeEach(async () => {
  written = [];
  world.setTime(NOW.toISOString());
  await world.state.table.remove(`ENV#prod#${ARTIFACT}`, 'HEAD');
});

const eventOf = ({ id, attempt }: Pick<Promotion, 'id' | 'attempt'>) => ({ task: 'x', requestId: id, attempt });
const place = () => world.state.environments.get('prod', ARTIFACT);

async function approved(more: Partial<Promotion> = {}): Promise<Promotion> {
  const promotion = await world.create({ name: ARTIFACT });
  return world.put(promotion, { phase: 'approved', approvedAt: NOW.toISOString(), ...more }, [
    decisionBy('lead', promotion),
    decisionBy('security', promotion),
  ]);
}

/** From its turn to its end. */
async function runThrough(promotion: Promotion): Promise<void> {
  for (const task of ['copy', 'tag', 'finish'] as const) await tasks[task](eventOf(promotion));
}

it('RACE-05: of 50 promotions to one environment one runs, the others wait for it, and each has its turn, in an order that is recorded', async () => {
  const all = await Promise.all(Array.from({ length: 50 }, () => approved()));
  let waiting = all;
  const order: string[] = [];
  for (let round = 1; round <= 3; round++) {
    const answers = await Promise.all(waiting.map(async (promotion) => ({ promotion, ...(await tasks.begin(eventOf(promotion))) })));
    const running = answers.filter(({ next }) => next === 'copy');
    expect(running).toHaveLength(1);
    expect(answers.filter(({ next }) => next === 'turn')).toHaveLength(waiting.length - 1);
    const [{ promotion }] = running as [(typeof running)[number]];
    const environment = await place();
    expect(environment).toMatchObject({ holder: `${promotion.id}-1`, fence: round });
    const heads = await Promise.all(waiting.map(({ id }) => world.head({ id })));
    expect(heads.filter(({ phase }) => phase === 'promoting')).toHaveLength(1);
    expect(heads.filter(({ phase, waitingOn }) => phase === 'approved' && waitingOn === 'lock')).toHaveLength(waiting.length - 1);
    await runThrough(promotion);
    order.push(promotion.id);
    waiting = waiting.filter(({ id }) => id !== promotion.id);
    expect((await place())!.holder).toBeUndefined();
    // Whoever waits is woken by who has ended.
    const woken = (await world.state.wakes.pending()).filter(({ kind }) => kind === 'resume').map(({ requestId }) => requestId);
    expect(new Set(woken)).toEqual(new Set(waiting.map(({ id }) => id)));
    for (const wake of await world.state.wakes.pending()) await world.state.wakes.done(wake);
  }
  const history = await world.state.environments.history('prod', ARTIFACT);
  expect(history.map(({ requestId }) => requestId).sort()).toEqual([...order].sort());
  for (const id of order) {
    const events = await world.events({ id });
    expect(events.filter((type) => type === 'promotion.started')).toHaveLength(1);
    expect(events.at(-1)).toBe('promotion.succeeded');
  }
});

it('CRASH-05: killed between its tags and the environment row, the first is brought to its end before the second begins', async () => {
  const [first, second] = [await approved(), await approved()];
  expect(await tasks.begin(eventOf(first))).toMatchObject({ next: 'copy' });
  await tasks.copy(eventOf(first));
  await tasks.tag(eventOf(first));
  const { promotions } = world.state;
  const commit = vi.spyOn(promotions, 'commit').mockRejectedValueOnce(new Error('killed'));
  await expect(tasks.finish(eventOf(first))).rejects.toThrow('killed');
  commit.mockRestore();
  expect(written).toEqual([`1.1.0-prod ${DIGEST}`, `latest-prod ${DIGEST}`]);
  expect((await place())!.current).toBeUndefined();

  expect(await tasks.begin(eventOf(second))).toMatchObject({ next: 'turn' });
  expect(await world.head(second)).toMatchObject({ phase: 'approved', waitingOn: 'lock' });
  // The state machine calls the task again.
  expect(await tasks.finish(eventOf(first))).toEqual({ next: 'end' });
  expect(await place()).toMatchObject({ current: { requestId: first.id }, fence: 1 });
  expect(await world.wakes(second)).toContain('resume 1');
  expect(await tasks.begin(eventOf(second))).toMatchObject({ next: 'copy' });
  expect(await place()).toMatchObject({ holder: `${second.id}-1`, fence: 2, current: { requestId: first.id } });
  expect((await world.events(first)).filter((type) => type === 'promotion.succeeded')).toHaveLength(1);
});

describe('RACE-10: a run that is started again after its request is over', () => {
  it.each(['cancelled', 'superseded', 'rejected', 'expired', 'failed', 'rolled_back', 'succeeded'] as const)(
    'does nothing when it is %s',
    async (phase) => {
      const promotion = phase === 'cancelled' ? await approved() : await approved({ phase });
      if (phase === 'cancelled') await world.state.promotions.commit(cancel(await world.head(promotion), acting('dev')));
      const before = await world.events(promotion);
      for (const task of ['begin', 'copy', 'tag', 'finish'] as const)
        expect(await tasks[task](eventOf(promotion)), task).toEqual({ next: 'end' });
      expect(written).toEqual([]);
      expect((await place())?.holder).toBeUndefined();
      expect(await world.events(promotion)).toEqual(before);
      expect((await world.head(promotion)).phase).toBe(phase);
    },
  );

  it('goes back when it was aborted, from wherever it is started again', async () => {
    const promotion = await approved();
    await tasks.begin(eventOf(promotion));
    await tasks.copy(eventOf(promotion));
    const { abort } = await import('../../../core/promotion/abort.ts');
    await world.state.promotions.commit(abort(await world.head(promotion), acting('dev'), NOW.toISOString()));
    for (const task of ['begin', 'copy', 'tag'] as const)
      expect(await tasks[task](eventOf(promotion)), task).toEqual({ next: 'roll-back' });
    await expect(tasks.finish(eventOf(promotion))).rejects.toMatchObject({ name: 'ABORTED' });
    expect(written).toEqual([]);
  });
});

describe('CAN-08: an abort that comes while the end is written', () => {
  it('moves the tag back to what the environment holds, or is told that it is too late: never half of each', async () => {
    const { promotions } = world.state;
    const old = { version: '1.0.0', digest: `sha256:${'0'.repeat(64)}`, requestId: 'adopted', at: NOW.toISOString() };
    const { abort } = await import('../../../core/promotion/abort.ts');
    const outcomes = new Set<string>();
    for (const abortsFirst of [true, false]) {
      await world.state.table.remove(`ENV#prod#${ARTIFACT}`, 'HEAD');
      await world.state.environments.adopt('prod', ARTIFACT, 'tenant-finance', old);
      written = [];
      const promotion = await approved();
      await tasks.begin(eventOf(promotion));
      await tasks.copy(eventOf(promotion));
      await tasks.tag(eventOf(promotion));
      const abortNow = async () => promotions.commit(abort(await world.head(promotion), acting('dev'), NOW.toISOString()));
      // The tag is moved, the row is not written yet.
      const { commit } = promotions;
      const spy = vi.spyOn(promotions, 'commit');
      if (abortsFirst)
        spy.mockImplementationOnce(async (change) => {
          spy.mockRestore();
          await abortNow();
          return commit(change);
        });
      const ended = await tasks.finish(eventOf(promotion)).catch((error: Error) => error.name);
      spy.mockRestore();
      const late = await abortNow().catch((error: Error) => error.name);
      const { phase } = await world.head(promotion);
      outcomes.add(`${phase} ${typeof ended === 'string' ? ended : ended.next} ${String(late)}`);
      const tag = written.findLast((line) => line.startsWith('latest-prod'));
      expect(tag).toBe(`latest-prod ${phase === 'succeeded' ? DIGEST : old.digest}`);
      expect((await place())!.current!.digest).toBe(phase === 'succeeded' ? DIGEST : old.digest);
    }
    expect([...outcomes]).toEqual(['rolling_back ABORTED STATE_CONFLICT', 'succeeded end STATE_CONFLICT']);
  });
});

describe('CAN-15: a way back that does not end', () => {
  it('is retried by the state machine, and then has failed by that name, with what it met last', async () => {
    const { fail } = await import('../../../functions/promotion/fail.task.ts');
    const promotion = await approved();
    await tasks.begin(eventOf(promotion));
    const { abort } = await import('../../../core/promotion/abort.ts');
    await world.state.promotions.commit(abort(await world.head(promotion), acting('dev'), NOW.toISOString()));
    await fail({ ...eventOf(promotion), step: 'rollback', failure: { Error: 'UNAVAILABLE', Cause: '{"errorMessage":"the API is away"}' } });
    expect(await world.head(promotion)).toMatchObject({
      phase: 'failed',
      failure: { code: 'ROLLBACK_FAILED', step: 'rollback', message: 'the way back did not end: UNAVAILABLE: the API is away' },
    });
    expect(await place()).toMatchObject({ health: 'failed' });
    expect((await place())!.holder).toBeUndefined();
  });
});
