/** Whose approval is asked for now: the eligible people of the open stage's unmet rules, minus those who have decided. */
import { isSamePerson } from '../access/identity.ts';
import type { Configuration } from '../environment/configuration.ts';
import type { Plan } from '../promotion/plan.ts';
import type { Promotion } from '../promotion/promotion.ts';
import type { Decision } from './decision.ts';
import { type EligiblePerson, eligibleFor } from './eligible.ts';
import { approvalProgress } from './progress.ts';
import { standingDecisions } from './standing.ts';

/** Each person once. The same rules as `decide`, so that nobody is asked in vain. */
export function askedApprovers(
  configuration: Configuration,
  promotion: Pick<Promotion, 'phase' | 'tenant' | 'requester' | 'editors' | 'planHash'>,
  plan: Pick<Plan, 'approvals'>,
  given: readonly Decision[],
): EligiblePerson[] {
  const decisions = standingDecisions(configuration, promotion, given);
  const progress = approvalProgress(plan.approvals, decisions, promotion.planHash);
  const open = progress.stages.findIndex((stage) => stage.status === 'pending');
  const rules = plan.approvals[open]?.rules.filter((_rule, index) => !progress.stages[open]?.rules[index]?.met) ?? [];
  const decided = decisions.filter((decision) => decision.planHash === promotion.planHash && !decision.withdrawn);
  const asked = new Map<string, EligiblePerson>();
  for (const person of rules.flatMap((rule) => eligibleFor(rule, promotion, configuration))) {
    if (!decided.some(({ actor }) => isSamePerson(actor, person))) asked.set(person.key, person);
  }
  return [...asked.values()];
}
