import { afterEach, describe, expect, it } from 'vitest';
import type { ClusterSight } from '../../../core/rollout/cluster-view.ts';
import { adoptAll } from '../../../functions/rollout/adopt-workloads.ts';
import { DEPLOYMENTS, deployment } from '../../local/kubernetes/test-cluster.ts';
import { REPLICAS } from './promotion-of-lab.ts';
import { type Lab, type LabOptions, openLab } from './rollout-lab.ts';

let lab: Lab;
const open = async (options?: LabOptions) => {
  lab = await openLab(options);
  return lab;
};
afterEach(() => lab.close());

describe('CAN-10: a Deployment that is edited by hand', () => {
  it.each(['payment-api-canary', 'payment-api-stable'])(
    'during the bake (%s) stops the rollout, and nothing is overwritten',
    async (name) => {
      await open();
      await lab.rollOut();
      await lab.editByHand(name, { replicas: 4 });
      lab.pass(10);
      await expect(lab.rollOut()).rejects.toMatchObject({ name: 'CLUSTER_CONFLICT' });
      // The state machine hands it to the way back, which must not overwrite it either.
      const caught = { Error: 'CLUSTER_CONFLICT', Cause: '{"errorMessage":"edited"}' };
      await expect(lab.rollBack(caught)).rejects.toMatchObject({ name: 'CLUSTER_CONFLICT' });
      const { stable, canary } = await lab.workload();
      expect({ 'payment-api-stable': stable, 'payment-api-canary': canary }[name]).toMatchObject({ replicas: 4 });
      expect(lab.head().phase).toBe('promoting');
    },
  );

  it('between reading and writing is not overwritten', async () => {
    await open();
    const { connect } = lab.world;
    lab.world.connect = async (configuration) => {
      const cluster = await connect(configuration);
      let edited = false;
      return {
        ...cluster,
        async patchDeployment(namespace, name, patch) {
          if (!edited) await lab.editByHand(name, { replicas: 3 });
          edited = true;
          return cluster.patchDeployment(namespace, name, patch);
        },
      };
    };
    await expect(lab.rollOut()).rejects.toMatchObject({ name: 'CLUSTER_CONFLICT' });
    expect((await lab.workload()).canary).toMatchObject({ replicas: 3, image: lab.images.before });
  });

  it('to what the way back wants anyway does not stop the way back', async () => {
    await open({ healthy: 'false' });
    expect(await lab.rollOut()).toEqual({ next: 'roll-back' });
    await lab.editByHand('payment-api-stable', { replicas: REPLICAS });
    expect(await lab.rollBack()).toEqual({ next: 'rolled-back' });
    expect(lab.head().phase).toBe('rolled_back');
  });
});

describe('a run that lost its right', () => {
  it('to the lock touches nothing', async () => {
    await open();
    lab.environment.holder = 'PR-2026-0009-1';
    await expect(lab.rollOut()).rejects.toMatchObject({ name: 'LOCK_LOST' });
    expect(lab.commits).toEqual([]);
    expect((await lab.workload()).canary.replicas).toBe(0);
  });

  it('does not write under a lower fence than the Deployment has seen', async () => {
    await open();
    await lab.rollOut();
    Object.assign(lab.environment, { fence: 2 });
    Object.assign(lab.head(), { fence: 2 });
    lab.pass(10);
    await expect(lab.rollOut()).rejects.toMatchObject({ name: 'LOCK_LOST' });
  });

  it('does not go forward once the way back has written', async () => {
    await open({ weights: [50, 100], bakeSeconds: 5 });
    await lab.rollOut();
    // A step that was under way and whose function still runs somewhere.
    const before = structuredClone(lab.head());
    before.rollout!.at(-1)!.status = 'progressing';
    await lab.rollBack({ Error: 'UNAVAILABLE', Cause: 'away' });
    lab.environment.holder = 'PR-2026-0001-1';
    lab.world.promotions.head = async () => before;
    lab.pass(10);
    await expect(lab.rollOut()).rejects.toMatchObject({ name: 'LOCK_LOST' });
    expect((await lab.workload()).stable).toMatchObject({ image: lab.images.before, replicas: REPLICAS });
  });

  it('of another attempt ends', async () => {
    await open();
    Object.assign(lab.head(), { attempt: 2 });
    expect(await lab.rollOut()).toEqual({ next: 'end' });
    expect(await lab.rollBack()).toEqual({ next: 'end' });
  });
});

