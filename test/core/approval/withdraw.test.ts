import { describe, expect, it } from 'vitest';
import { withdraw } from '../../../core/approval/withdraw.ts';
import { Refusal } from '../../../core/errors.ts';
import { PHASES } from '../../../core/promotion/phase.ts';
import { acting, actor, decisionBy, keyOf, promotionIn } from '../promotion/fixture.ts';

const open = promotionIn('pending_approval');
const outcomeOf = (...args: Parameters<typeof withdraw>): string => {
  try {
    withdraw(...args);
    return 'taken back';
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
};

describe('SELF-10: a decision is taken back', () => {
  it.each(PHASES)('while approval is open only, and not of a request that is %s', (phase) => {
    const promotion = promotionIn(phase);
    const expected = phase === 'pending_approval' ? 'taken back' : phase === 'expired' ? 'EXPIRED' : 'STATE_CONFLICT';
    expect(outcomeOf(promotion, [decisionBy('lead', promotion)], acting('lead'))).toBe(expected);
  });

  it('by its own person, on the plan that stands, once', () => {
    const mine = decisionBy('lead', open);
    expect(outcomeOf(open, [mine], acting('security'))).toBe('STATE_CONFLICT');
    expect(outcomeOf(open, [{ ...mine, planHash: `sha256:${'0'.repeat(64)}` }], acting('lead'))).toBe('STATE_CONFLICT');
    expect(outcomeOf(open, [{ ...mine, withdrawn: true }], acting('lead'))).toBe('STATE_CONFLICT');
    expect(outcomeOf(open, [], acting('lead'))).toBe('STATE_CONFLICT');
  });

  it('also by another account of that person, and then the row of the first one is marked', () => {
    const alias = { ...acting('lead2'), actor: { ...actor('lead2'), email: 'L.ead+2@example.com' } };
    expect(withdraw(open, [decisionBy('lead', open)], alias).withdraw).toEqual([keyOf('lead')]);
  });

  it('with an event, and whoever is asked again hears of it', () => {
    const { event, notices, after, wake } = withdraw(open, [decisionBy('lead', open)], acting('lead'));
    expect(event).toMatchObject({ type: 'approval.withdrawn', data: { decision: 'approve' }, history: { action: 'approval_withdrawn' } });
    expect(notices).toMatchObject([{ type: 'approval.requested' }]);
    expect(after.phase).toBe('pending_approval');
    expect(wake).toBeUndefined();
  });
});
