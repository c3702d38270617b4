/** Takes a decision back while approval is open. */
import { isSamePerson } from '../access/identity.ts';
import { Refusal } from '../errors.ts';
import type { PromotionChange } from '../promotion/change.ts';
import type { Acting } from '../promotion/create.ts';
import { isFinal } from '../promotion/phase.ts';
import type { Promotion } from '../promotion/promotion.ts';
import type { Decision } from './decision.ts';

/** Refusals: EXPIRED, STATE_CONFLICT (approval is over, or there is nothing to take back). */
export function withdraw(promotion: Promotion, decisions: readonly Decision[], acting: Acting): PromotionChange {
  if (promotion.phase === 'expired') throw new Refusal('EXPIRED', 'the request has expired');
  if (promotion.phase !== 'pending_approval') {
    throw new Refusal('STATE_CONFLICT', `a decision is taken back only while approval is open; the request is ${promotion.phase}`, {
      hint: isFinal(promotion.phase) ? 'it is over' : 'cancel the request instead, if it must not go on',
    });
  }
  const mine = decisions.find(
    (decision) => decision.planHash === promotion.planHash && !decision.withdrawn && isSamePerson(decision.actor, acting.actor),
  );
  if (!mine) throw new Refusal('STATE_CONFLICT', 'you have no decision on this plan to take back');
  return {
    before: promotion,
    after: promotion,
    withdraw: [mine.actor.key],
    event: {
      type: 'approval.withdrawn',
      actor: acting.actor,
      auth: acting.auth,
      channel: acting.channel,
      data: { decision: mine.decision },
      history: { action: 'approval_withdrawn' },
    },
    notices: [{ type: 'approval.requested', data: { reason: 'an approval was withdrawn' } }],
  };
}
