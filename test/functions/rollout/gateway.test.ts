import { afterEach, describe, expect, it } from 'vitest';
import { REPLICAS } from './promotion-of-lab.ts';
import { type Lab, type LabOptions, openLab } from './rollout-lab.ts';

let lab: Lab;
const open = async (options?: LabOptions) => {
  lab = await openLab({ gateway: true, ...options });
  return lab;
};
afterEach(() => lab.close());

const STABLE_ONLY = { 'payment-api-stable': 100, 'payment-api-canary': 0 };

describe('a canary behind a Gateway', () => {
  it('goes by the weights of the route, measures them, and leaves stable at its full strength', async () => {
    await open();
    const seen: unknown[] = [];
    const { sleep } = lab.world.stopwatch;
    lab.world.stopwatch.sleep = async (ms) => {
      seen.push(await lab.weights());
      await sleep(ms);
    };
    const stableAt: number[] = [];
    for (const bake of [5, 5, 5]) {
      expect(await lab.rollOut()).toEqual({ next: 'bake', bakeSeconds: bake });
      stableAt.push((await lab.workload()).stable.replicas);
      seen.push(await lab.weights());
      lab.pass(bake);
    }
    expect(await lab.rollOut()).toEqual({ next: 'finish' });
    expect(lab.head().rollout!.map(({ step, achievedWeight }) => [step, achievedWeight])).toEqual([
      ['canary:10', 10],
      ['canary:50', 50],
      ['canary:100', 100],
    ]);
    expect(seen).toContainEqual({ 'payment-api-stable': 90, 'payment-api-canary': 10 });
    expect(seen).toContainEqual({ 'payment-api-stable': 50, 'payment-api-canary': 50 });
    expect(seen.at(-1)).toEqual(STABLE_ONLY);
    expect(stableAt).toEqual([REPLICAS, REPLICAS, REPLICAS]);
    expect(await lab.workload()).toMatchObject({ stable: { image: lab.images.after, ready: REPLICAS }, canary: { replicas: 0 } });
    expect(lab.fewestReady()).toBeGreaterThanOrEqual(REPLICAS);
    const { metadata, spec } = await lab.route();
    expect(metadata.annotations).toMatchObject({ 'greenlight.dev/fence': '3', 'greenlight.dev/way': 'forward' });
    expect(spec).toMatchObject({ parentRefs: [{ name: 'front' }], rules: [{ matches: [{ path: { value: '/' } }] }] });
  });

  it.each([
    ['at 10 %', { healthy: 'false' }],
    ['at 100 %', { healthy: 'false', weights: [100] }],
  ] as const)('CAN-01: that fails %s gets its weights back', async (_where, options) => {
    await open(options as LabOptions);
    expect(await lab.run()).toEqual(['roll-back', 'rolled-back']);
    expect(await lab.weights()).toEqual(STABLE_ONLY);
    expect(await lab.workload()).toMatchObject({
      stable: { image: lab.images.before, replicas: REPLICAS, ready: REPLICAS },
      canary: { replicas: 0 },
    });
    expect(lab.fewestReady()).toBeGreaterThanOrEqual(REPLICAS);
  });

  it('CAN-10: stops when somebody edits the route, and overwrites nothing', async () => {
    await open({ bakeSeconds: 5 });
    await lab.rollOut();
    const { spec } = await lab.route();
    const rules = structuredClone(spec.rules);
    rules[0].backendRefs[0].weight = 7;
    await lab.patchRoute({ spec: { rules } });
    lab.pass(5);
    await expect(lab.rollOut()).rejects.toMatchObject({
      code: 'CLUSTER_CONFLICT',
      message: expect.stringContaining('HTTPRoute payment-api'),
    });
    expect((await lab.weights())['payment-api-stable']).toBe(7);
  });

  it('RACE-06: does not write a route that a later holder has written', async () => {
    await open();
    await lab.patchRoute({ metadata: { annotations: { 'greenlight.dev/fence': '4' } } });
    await expect(lab.rollOut()).rejects.toMatchObject({ code: 'LOCK_LOST' });
    expect(await lab.weights()).toEqual(STABLE_ONLY);
  });

  it('goes on when another write of the route, such as its status, came between', async () => {
    await open({ weights: [10, 100], bakeSeconds: 0 });
    const { connect } = lab.world;
    let patches = 0;
    lab.world.connect = async (configuration) => {
      const cluster = await connect(configuration);
      return {
        ...cluster,
        async patchHttpRoute(namespace, name, patch) {
          if (patches++ === 0) await lab.patchRoute({ metadata: { labels: { touched: 'yes' } } });
          return cluster.patchHttpRoute(namespace, name, patch);
        },
      };
    };
    expect(await lab.run()).toEqual(['roll-out', 'finish']);
    expect(patches).toBeGreaterThan(2);
  });

  it.each([
    ['no rule that names both Services', (refs: { name: string }[]) => refs.pop(), 'no rule of it names both Services'],
    ['a third Service', (refs: object[]) => refs.push({ name: 'payment-api', port: 80, weight: 1 }), 'a rule also sends to payment-api'],
  ])('refuses a route with %s', async (_what, edit, message) => {
    await open({ editRoute: (route) => void edit(route['spec'].rules[0].backendRefs) });
    expect(await lab.run()).toEqual(['roll-back', 'rolled-back']);
    expect((await lab.workload()).canary).toMatchObject({ image: lab.images.before, replicas: 0 });
    expect(lab.head().failure).toMatchObject({ code: 'CLUSTER_REFUSED', message: expect.stringContaining(message) });
  });

  it('restores the workload also when the route is gone, and says that it is', async () => {
    await open({ bakeSeconds: 0 });
    await lab.rollOut();
    await lab.cluster.call('DELETE', '/apis/gateway.networking.k8s.io/v1/namespaces/prod/httproutes/payment-api');
    expect(await lab.run()).toEqual(['roll-back', 'failed']);
    expect(lab.head().failure).toMatchObject({ code: 'STABLE_UNHEALTHY', message: expect.stringContaining('404') });
    expect(await lab.workload()).toMatchObject({
      stable: { image: lab.images.before, ready: REPLICAS },
      canary: { replicas: 0 },
    });
  });

  it('fails when no Gateway takes the route within its time', async () => {
    await open({
      editRoute(route) {
        route['spec'].parentRefs[0].name = 'nowhere';
      },
    });
    let now = 0;
    lab.world.stopwatch = { nowMs: () => (now += 2_000), sleep: async () => undefined };
    expect((await lab.rollOut()).next).toBe('roll-back');
    expect(lab.head().failure).toMatchObject({ code: 'ROLLOUT_TIMEOUT', message: expect.stringContaining('no Gateway has taken') });
  });
});
