/** Whether a plan may be carried out: not before its grace time, not after its end, not twice, and never where it would delete too much at once. */
import { Refusal } from '../errors.ts';
import type { StoredPlan } from './ports.ts';

/** Why it cannot be begun at this instant; undefined: it can. What was begun goes on whenever it is asked to. */
export function untimely({ id, status, applyFrom, expiresAt }: StoredPlan, now: string): Refusal | undefined {
  if (status !== 'planned') return undefined;
  if (now < applyFrom)
    return new Refusal(
      'STATE_CONFLICT',
      `plan ${id} may be applied from ${applyFrom} on: whoever needs one of these versions has until then`,
      { hint: 'wait, or set artifacts.retention.grace for the plans to come' },
    );
  if (now >= expiresAt)
    return new Refusal('EXPIRED', `plan ${id} has expired at ${expiresAt}`, { hint: 'make a new one: greenlight gc --dry-run' });
  return undefined;
}

export interface PlanActions {
  allowedActions: 'apply'[];
  /** Why not; empty where there is nothing to do any more. */
  refusedActions: { action: 'apply'; code: Refusal['code']; reason: string }[];
}

/** What somebody may do with a plan; `mayDelete`: in every tenant of it. */
export function planActions(plan: StoredPlan, mayDelete: boolean, now: string): PlanActions {
  const refused = (code: Refusal['code'], reason: string): PlanActions => ({
    allowedActions: [],
    refusedActions: [{ action: 'apply', code, reason }],
  });
  if (plan.status === 'applied' || plan.status === 'stopped' || (plan.status === 'planned' && plan.units === 0))
    return { allowedActions: [], refusedActions: [] };
  if (!mayDelete) return refused('FORBIDDEN', 'your roles do not include the verb "gc.apply" in every tenant of the plan');
  if (plan.status === 'planned' && plan.stop !== undefined) return refused('STATE_CONFLICT', plan.stop);
  const early = untimely(plan, now);
  return early ? refused(early.code, early.message) : { allowedActions: ['apply'], refusedActions: [] };
}
