/** Ends a run that cannot go on: the request says why, the lock is free again, whoever waits is woken. */

import { holderOf } from '../../core/environment/environment.ts';
import { fail as failPromotion } from '../../core/promotion/finish.ts';
import { mayBecome } from '../../core/promotion/phase.ts';
import { changing } from '../../core/promotion/ports.ts';
import { clock, environments, promotions } from '../kit/state.ts';
import type { NextStep, RunEvent } from '../kit/task.ts';
import { type CaughtFailure, readFailure } from './read-failure.ts';

/** Task `fail`. */
export async function fail(event: RunEvent & { step?: string; failure?: CaughtFailure }): Promise<NextStep> {
  const step = event.step ?? 'unknown';
  const released = await changing(
    () => promotions.head(event.requestId),
    async (promotion) => {
      if (!promotion || promotion.attempt !== event.attempt || !mayBecome(promotion.phase, 'failed')) return undefined;
      const touched = promotion.phase === 'rolling_back' || step === 'rollback' || step === 'finish' || step === 'canary';
      const failure = { ...readFailure(event.failure), step };
      const environment = await environments.get(promotion.to, promotion.artifact);
      // Who has lost the lock has nothing to release: the environment belongs to its holder now.
      const holds = environment?.holder === holderOf(promotion.id, promotion.attempt);
      return promotions.commit(failPromotion(promotion, clock.now().toISOString(), failure, { touched, holds }));
    },
  );
  if (released) await environments.wakeWaiters(released.to, released.artifact);
  return { next: 'end' };
}
