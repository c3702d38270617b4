/** What a plan allows but its requester should know. One sentence each. */
import { splitOf } from '../rollout/replicas.ts';
import type { Plan } from './plan.ts';
import type { PromotionSpec } from './promotion.ts';

export interface WarningFacts {
  /** Pods of the workload, where there is one. */
  replicas: number | undefined;
  /** The digest runs in the target environment already. */
  isRunning: boolean;
  /** Another promotion changes the target environment now. */
  isLocked: boolean;
  /** When this digest was rolled back from the target environment, if it was. */
  rolledBackAt: string | undefined;
  now: Date;
}

/** A run of the state machine lives a year; the rest is for the approval and the rollout. */
export const LONGEST_AHEAD_DAYS = 300;

export function warningsOf(plan: Plan, spec: PromotionSpec, facts: WarningFacts): string[] {
  const { preChecks } = spec;
  const falseClaims = [
    ...(preChecks.stagingTestsPassed ? [] : ['stagingTestsPassed']),
    ...(preChecks.securityScanPassed ? [] : ['securityScanPassed']),
    ...(preChecks.performanceTestsPassed ? [] : ['performanceTestsPassed']),
  ];
  return [
    ...unreachableWeights(plan, facts.replicas),
    ...(falseClaims.length > 0 ? [`claimed as not done: ${falseClaims.join(', ')}`] : []),
    ...(facts.isRunning ? [`${plan.to} runs this digest already: a request would change nothing`] : []),
    ...(facts.rolledBackAt ? [`${plan.version} was rolled back from ${plan.to} at ${facts.rolledBackAt}`] : []),
    ...(facts.isLocked ? [`another promotion changes ${plan.to} now; this one would wait for it`] : []),
    ...(plan.rollout.strategy !== 'none' && plan.rollbackTarget === null
      ? [`nothing runs in ${plan.to} yet: there is nothing to roll back to`]
      : []),
    ...(plan.scheduledDate !== null && Date.parse(plan.scheduledDate) > facts.now.getTime() + LONGEST_AHEAD_DAYS * 86_400_000
      ? [
          `a run lives for a year: what is scheduled more than ${LONGEST_AHEAD_DAYS} days ahead may expire instead; request it nearer to its date`,
        ]
      : []),
    ...(plan.approvals.length === 0 ? [`${plan.to} asks nobody for approval`] : []),
  ];
}

/** Whole pods only: the nearest number of them may be far from the weight. */
function unreachableWeights(plan: Plan, replicas: number | undefined): string[] {
  if (plan.rollout.strategy !== 'canary' || plan.rollout.traffic || !replicas) return [];
  return plan.rollout.weights
    .filter((weight) => (weight * replicas) % 100 !== 0)
    .map((weight) => {
      const { canary, stable } = splitOf(weight, replicas);
      const all = canary + stable;
      return `${weight} % is not reachable with ${replicas} pods: that step runs ${canary} of ${all} (${Math.round((canary * 100) / all)} %)`;
    });
}
