/** Asked before each step that changes something: whether a lock or a window keeps the rollout from it. */
import { halt } from '../../core/promotion/hold.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { clock, promotions } from '../kit/state.ts';
import type { NextStep } from '../kit/task.ts';
import { holdOn } from './hold.ts';

/** An hour: whoever waits looks again by then, because a window may be changed. */
const LONGEST_WAIT_SECONDS = 3_600;

/** Undefined when nothing keeps it; otherwise it is recorded, and this is what the run does next. `spentMs`: see `halt`. */
export async function halting(promotion: Promotion, spentMs?: number): Promise<NextStep | undefined> {
  const hold = await holdOn(promotion);
  if (!hold) return undefined;
  await promotions.commit(halt(promotion, hold, spentMs));
  return turnAt(hold.until);
}

/** The run waits for its turn, until then at the latest. */
export function turnAt(until: string | undefined): NextStep {
  if (until === undefined) return { next: 'turn', waitSeconds: LONGEST_WAIT_SECONDS };
  return { next: 'turn', waitSeconds: Math.max(1, Math.ceil((Date.parse(until) - clock.now().getTime()) / 1000)) };
}
