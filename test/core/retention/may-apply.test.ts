import { describe, expect, it, test } from 'vitest';
import { planActions, untimely } from '../../../core/retention/may-apply.ts';
import type { StoredPlan } from '../../../core/retention/ports.ts';

const FROM = '2026-11-20T12:00:00.000Z';
const UNTIL = '2026-11-27T12:00:00.000Z';
const LATER = '2026-11-21T00:00:00.000Z';

const planIn = (more: Partial<StoredPlan> = {}): StoredPlan =>
  ({ id: 'gc-0123456789abcdef', status: 'planned', applyFrom: FROM, expiresAt: UNTIL, units: 2, ...more }) as StoredPlan;
/** What the page shows: allowed, the code of a refusal, or nothing to do any more. */
const shown = (plan: StoredPlan, now = LATER, mayDelete = true): string => {
  const { allowedActions, refusedActions } = planActions(plan, mayDelete, now);
  return [...allowedActions, ...refusedActions.map(({ code }) => code)].join() || 'nothing';
};

test.each([
  ['before its grace time is over', '2026-11-20T11:59:59.999Z', 'STATE_CONFLICT'],
  ['as soon as it is', FROM, 'apply'],
  ['at its last instant', '2026-11-27T11:59:59.999Z', 'apply'],
  ['when it has expired', UNTIL, 'EXPIRED'],
])('a plan %s', (_when, now, expected) => {
  expect(shown(planIn(), now)).toBe(expected);
  expect(untimely(planIn(), now)?.code ?? 'apply').toBe(expected);
});

describe('a plan that was begun', () => {
  it('goes on whenever it is asked to, also after its end', () => {
    for (const status of ['applying', 'incomplete'] as const) expect(shown(planIn({ status }), UNTIL)).toBe('apply');
    expect(untimely(planIn({ status: 'incomplete' }), UNTIL)).toBeUndefined();
  });

  it('leaves nothing to do when it is over', () => {
    for (const status of ['applied', 'stopped'] as const) expect(shown(planIn({ status }))).toBe('nothing');
  });
});

it('an empty plan leaves nothing to do', () => {
  expect(shown(planIn({ units: 0 }))).toBe('nothing');
});

it('one that would delete too much, or of somebody without the right, says why', () => {
  expect(planActions(planIn({ stop: '80 % of all would go' }), true, LATER).refusedActions).toEqual([
    { action: 'apply', code: 'STATE_CONFLICT', reason: '80 % of all would go' },
  ]);
  expect(shown(planIn({ stop: '80 % of all would go' }), LATER, false)).toBe('FORBIDDEN');
  expect(shown(planIn({ status: 'applying' }), LATER, false)).toBe('FORBIDDEN');
});
