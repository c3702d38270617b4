import { afterEach, describe, expect, it } from 'vitest';
import { type Lab, type LabOptions, openLab, REPLICAS } from './rollout-lab.ts';

let lab: Lab;
const open = async (options?: LabOptions) => {
  lab = await openLab(options);
  return lab;
};
afterEach(() => lab.close());

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
