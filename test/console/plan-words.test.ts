import { expect, it, test } from 'vitest';
import { confirmationOfPlan, headlineOf, type RetentionPlan, reasonWords, savedBy, statusOf } from '../../console/retention/plan-words.ts';
import { REASONS } from '../../core/retention/columns.ts';

const plan = (more: Partial<RetentionPlan> = {}): RetentionPlan =>
  ({
    ...{ planId: 'gc-0123456789abcdef', planHash: `sha256:${'0'.repeat(58)}3fa9c1`, status: 'planned', result: null, refusedActions: [] },
    totals: { artifacts: 1_200, delete: 1, keep: 1_199, bytes: 9e9, bytesFreed: 1e6 },
    ...more,
  }) as RetentionPlan;
const result = { deleted: 12, bytesFreed: 3.2e9 } as RetentionPlan['result'];

test.each([
  ['one that may be applied', plan(), 'Planned', '1 version of 1,200 would be deleted'],
  ['one that finds nothing', plan({ totals: { ...plan().totals, delete: 0 } }), 'Planned', 'Nothing would be deleted'],
  [
    'one whose time is over',
    plan({ refusedActions: [{ action: 'apply', code: 'EXPIRED', reason: 'expired' }] }),
    'Expired',
    '1 version of 1,200 would be deleted',
  ],
  ['one that was applied', plan({ status: 'applied', result }), 'Applied', '12 versions deleted, 3.2 GB freed'],
])('%s', (_name, shown, badge, headline) => {
  expect([statusOf(shown).text, headlineOf(shown)]).toEqual([badge, headline]);
});

it('every reason to stay has words for people', () => {
  for (const reason of REASONS.slice(1)) expect(reasonWords(reason), reason).not.toBe(reason);
});

it('what saves something is never said to save nothing', () => {
  const savings = { currency: 'USD', monthly: 0, pricePerGb: 0.09 } as const;
  expect(savedBy(plan({ savings }))).toBe('less than $0.01');
  expect(savedBy(plan({ savings: { ...savings, monthly: 12.5 } }))).toBe('$12.50');
  expect(savedBy(plan({ savings, totals: { ...plan().totals, bytesFreed: 0 } }))).toBe('$0.00');
});

it('what is typed holds the end of the hash of exactly this list', () => {
  expect(confirmationOfPlan(plan())).toBe('delete 3fa9c1');
});
