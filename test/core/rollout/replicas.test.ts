import fc from 'fast-check';
import { expect, it } from 'vitest';
import { elapsedSeconds, mayGoForward, stepSeconds } from '../../../core/rollout/budget.ts';
import { achievedWeight, splitOf } from '../../../core/rollout/replicas.ts';

const replicas = fc.integer({ min: 1, max: 1000 });
const weight = fc.integer({ min: 1, max: 100 });

it('CAN-16: capacity is never below the replicas, and below 100 % both versions have a pod', () => {
  fc.assert(
    fc.property(weight, replicas, (share, count) => {
      const { canary, stable } = splitOf(share, count);
      expect(canary + stable).toBeGreaterThanOrEqual(count);
      expect(canary + stable).toBeLessThanOrEqual(Math.max(2, count));
      if (share < 100) expect(Math.min(canary, stable)).toBeGreaterThanOrEqual(1);
    }),
  );
});

it('a higher weight never means fewer pods of the new version', () => {
  fc.assert(
    fc.property(weight, weight, replicas, (one, other, count) => {
      const [low, high] = [Math.min(one, other), Math.min(99, Math.max(one, other))];
      if (low < 100) expect(splitOf(Math.min(low, 99), count).canary).toBeLessThanOrEqual(splitOf(high, count).canary);
    }),
  );
});

it.each([
  [10, 10, 1, 9],
  [50, 10, 5, 5],
  [100, 10, 0, 10],
  [10, 1, 1, 1],
  [10, 3, 1, 2],
  [99, 10, 9, 1],
  [100, 1, 0, 1],
])('%i %% of %i replicas are %i canary and %i stable pods', (share, count, canary, stable) => {
  expect(splitOf(share, count)).toEqual({ canary, stable });
});

it('the achieved weight is the measured share', () => {
  expect(achievedWeight({ updated: 1, other: 2 })).toBe(33.3);
  expect(achievedWeight({ updated: 0, other: 0 })).toBe(0);
});

it('CAN-17: no step begins after 480 s, and one that begins has its share of what is left', () => {
  expect(elapsedSeconds(5_000, 4_000)).toBe(0);
  expect(mayGoForward(480)).toBe(true);
  expect(mayGoForward(480.1)).toBe(false);
  expect(stepSeconds(0, 3)).toBe(160);
  expect(stepSeconds(470, 1)).toBe(60);
  expect(stepSeconds(0, 1)).toBe(400);
});
