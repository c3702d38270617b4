/** A person's word that a rollout must not go on: the way back begins, which its plan allows already. */
import { Refusal } from '../errors.ts';
import { abortedSteps } from '../rollout/step.ts';
import type { PromotionChange } from './change.ts';
import type { Acting } from './create.ts';
import { startRollback } from './finish.ts';
import { isHeld } from './hold.ts';
import { isFinal } from './phase.ts';
import type { Promotion } from './promotion.ts';

/** Code of `status.failure` of a rollout that was aborted. */
const ABORTED = 'ABORTED';

/**
 * Whoever commits first wins: an abort, or the end of the rollout. The run sees it at its next look at the request and takes the way back; one that
 * bakes is woken. Refusal STATE_CONFLICT where nothing is in progress.
 */
export function abort(promotion: Promotion, acting: Acting, at: string): PromotionChange {
  if (promotion.phase !== 'promoting') throw refusalOf(promotion);
  const message = 'aborted by a person';
  const step = promotion.rollout?.at(-1)?.step ?? promotion.step;
  const change = startRollback(promotion, { code: ABORTED, message, ...(step === undefined ? {} : { step }) });
  const rollout = promotion.rollout === undefined ? {} : { rollout: abortedSteps(promotion, at, message) };
  const { id: requestId, attempt } = promotion;
  return {
    ...change,
    after: { ...change.after, ...rollout },
    event: { ...change.event, ...acting, history: { ...change.event.history, action: 'aborted' } },
    wake: { kind: 'resume', requestId, attempt, wait: isHeld(promotion) ? 'turn' : 'bake' },
  };
}

function refusalOf({ phase }: Promotion): Refusal {
  if (phase === 'rolling_back')
    return new Refusal('STATE_CONFLICT', 'it is on its way back already', { hint: 'nothing more has to be done' });
  if (!isFinal(phase))
    return new Refusal('STATE_CONFLICT', `nothing is in progress: the request is ${phase.replaceAll('_', ' ')}`, {
      hint: 'cancel it instead',
    });
  return new Refusal('STATE_CONFLICT', `the request is ${phase.replaceAll('_', ' ')} already`, {
    hint: phase === 'succeeded' ? 'roll the environment back instead' : 'nothing more has to be done',
  });
}
