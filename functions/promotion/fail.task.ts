/** Ends a run that cannot go on: the request says why, the lock is free again, whoever waits is woken. */
import { fail as failPromotion } from '../../core/promotion/finish.ts';
import { isFinal } from '../../core/promotion/phase.ts';
import { changing } from '../../core/promotion/ports.ts';
import { clock, environments, promotions } from '../kit/state.ts';
import type { NextStep, RunEvent } from '../kit/task.ts';

/** What a Catch hands over: the error's name and a cause that may be the JSON of a Lambda error. */
export interface CaughtFailure {
  Error?: string;
  Cause?: string;
}

/** Task `fail`. */
export async function fail(event: RunEvent & { step?: string; failure?: CaughtFailure }): Promise<NextStep> {
  const step = event.step ?? 'unknown';
  const released = await changing(
    () => promotions.head(event.requestId),
    async (promotion) => {
      if (!promotion || promotion.attempt !== event.attempt || isFinal(promotion.phase)) return undefined;
      const touched = promotion.phase === 'rolling_back' || step === 'rollback' || step === 'finish' || step === 'canary';
      const failure = { ...readFailure(event.failure), step };
      return promotions.commit(failPromotion(promotion, clock.now().toISOString(), failure, touched));
    },
  );
  if (released) await environments.wakeWaiters(released.to, released.artifact);
  return { next: 'end' };
}

/** Name and message of a caught error. `Cause` of a Lambda error is `{"errorType", "errorMessage"}`; of others it is plain text. */
export function readFailure(failure: CaughtFailure | undefined): { code: string; message: string } {
  const code = failure?.Error ?? 'UNKNOWN';
  const cause = failure?.Cause ?? 'the run failed without saying why';
  try {
    const parsed = JSON.parse(cause) as { errorMessage?: unknown };
    return { code, message: typeof parsed.errorMessage === 'string' ? parsed.errorMessage.slice(0, 500) : cause.slice(0, 500) };
  } catch {
    return { code, message: cause.slice(0, 500) };
  }
}
