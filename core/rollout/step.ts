/** Which step of the rollout is next, from its records alone; and the changes that record a step. */
import { type PromotionChange, withPhase } from '../promotion/change.ts';
import { engineChange } from '../promotion/engine-change.ts';
import type { Plan } from '../promotion/plan.ts';
import type { Promotion, RolloutStepRecord } from '../promotion/promotion.ts';

/**
 * - `start`: record that this weight begins, then do it. `baked` is the weight before it, verified again first.
 * - `resume`: this weight was begun and not ended: do it again, every part is idempotent.
 * - `bake`: the last step bakes for so many seconds more (the function was called again before its bake was over).
 * - `complete`: all weights are done; `baked` is verified again first.
 */
export type Position =
  | { kind: 'start'; weight: number; baked?: number }
  | { kind: 'resume'; weight: number }
  | { kind: 'bake'; seconds: number }
  | { kind: 'complete'; baked?: number };

export function stepName(weight: number): string {
  return `canary:${weight}`;
}

export function positionOf(promotion: Promotion, plan: Plan, now: Date): Position {
  const { weights, bakeSeconds } = plan.rollout;
  const records = promotion.rollout ?? [];
  const last = records.at(-1);
  if (last?.status === 'progressing') return { kind: 'resume', weight: weights[records.length - 1]! };
  const baked = last?.status === 'baking' ? { baked: weights[records.length - 1]! } : {};
  if (last?.status === 'baking' && last.endedAt !== undefined) {
    const left = Date.parse(last.endedAt) + bakeSeconds * 1000 - now.getTime();
    // Clocks of two machines differ by a little: a bake that lacks less than a second is over.
    if (left >= 1000) return { kind: 'bake', seconds: Math.ceil(left / 1000) };
  }
  const weight = weights[records.length];
  return weight === undefined ? { kind: 'complete', ...baked } : { kind: 'start', weight, ...baked };
}

/** The weight begins. `beganMs` is real time: the budget of the whole rollout counts from the first step. */
export function startStep(promotion: Promotion, weight: number, at: string, beganMs: number): PromotionChange {
  const step = stepName(weight);
  const rollout: RolloutStepRecord[] = [...settled(promotion), { step, status: 'progressing', startedAt: at }];
  const after = withPhase(promotion, 'promoting', { step, rollout, rolloutBeganMs: promotion.rolloutBeganMs ?? beganMs });
  return engineChange(promotion, after, { type: 'rollout.step', action: 'rollout_step', data: { step, status: 'progressing' } });
}

/** What was measured at the end of a step. */
export interface StepMeasure {
  achievedWeight: number;
  restarts: number;
}

/** The weight is reached and its smoke checks passed; it bakes or is done. */
export function endStep(promotion: Promotion, at: string, measure: StepMeasure, bakeSeconds: number): PromotionChange {
  const records = promotion.rollout ?? [];
  const last = records.at(-1)!;
  const status = bakeSeconds > 0 ? 'baking' : 'done';
  const rollout: RolloutStepRecord[] = [...records.slice(0, -1), { ...last, status, endedAt: at, ...measure }];
  const after = withPhase(promotion, 'promoting', { step: status === 'baking' ? 'bake' : last.step, rollout });
  const data = { step: last.step, status, achievedWeight: measure.achievedWeight };
  return engineChange(
    promotion,
    after,
    { type: 'rollout.step', action: 'rollout_step', data },
    { notices: [{ type: 'rollout.step', data }] },
  );
}

/** The last weight was verified after its bake: nothing is left but to finish. */
export function endLastBake(promotion: Promotion): PromotionChange {
  const step = promotion.rollout!.at(-1)!.step;
  const after = withPhase(promotion, 'promoting', { step, rollout: settled(promotion) });
  return engineChange(promotion, after, { type: 'rollout.step', action: 'rollout_step', data: { step, status: 'done' } });
}

/** Records of a rollout that goes back: the step that was under way is aborted. */
export function abortedSteps(promotion: Promotion, at: string, message: string): RolloutStepRecord[] {
  const records = promotion.rollout ?? [];
  const last = records.at(-1);
  if (!last || last.status === 'done') return records;
  return [...records.slice(0, -1), { ...last, status: 'aborted', endedAt: at, message: message.slice(0, 200) }];
}

function settled(promotion: Promotion): RolloutStepRecord[] {
  return (promotion.rollout ?? []).map((record) => (record.status === 'baking' ? { ...record, status: 'done' } : record));
}
