import { afterEach, describe, expect, it } from 'vitest';
import { holderOf } from '../../../core/environment/environment.ts';
import { moveDeployment } from '../../../functions/rollout/move-workload.ts';
import type { Place } from '../../../functions/rollout/rollout-world.ts';
import { REPLICAS } from './promotion-of-lab.ts';
import { type Lab, openLab } from './rollout-lab.ts';

let lab: Lab;
afterEach(() => lab.close());

/** Another run has taken the environment over and has written both Deployments under its own fence. */
async function takeOver(fence: number): Promise<void> {
  Object.assign(lab.environment, { holder: holderOf('PR-2026-0009', 1), fence });
  const successor = {
    ...{ cluster: lab.api, namespace: 'prod', holder: { requestId: 'PR-2026-0009', fence } },
    workload: { name: 'payment-api', container: 'app', replicas: REPLICAS, smoke: [] },
  } as unknown as Place;
  await moveDeployment(successor, 'payment-api-stable', { image: lab.images.before, replicas: REPLICAS });
  await moveDeployment(successor, 'payment-api-canary', { image: lab.images.before, replicas: 0 });
}

/** The next write of this kind waits until it is let go. */
function pauseAt(write: 'patch' | 'commit') {
  let reached = () => {};
  let release = () => {};
  const isReached = new Promise<void>((resolve) => (reached = resolve));
  const isReleased = new Promise<void>((resolve) => (release = resolve));
  let paused = false;
  const pause = async () => {
    if (paused) return;
    paused = true;
    reached();
    await isReleased;
  };
  const { connect } = lab.world;
  if (write === 'patch')
    lab.world.connect = async (configuration) => {
      const cluster = await connect(configuration);
      return {
        ...cluster,
        async patchDeployment(namespace, name, patch) {
          await pause();
          return cluster.patchDeployment(namespace, name, patch);
        },
      };
    };
  return { isReached, release };
}

describe('RACE-06: a holder that sleeps while another takes over', () => {
  it('writes nothing when it wakes in the middle of a write', async () => {
    lab = await openLab();
    const { isReached, release } = pauseAt('patch');
    const sleeper = lab.rollOut();
    await isReached;
    await takeOver(4);
    release();
    await expect(sleeper).rejects.toMatchObject({ name: 'LOCK_LOST' });
    const { stable, canary } = await lab.workload();
    expect([stable.image, stable.replicas, canary.replicas]).toEqual([lab.images.before, REPLICAS, 0]);
    expect(lab.commits.filter(({ environment }) => environment !== undefined)).toEqual([]);
  });

  it('neither goes on nor goes back when it wakes between two steps', async () => {
    lab = await openLab();
    expect(await lab.rollOut()).toMatchObject({ next: 'bake' });
    await takeOver(4);
    lab.pass(10);
    const before = lab.commits.length;
    await expect(lab.rollOut()).rejects.toMatchObject({ name: 'LOCK_LOST' });
    // The state machine hands that to the way back, which has lost its right too.
    await expect(lab.rollBack({ Error: 'LOCK_LOST', Cause: '{"errorMessage":"taken over"}' })).rejects.toMatchObject({ name: 'LOCK_LOST' });
    expect(lab.commits).toHaveLength(before);
    expect((await lab.workload()).stable).toMatchObject({ image: lab.images.before, replicas: REPLICAS });
  });

  it('is refused by the cluster alone where its own row looks as if it still held it', async () => {
    lab = await openLab();
    const { fence, holder } = lab.environment;
    await takeOver(4);
    // What it has read before it slept.
    Object.assign(lab.environment, { holder, fence });
    await expect(lab.rollOut()).rejects.toMatchObject({ name: 'LOCK_LOST' });
    expect((await lab.workload()).canary.replicas).toBe(0);
  });
});
