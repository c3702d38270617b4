/** The arithmetic of rolling updates, for all sizes and strategies. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  growNewSet,
  type SetState,
  scaleProportionally,
  shrinkOldSets,
  strategyOf,
  sum,
} from '../../../local/kubernetes/controllers/rolling-update.ts';

const percent = fc.integer({ min: 0, max: 100 }).map((value) => `${value}%`);
const count = fc.integer({ min: 0, max: 12 });
const strategies = fc
  .record({ replicas: fc.integer({ min: 1, max: 12 }), maxSurge: fc.oneof(count, percent), maxUnavailable: fc.oneof(count, percent) })
  .map(({ replicas, ...rollingUpdate }) => strategyOf({ replicas, strategy: { type: 'RollingUpdate', rollingUpdate } }));

it('resolves percentages as the API documents', () => {
  const of = (maxSurge: string, maxUnavailable: string) =>
    strategyOf({ replicas: 10, strategy: { rollingUpdate: { maxSurge, maxUnavailable } } });
  expect(of('25%', '25%')).toEqual({ replicas: 10, maxSurge: 3, maxUnavailable: 2 });
  expect(of('0%', '1%')).toEqual({ replicas: 10, maxSurge: 0, maxUnavailable: 1 });
});

it('always ends, with pods and availability within the strategy at every step', () => {
  fc.assert(
    fc.property(strategies, (strategy) => {
      const old: SetState = { name: 'old', replicas: strategy.replicas, available: strategy.replicas, created: 1 };
      const newest: SetState = { name: 'new', replicas: 0, available: 0, created: 2 };
      for (let step = 0; step < 200; step++) {
        if (newest.available === strategy.replicas && old.replicas === 0) return;
        newest.replicas = growNewSet(newest, [newest, old], strategy);
        old.replicas = shrinkOldSets(newest, [old], strategy).get('old')!;
        old.available = Math.min(old.available, old.replicas);
        expect(newest.replicas + old.replicas).toBeLessThanOrEqual(strategy.replicas + strategy.maxSurge);
        expect(newest.available + old.available).toBeGreaterThanOrEqual(strategy.replicas - strategy.maxUnavailable);
        // One pod becomes available per step.
        newest.available = Math.min(newest.replicas, newest.available + 1);
      }
      throw new Error('the rollout does not end');
    }),
  );
});

it('shares a new size among all sets exactly', () => {
  fc.assert(
    fc.property(strategies, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 4 }), (strategy, sizes) => {
      const sets = sizes.map((replicas, index) => ({ name: String(index), replicas, available: replicas, created: index }));
      const wanted = [...scaleProportionally(sets, strategy).values()];
      expect(sum(wanted)).toBe(strategy.replicas + strategy.maxSurge);
      expect(Math.min(...wanted)).toBeGreaterThanOrEqual(0);
    }),
  );
});
