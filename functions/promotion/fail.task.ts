/** Ends a run that cannot go on: the request says why, the lock is free again, whoever waits is woken. */

import { holderOf } from '../../core/environment/environment.ts';
import type { FaultCode } from '../../core/errors.ts';
import { fail as failPromotion } from '../../core/promotion/finish.ts';
import { mayBecome } from '../../core/promotion/phase.ts';
import { changing } from '../../core/promotion/ports.ts';
import { clock, environments, promotions } from '../kit/state.ts';
import type { NextStep, RunEvent } from '../kit/task.ts';
import { type CaughtFailure, readFailure } from './read-failure.ts';

/** After these a person has to look at the cluster before anything is written there: they say more than that the way back failed. */
const LOOK_FIRST: ReadonlySet<string> = new Set(['LOCK_LOST', 'CLUSTER_CONFLICT', 'PLAN_CHANGED'] satisfies FaultCode[]);

/** A way back that did not end within its time has failed, whatever it met last. */
function nameOf(failure: { code: string; message: string }, step: string): { code: string; message: string } {
  if (step !== 'rollback' || LOOK_FIRST.has(failure.code)) return failure;
  return { code: 'ROLLBACK_FAILED', message: `the way back did not end: ${failure.code}: ${failure.message}` };
}

/** Task `fail`. */
export async function fail(event: RunEvent & { step?: string; failure?: CaughtFailure }): Promise<NextStep> {
  const step = event.step ?? 'unknown';
  const released = await changing(
    () => promotions.head(event.requestId),
    async (promotion) => {
      if (!promotion || promotion.attempt !== event.attempt || !mayBecome(promotion.phase, 'failed')) return undefined;
      const touched = promotion.phase === 'rolling_back' || step === 'rollback' || step === 'finish' || step === 'canary';
      const failure = { ...nameOf(readFailure(event.failure), step), step };
      const environment = await environments.get(promotion.to, promotion.artifact);
      // Who has lost the lock has nothing to release: the environment belongs to its holder now.
      const holds = environment?.holder === holderOf(promotion.id, promotion.attempt);
      return promotions.commit(failPromotion(promotion, clock.now().toISOString(), failure, { touched, holds }));
    },
  );
  if (released) await environments.wakeWaiters(released.to, released.artifact);
  return { next: 'end' };
}
