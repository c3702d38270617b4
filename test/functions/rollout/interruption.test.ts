import { afterEach, describe, expect, it } from 'vitest';
import type { RolloutWorld } from '../../../functions/rollout/rollout-world.ts';
import { REPLICAS } from './promotion-of-lab.ts';
import { type Lab, type LabOptions, openLab } from './rollout-lab.ts';

let lab: Lab;
const open = async (options?: LabOptions) => {
  lab = await openLab(options);
  return lab;
};
afterEach(() => lab.close());

class Killed extends Error {}

/** Ends the task at its n-th write, before or after the write took effect, as a kill does. */
function killAt(world: RolloutWorld, target: number, when: 'before' | 'after'): () => boolean {
  let count = 0;
  let killed = false;
  const wrap = async <Result>(write: () => Promise<Result>): Promise<Result> => {
    const dies = ++count === target;
    killed ||= dies;
    if (dies && when === 'before') throw new Killed();
    const result = await write();
    if (dies) throw new Killed();
    return result;
  };
  const { commit } = world.promotions;
  world.promotions.commit = (change) => wrap(() => commit(change));
  const { connect } = world;
  world.connect = async (configuration) => {
    const cluster = await connect(configuration);
    return { ...cluster, patchDeployment: (namespace, name, patch) => wrap(() => cluster.patchDeployment(namespace, name, patch)) };
  };
  return () => killed;
}

/** Runs to the end, starting a killed task again. */
async function runThrough(): Promise<string> {
  let next = 'roll-out';
  for (let calls = 0; calls < 30 && (next === 'roll-out' || next === 'roll-back'); calls++) {
    try {
      const answer = next === 'roll-out' ? await lab.rollOut() : await lab.rollBack();
      if (answer.next === 'bake') lab.pass(answer.bakeSeconds);
      next = answer.next === 'bake' ? 'roll-out' : answer.next;
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }
  return next;
}

// Writes of a whole canary 50/100 with bakes: start, canary, stable, end, start, stable, canary, end, end of the bake.
describe('CAN-05, CRASH-06: a rollout that is killed', () => {
  it.each(Array.from({ length: 9 }, (_, index) => [index + 1, index % 2 === 0 ? 'before' : 'after'] as const))(
    'at write %i (%s it) goes on at the recorded step',
    async (write, when) => {
      await open({ weights: [50, 100], bakeSeconds: 5 });
      const killed = killAt(lab.world, write, when);
      expect(await runThrough()).toBe('finish');
      expect(killed()).toBe(true);
      expect(lab.head().rollout!.map(({ step, status }) => `${step} ${status}`)).toEqual(['canary:50 done', 'canary:100 done']);
      const started = lab.commits.filter(({ event }) => event.data['status'] === 'progressing');
      expect(started.map(({ event }) => event.data['step'])).toEqual(['canary:50', 'canary:100']);
      expect(await lab.workload()).toMatchObject({ stable: { image: lab.images.after, ready: REPLICAS }, canary: { replicas: 0 } });
      expect(lab.fewestReady()).toBeGreaterThanOrEqual(REPLICAS);
    },
  );

  it.each([
    [4, 'before'],
    [4, 'after'],
    [5, 'before'],
    [6, 'after'],
    [7, 'before'],
  ] as const)('on its way back at write %i (%s it) is rolled back all the same', async (write, when) => {
    await open({ weights: [10, 100], healthy: 'false' });
    killAt(lab.world, write, when);
    expect(await runThrough()).toBe('rolled-back');
    expect(lab.head().phase).toBe('rolled_back');
    expect(await lab.workload()).toMatchObject({ stable: { image: lab.images.before, ready: REPLICAS }, canary: { replicas: 0 } });
    expect(lab.commits.filter(({ event }) => event.type === 'rollback.finished')).toHaveLength(1);
  });

  it('after its step was recorded still bakes before the next weight', async () => {
    await open({ weights: [50, 100], bakeSeconds: 60 });
    expect(await lab.rollOut()).toEqual({ next: 'bake', bakeSeconds: 60 });
    lab.pass(20);
    expect(await lab.rollOut()).toEqual({ next: 'bake', bakeSeconds: 40 });
    expect(lab.commits).toHaveLength(2);
  });
});

describe('CAN-04: an API server that fails every fifth call', () => {
  it.each([429, 503, 500])('with %i does not stop a rollout', async (status) => {
    await open({ weights: [10, 100], bakeSeconds: 0 });
    let calls = 0;
    lab.cluster.context.fault = async () => (++calls % 5 === 0 ? { status, code: 'Injected', message: 'injected' } : undefined);
    expect(await lab.run()).toEqual(['roll-out', 'finish']);
    expect(calls).toBeGreaterThan(10);
  });

  it('does not stop the way back', async () => {
    await open({ healthy: 'false' });
    let calls = 0;
    lab.cluster.context.fault = async () => (++calls % 5 === 0 ? { status: 503, code: 'Injected', message: 'injected' } : undefined);
    expect(await lab.run()).toEqual(['roll-back', 'rolled-back']);
    expect(lab.head().phase).toBe('rolled_back');
  });
});
