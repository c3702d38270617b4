/** "This was not me": kills a mailed link, takes back what it decided as far as nothing has begun, and tells those who can act on it. */
import type { NoticeDraft, PromotionChange } from '../promotion/change.ts';
import { withPhase } from '../promotion/change.ts';
import type { Acting } from '../promotion/create.ts';
import { isFinal } from '../promotion/phase.ts';
import type { Promotion } from '../promotion/promotion.ts';
import type { Decision } from './decision.ts';
import { alertOf } from './suspicion.ts';

/**
 * - `unused`: the link had decided nothing.
 * - `void`: what it decided counts no more: taken back before, or on a plan that has changed.
 * - `taken_back`: the decision is withdrawn, and the request waits for approval (again).
 * - `begun`, `over`: too late; those who can act are told all the same.
 */
export type RevokeOutcome = 'unused' | 'void' | 'taken_back' | 'begun' | 'over';

export interface RevokeFacts {
  promotion: Promotion;
  /** The decision that came by this person's link, if there is one. */
  decision: Decision | undefined;
  linkId: string;
}

/** Always a change: the link is dead and the event recorded, whatever became of the decision. */
export function revoke(facts: RevokeFacts, acting: Acting): { change: PromotionChange; outcome: RevokeOutcome } {
  const { promotion, decision, linkId } = facts;
  const outcome = outcomeOf(promotion, decision);
  const takesBack = outcome === 'taken_back';
  const after = takesBack && promotion.phase === 'approved' ? withPhase(promotion, 'pending_approval') : promotion;
  const notices: NoticeDraft[] = [
    ...(takesBack ? [{ type: 'approval.requested' as const, data: { reason: 'an approval was taken back' } }] : []),
    ...(decision ? [alertOf('decision_revoked', { decision: decision.decision, outcome })] : []),
  ];
  return {
    outcome,
    change: {
      before: promotion,
      after,
      revokeLink: linkId,
      ...(takesBack ? { withdraw: [decision!.actor.key] } : {}),
      event: {
        type: 'link.revoked',
        actor: acting.actor,
        auth: acting.auth,
        channel: acting.channel,
        data: { outcome, decision: decision?.decision ?? null, phase: after.phase, ...(decision ? { signals: ['decision_revoked'] } : {}) },
        history: { action: takesBack ? 'approval_revoked' : 'link_revoked' },
      },
      notices,
      // A run that waits for its turn has to wait for approval again.
      ...(after === promotion ? {} : { wake: { kind: 'resume', requestId: promotion.id, attempt: promotion.attempt, wait: 'turn' } }),
    },
  };
}

function outcomeOf(promotion: Promotion, decision: Decision | undefined): RevokeOutcome {
  if (!decision) return 'unused';
  if (decision.planHash !== promotion.planHash || decision.withdrawn) return 'void';
  if (promotion.phase === 'pending_approval' || promotion.phase === 'approved') return 'taken_back';
  return isFinal(promotion.phase) ? 'over' : 'begun';
}
