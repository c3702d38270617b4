import { afterEach, describe, expect, it } from 'vitest';
import { REPLICAS } from './promotion-of-lab.ts';
import { type Lab, type LabOptions, openLab } from './rollout-lab.ts';

let lab: Lab;
const open = async (options?: LabOptions) => {
  lab = await openLab(options);
  return lab;
};
afterEach(() => lab.close());

const RESTORED = { replicas: REPLICAS, ready: REPLICAS };

const records = () => lab.head().rollout?.map(({ step, status, achievedWeight }) => ({ step, status, achievedWeight }));

describe('a canary', () => {
  it('goes 10, 50, 100 with a bake after each, and capacity never falls', async () => {
    await open();
    expect(await lab.run()).toEqual(['bake', 'bake', 'bake', 'finish']);
    expect(records()).toEqual([
      { step: 'canary:10', status: 'done', achievedWeight: 10 },
      { step: 'canary:50', status: 'done', achievedWeight: 50 },
      { step: 'canary:100', status: 'done', achievedWeight: 100 },
    ]);
    const { stable, canary } = await lab.workload();
    expect(stable).toEqual({ image: lab.images.after, replicas: REPLICAS, ready: REPLICAS });
    expect(canary.replicas).toBe(0);
    expect(lab.fewestReady()).toBeGreaterThanOrEqual(REPLICAS);
    expect(lab.head().phase).toBe('promoting');
  });

  it('without a bake asks for the next step at once', async () => {
    await open({ bakeSeconds: 0, weights: [50, 100] });
    expect(await lab.run()).toEqual(['roll-out', 'finish']);
  });
});

describe('a canary that is measured', () => {
  const errors = { name: 'errors', prometheus: 'https://p', query: 'errors of {{updated}} in {{window}}', max: 0.01 };
  const metrics = [{ ...errors, samples: { query: 'requests of {{updated}}', atLeast: 50 } }];
  const measure = (bad: string, value: number) => (query: string) => ({
    kind: 'value' as const,
    value: query.startsWith('requests') ? 60 : query.includes(bad) ? value : 0,
  });

  it('goes on when the values are good, asked of the Deployment that runs the new version, over its bake', async () => {
    const asked: string[] = [];
    const measured = (query: string) => {
      asked.push(query);
      return measure('nothing', 0)(query);
    };
    await open({ metrics, weights: [10, 100], measured });
    expect(await lab.run()).toEqual(['bake', 'bake', 'finish']);
    expect(asked).toEqual([
      'errors of payment-api-canary in 5',
      'requests of payment-api-canary',
      'errors of payment-api-stable in 5',
      'requests of payment-api-stable',
    ]);
  });

  it.each([
    ['a bad value', { metrics, measured: measure('canary', 0.02) }, 'errors: 0.02 is above 0.01'],
    ['too little traffic', { metrics, measured: () => ({ kind: 'value' as const, value: 0 }) }, '0 samples where at least 50 are demanded'],
    ['no answer', { metrics: [errors] }, 'inconclusive, nobody measures here'],
  ])('goes back at %s', async (_what, options, message) => {
    await open(options);
    expect(await lab.run()).toEqual(['bake', 'roll-back', 'rolled-back']);
    expect(lab.head().failure).toMatchObject({ code: 'SMOKE_FAILED', message: expect.stringContaining(message) });
    expect((await lab.workload()).stable).toEqual({ image: lab.images.before, ...RESTORED });
  });
});

describe('a direct rollout', () => {
  it('replaces the stable pods and leaves the canary alone', async () => {
    await open({ strategy: 'direct', weights: [100], bakeSeconds: 0 });
    expect(await lab.run()).toEqual(['finish']);
    expect(await lab.workload()).toMatchObject({
      stable: { image: lab.images.after, ready: REPLICAS },
      canary: { image: lab.images.before },
    });
    expect(records()).toEqual([{ step: 'canary:100', status: 'done', achievedWeight: 100 }]);
    expect(lab.fewestReady()).toBeGreaterThanOrEqual(REPLICAS);
  });

  it('that fails its checks gets the old image back', async () => {
    await open({ strategy: 'direct', weights: [100], bakeSeconds: 0, healthy: 'false' });
    expect(await lab.run()).toEqual(['roll-back', 'rolled-back']);
    expect(lab.head().phase).toBe('rolled_back');
    expect((await lab.workload()).stable).toEqual({ image: lab.images.before, replicas: REPLICAS, ready: REPLICAS });
  });
});

describe('CAN-01: a version that fails', () => {
  it.each([
    ['at 10 % because it answers errors', { healthy: 'false' }, ['roll-back', 'rolled-back'], 'canary:10', 'SMOKE_FAILED'],
    ['at 50 % because it breaks under load', { healthy: 'after-50' }, ['bake', 'roll-back', 'rolled-back'], 'canary:50', 'SMOKE_FAILED'],
    ['at 100 %', { healthy: 'after-50', weights: [10, 100] }, ['bake', 'roll-back', 'rolled-back'], 'canary:100', 'SMOKE_FAILED'],
    ['because it never becomes ready', { healthy: 'crash' }, ['roll-back', 'rolled-back'], 'canary:10', 'ROLLOUT_TIMEOUT'],
  ])('%s is rolled back to the digest before', async (_name, options, answers, step, code) => {
    await open(options as LabOptions);
    expect(await lab.run()).toEqual(answers);
    expect(lab.head()).toMatchObject({ phase: 'rolled_back', failure: { code, step } });
    expect(lab.head().rollout!.at(-1)).toMatchObject({ step, status: 'aborted' });
    const { stable, canary } = await lab.workload();
    expect(stable).toEqual({ image: lab.images.before, ...RESTORED });
    expect(canary).toEqual({ image: lab.images.before, replicas: 0, ready: 0 });
    expect(lab.fewestReady()).toBeGreaterThanOrEqual(REPLICAS);
    expect(lab.environment.holder).toBeUndefined();
    expect(lab.woken).toEqual(['prod/payment-api']);
    expect(lab.commits.map(({ event }) => event.type).slice(-2)).toEqual(['rollback.started', 'rollback.finished']);
  });

  it('is rolled back to what ran when it began, not to what ran when it was planned', async () => {
    await open({ weights: [100], healthy: 'false', rollbackTarget: `sha256:${'0'.repeat(64)}` });
    const digest = lab.images.before.slice(lab.images.before.indexOf('sha256:'));
    lab.environment.current = { version: '1.0.0', digest, requestId: 'PR-2026-0000', at: '2026-01-01T00:00:00.000Z' };
    expect(await lab.run()).toEqual(['roll-back', 'rolled-back']);
    expect((await lab.workload()).stable).toEqual({ image: lab.images.before, ...RESTORED });
  });

  it('is rolled back to what the Deployment had when nothing was recorded there', async () => {
    await open({ weights: [100], healthy: 'false', rollbackTarget: null });
    expect(await lab.run()).toEqual(['roll-back', 'rolled-back']);
    expect((await lab.workload()).stable).toEqual({ image: lab.images.before, ...RESTORED });
  });
});
