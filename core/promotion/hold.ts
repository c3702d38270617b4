/** The changes that halt a rollout before its next step, and let it go on. */
import type { Hold } from '../environment/hold.ts';
import { type PromotionChange, withPhase } from './change.ts';
import { engineChange } from './engine-change.ts';
import type { Promotion } from './promotion.ts';

/** Begun, and kept from its next step by a lock or a window. */
export function isHeld({ phase, waitingOn }: Pick<Promotion, 'phase' | 'waitingOn'>): boolean {
  return phase === 'promoting' && waitingOn !== undefined;
}

/** `spentMs`: how much of the rollout's time is used; what is spent waiting does not count. */
export function halt(promotion: Promotion, hold: Hold, spentMs?: number): PromotionChange {
  const after = withPhase(promotion, 'promoting', { waitingOn: hold.waitingOn });
  if (spentMs !== undefined) {
    after.rolloutSpentMs = spentMs;
    delete after.rolloutBeganMs;
  }
  return engineChange(promotion, after, {
    type: 'promotion.waiting',
    action: 'held',
    data: { waitingOn: hold.waitingOn, step: promotion.step ?? null },
    error: hold.message,
  });
}

export function resume(promotion: Promotion): PromotionChange {
  return engineChange(promotion, withPhase(promotion, 'promoting'), {
    type: 'promotion.resumed',
    action: 'resumed',
    data: { step: promotion.step ?? null },
  });
}
