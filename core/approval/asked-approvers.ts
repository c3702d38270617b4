/** Whose approval is asked for at this moment: the eligible people who bring on the open stages' unmet rules, minus those who have decided or are away. */
import type { Plan } from '../promotion/plan.ts';
import type { Promotion } from '../promotion/promotion.ts';
import type { Approved } from './authority.ts';
import type { Decision } from './decision.ts';
import type { Approvers } from './delegation.ts';
import { type EligiblePerson, eligibleForAny, undecided } from './eligible.ts';
import { approvalProgress, openRules } from './progress.ts';
import { standingDecisions } from './standing.ts';

/** Each person once. The same rules as `decide`, so that nobody is asked in vain. */
export function askedApprovers(
  approvers: Approvers,
  promotion: Approved & Pick<Promotion, 'phase'>,
  plan: Pick<Plan, 'approvals'>,
  given: readonly Decision[],
): EligiblePerson[] {
  const decisions = standingDecisions(approvers, promotion, given);
  const progress = approvalProgress(plan.approvals, decisions, promotion.planHash);
  const asked = new Map<string, EligiblePerson>();
  for (const { through, missing } of openRules(plan.approvals, progress)) {
    const people = eligibleForAny(through, promotion, approvers, decisions);
    for (const person of undecided(people, promotion, decisions, missing)) asked.set(person.key, asked.get(person.key) ?? person);
  }
  return [...asked.values()];
}