describe('the way back', () => {
  it('begins from what the state machine caught when the step could not record it', async () => {
    await open();
    await lab.rollOut();
    const caught = { Error: 'UNAVAILABLE', Cause: JSON.stringify({ errorMessage: 'the API is away' }) };
    expect(await lab.rollBack(caught)).toEqual({ next: 'rolled-back' });
    expect(lab.head()).toMatchObject({
      phase: 'rolled_back',
      failure: { code: 'UNAVAILABLE', message: 'the API is away', step: 'canary:10' },
    });
    expect(await lab.rollBack(caught)).toEqual({ next: 'rolled-back' });
    expect(lab.commits.filter(({ event }) => event.type === 'rollback.finished')).toHaveLength(1);
  });

  it('CAN-07: completes and says so when the stable version is itself unhealthy', async () => {
    await open({ stableHealthy: 'false', healthy: 'false' });
    let now = 0;
    lab.world.stopwatch = { nowMs: () => (now += 200), sleep: async () => void (await new Promise((resolve) => setTimeout(resolve, 10))) };
    expect(await lab.run()).toEqual(['roll-back', 'failed']);
    expect(lab.head()).toMatchObject({ phase: 'failed', failure: { code: 'STABLE_UNHEALTHY' } });
    expect(await lab.workload()).toMatchObject({ stable: { replicas: REPLICAS, image: lab.images.before }, canary: { replicas: 0 } });
    expect(lab.environment.holder).toBeUndefined();
    expect(lab.woken).toEqual(['prod/payment-api']);
  });

  it('CAN-17: begins instead of a step that would start after 480 s', async () => {
    await open({ weights: [10, 100] });
    await lab.rollOut();
    lab.pass(10);
    Object.assign(lab.head(), { rolloutBeganMs: performance.now() - 481_000 });
    expect(await lab.rollOut()).toEqual({ next: 'roll-back' });
    expect(lab.head().failure).toMatchObject({ code: 'ROLLOUT_TIMEOUT' });
    expect(lab.head().failure!.message).toContain('canary:100 may not begin');
  });
});

describe('adoption', () => {
  it('records what the stable Deployment runs, once', async () => {
    await open();
    const adopted: unknown[] = [];
    const sights: ClusterSight[] = [];
    const orders = deployment('orders', lab.images.before, 1);
    Object.assign(orders['metadata'].labels, { 'greenlight.dev/consumes': 'payment-api', 'greenlight.dev/state': 'true' });
    const answer = await lab.cluster.call('POST', DEPLOYMENTS, orders);
    expect(answer.status).toBe(201);
    const configuration = await lab.world.configuration();
    const world = {
      configuration: async () =>
        ({ ...configuration, environments: { prod: { name: 'prod', cluster: 'demo', namespace: 'prod' } } }) as never,
      environments: {
        get: async () => (adopted.length > 0 ? lab.environment : undefined),
        adopt: async (...facts: unknown[]) => adopted.push(facts) > 0,
      },
      consumers: { seen: async () => sights.at(-1), see: async (_environment: string, sight: ClusterSight) => void sights.push(sight) },
      clock: lab.world.clock,
      connect: lab.world.connect,
    };
    expect(await adoptAll(world)).toEqual({ adopted: ['prod/payment-api'], looked: ['prod'], skipped: [] });
    expect(await adoptAll(world)).toEqual({ adopted: [], looked: [], skipped: [] });
    lab.pass(3_600);
    expect((await adoptAll(world)).looked).toEqual(['prod']);
    expect(sights).toEqual([
      { at: '2026-01-01T00:00:00.000Z', workloads: [{ namespace: 'prod', name: 'orders', state: true, label: 'payment-api' }] },
      expect.objectContaining({ at: '2026-01-01T01:00:00.000Z' }),
    ]);
    const digest = lab.images.before.slice(lab.images.before.indexOf('sha256:'));
    const occupant = { digest, version: digest.slice(7, 19), requestId: 'adopted', at: '2026-01-01T00:00:00.000Z' };
    expect(adopted).toEqual([['prod', 'payment-api', 'tenant-finance', occupant]]);
  });
});
