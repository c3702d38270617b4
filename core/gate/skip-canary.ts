/**
 * Going to 100 % at once, for an emergency: a waiver of the weights before 100, by a second person. It is never asked for with the request, it makes a
 * new plan (so that everybody approves what will really run), and the checks at 100 % stay. When the waiver is over, the weights come back.
 */
import { Refusal } from '../errors.ts';
import { contentHash, type Json } from '../promotion/canonical-json.ts';
import { isFinal } from '../promotion/phase.ts';
import type { Plan } from '../promotion/plan.ts';
import type { Promotion } from '../promotion/promotion.ts';

/** In the place of a gate's name; no gate may have it. */
export const SKIP_CANARY = 'skip_canary';

/** The same plan without its weights before 100; what was left out stands in it. Refusals: EXPIRED, STATE_CONFLICT. */
export function withoutCanary({ phase, expiresAt }: Pick<Promotion, 'phase' | 'expiresAt'>, plan: Plan, now: string): Plan {
  if (phase === 'expired') throw new Refusal('EXPIRED', 'the request has expired', { hint: 'create a new request' });
  if (phase !== 'blocked' && phase !== 'pending_approval' && phase !== 'approved') {
    const hint = isFinal(phase)
      ? 'create a new request'
      : phase === 'promoting' || phase === 'rolling_back'
        ? 'the rollout has begun: let it go on, or abort it'
        : 'its gates run first, whatever happens afterwards';
    throw new Refusal('STATE_CONFLICT', `the canary of a request in phase ${phase} cannot be skipped`, { hint });
  }
  const { rollout } = plan;
  const skipped = rollout.weights.slice(0, -1);
  if (rollout.strategy !== 'canary' || skipped.length === 0) {
    throw new Refusal('STATE_CONFLICT', rollout.skipped ? 'its canary is skipped already' : 'this plan has no canary to skip');
  }
  if (now >= expiresAt) throw new Refusal('EXPIRED', 'the time of the request is over', { hint: 'create a new request' });
  return { ...plan, rollout: { ...rollout, weights: rollout.weights.slice(-1), skipped } };
}

/** The weights that were left out come back. */
export function withCanary(plan: Plan): Plan {
  const { skipped = [], ...rollout } = plan.rollout;
  return { ...plan, rollout: { ...rollout, weights: [...skipped, ...rollout.weights] } };
}

/** What was waived: the whole of how the workload would have been moved. */
export function rolloutHashOf(plan: Plan): string {
  return contentHash(plan.rollout as unknown as Json);
}
