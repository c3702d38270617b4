import { afterEach, describe, expect, it } from 'vitest';
import { abort } from '../../../core/promotion/abort.ts';
import { succeed } from '../../../core/promotion/finish.ts';
import { acting } from '../../core/promotion/fixture.ts';
import { REPLICAS } from './promotion-of-lab.ts';
import { type Lab, type LabOptions, openLab } from './rollout-lab.ts';

let lab: Lab;
const open = async (options?: LabOptions) => {
  lab = await openLab(options);
  return lab;
};
afterEach(() => lab.close());

const abortNow = () => lab.world.promotions.commit(abort(lab.head(), acting('cpi'), '2026-01-01T00:00:00.000Z'));

async function expectAsBefore(): Promise<void> {
  expect(await lab.rollBack()).toEqual({ next: 'rolled-back' });
  expect(lab.head()).toMatchObject({ phase: 'rolled_back', failure: { code: 'ABORTED' } });
  expect(await lab.workload()).toMatchObject({ stable: { image: lab.images.before, ready: REPLICAS }, canary: { replicas: 0 } });
  expect(lab.fewestReady()).toBeGreaterThanOrEqual(REPLICAS);
  expect(lab.environment.holder).toBeUndefined();
}

describe('a rollout that is aborted', () => {
  it('while a step waits for its pods leaves the step at its next look', async () => {
    await open({ healthy: 'crash' });
    // Between its first look and the second: it has begun then, and knows of no crash yet.
    const { sleep } = lab.world.stopwatch;
    let looks = 0;
    lab.world.stopwatch.sleep = async (ms) => {
      if (++looks === 1) await abortNow();
      await sleep(ms);
    };
    expect(await lab.rollOut()).toEqual({ next: 'roll-back' });
    expect(lab.head().rollout).toMatchObject([{ step: 'canary:10', status: 'aborted' }]);
    await expectAsBefore();
  });

  it('in its bake goes back instead of on', async () => {
    await open();
    expect(await lab.rollOut()).toMatchObject({ next: 'bake' });
    await abortNow();
    expect(await lab.rollOut()).toEqual({ next: 'roll-back' });
    await expectAsBefore();
  });

  it('before its first step never touches the cluster', async () => {
    await open();
    await abortNow();
    let calls = 0;
    lab.cluster.context.fault = async () => void calls++;
    expect(await lab.rollOut()).toEqual({ next: 'roll-back' });
    expect(await lab.rollBack()).toEqual({ next: 'rolled-back' });
    expect(calls).toBe(0);
  });

  it('CAN-08 and ended at the same instant has one winner, whichever comes first', async () => {
    await open({ weights: [100], strategy: 'direct', bakeSeconds: 0 });
    expect(await lab.rollOut()).toEqual({ next: 'finish' });
    const head = lab.head();
    const end = succeed(head, '2026-01-01T00:00:00.000Z');
    await abortNow();
    await expect(lab.world.promotions.commit(end)).rejects.toMatchObject({ name: 'VersionConflict' });
    await expectAsBefore();
  });

  it('CAN-08 when it has ended already is told so, and what was promoted stays', async () => {
    await open({ weights: [100], strategy: 'direct', bakeSeconds: 0 });
    await lab.rollOut();
    const late = abort(lab.head(), acting('cpi'), '2026-01-01T00:00:00.000Z');
    await lab.world.promotions.commit(succeed(lab.head(), '2026-01-01T00:00:00.000Z'));
    await expect(lab.world.promotions.commit(late)).rejects.toMatchObject({ name: 'VersionConflict' });
    expect(() => abort(lab.head(), acting('cpi'), '2026-01-01T00:00:00.000Z')).toThrow(expect.objectContaining({ code: 'STATE_CONFLICT' }));
    expect((await lab.workload()).stable).toMatchObject({ image: lab.images.after, ready: REPLICAS });
  });
});
