import { expect, it } from 'vitest';
import type { Plan } from '../../../core/promotion/plan.ts';
import { warningsOf } from '../../../core/promotion/plan-warnings.ts';
import { prodPlan } from './fixture.ts';

const { plan, spec } = prodPlan();
const now = new Date('2026-06-01T00:00:00Z');
const facts = { isRunning: false, isLocked: false, rolledBackAt: undefined, now };
const weights = (replicas: number, its: Plan = plan) =>
  warningsOf(its, spec, { ...facts, replicas }).filter((warning) => warning.includes('not reachable'));

it('CAN-16: a plan says what whole pods make of its weights, as the rollout rounds them', () => {
  expect(weights(10)).toEqual([]);
  expect(weights(1)).toEqual([
    '10 % is not reachable with 1 pods: that step runs 1 of 2 (50 %)',
    '50 % is not reachable with 1 pods: that step runs 1 of 2 (50 %)',
  ]);
  expect(weights(3)).toEqual([
    '10 % is not reachable with 3 pods: that step runs 1 of 3 (33 %)',
    '50 % is not reachable with 3 pods: that step runs 2 of 3 (67 %)',
  ]);
  expect(weights(12)).toEqual(['10 % is not reachable with 12 pods: that step runs 1 of 12 (8 %)']);
});

it('and nothing of the kind where a route carries the weights', () => {
  const traffic = { route: 'x', stable: 'x-stable', canary: 'x-canary' };
  expect(weights(3, { ...plan, rollout: { ...plan.rollout, traffic } })).toEqual([]);
});

it('says what is scheduled so far ahead that its run may end before', () => {
  const about = (scheduledDate: string | null) =>
    warningsOf({ ...plan, scheduledDate }, spec, { ...facts, replicas: 10 }).filter((warning) => warning.includes('a run lives'));
  expect([about(null), about('2027-03-01T00:00:00Z')]).toEqual([[], []]);
  expect(about('2030-01-01T00:00:00Z')).toHaveLength(1);
});
