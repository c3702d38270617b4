import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matches } from '../../../local/step-functions/failures.ts';
import { retryDelay } from '../../../local/step-functions/retry-delay.ts';

const ErrorEquals = ['X'];

test('grows by the back-off rate and stops at MaxDelaySeconds', () => {
  const retrier = { ErrorEquals, IntervalSeconds: 3, BackoffRate: 2, MaxDelaySeconds: 20 };
  expect([0, 1, 2, 3, 4].map((made) => retryDelay(retrier, made))).toEqual([3, 6, 12, 20, 20]);
  expect([0, 1, 2].map((made) => retryDelay({ ErrorEquals }, made))).toEqual([1, 2, 4]);
});

test('full jitter lies between 0 and the delay without jitter', () => {
  const made = fc.integer({ min: 0, max: 50 });
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(made, random, (attempts, value) => {
      const plain = { ErrorEquals, IntervalSeconds: 2, BackoffRate: 1.5, MaxDelaySeconds: 100 };
      const delay = retryDelay({ ...plain, JitterStrategy: 'FULL' }, attempts, () => value);
      expect(delay).toBe(retryDelay(plain, attempts) * value);
      expect(delay).toBeLessThanOrEqual(100);
    }),
  );
});

test.each<[string[], string | undefined, boolean]>([
  [['States.ALL'], 'Boom', true],
  [['States.ALL'], 'States.Timeout', true],
  [['States.ALL'], undefined, true],
  [['States.ALL'], 'States.Runtime', false],
  [['States.Runtime'], 'States.Runtime', false],
  [['States.ALL'], 'States.DataLimitExceeded', false],
  [['States.DataLimitExceeded'], 'States.DataLimitExceeded', true],
  [['States.TaskFailed'], 'Boom', true],
  [['States.TaskFailed'], 'States.Timeout', false],
  [['States.TaskFailed'], 'States.HeartbeatTimeout', false],
  [['States.Timeout'], 'States.HeartbeatTimeout', true],
  [['States.HeartbeatTimeout'], 'States.Timeout', false],
  [['Boom'], 'Bang', false],
])('%j covers %s: %s', (names, error, covered) => {
  expect(matches(names, error)).toBe(covered);
});
