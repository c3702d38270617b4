/** The request that a policy makes: what a person would have written, as far as it is known, and no claim that nobody has proved or made. */
import type { GateType } from '../gate/gate.ts';
import type { PromotionSpec } from '../promotion/promotion.ts';
import type { RequestBody } from '../promotion/request-body.ts';
import type { PolicyDecision, PolicyFacts } from './evaluate.ts';
import type { PromotionPolicy } from './promotion-policy.ts';

export interface PolicyRequestInput {
  policy: PromotionPolicy;
  facts: PolicyFacts;
  decision: PolicyDecision;
  /** Of the promotion that brought the version to the source; absent: it was published or adopted there. */
  source?: Pick<PromotionSpec, 'request' | 'preChecks'>;
  type: RequestBody['target']['type'];
  /** Where who approves finds what the policy went by. */
  evidenceUrl: string;
}

export function policyRequest({ policy, facts, decision, source, type, evidenceUrl }: PolicyRequestInput): RequestBody {
  const { artifact, version, checked } = facts;
  const passed = (wanted: GateType) => checked?.gates.some((gate) => gate.type === wanted && gate.status === 'passed') ?? false;
  return {
    target: { type, name: artifact, version, sourceEnvironment: policy.from, targetEnvironment: policy.to },
    request: {
      justification: `Asked for by policy ${policy.name}: ${decision.because}`,
      releaseNotes: source?.request.releaseNotes ?? `${artifact} ${version}, as it was published`,
      impactAssessment: source?.request.impactAssessment ?? 'medium',
      rollbackPlan:
        source?.request.rollbackPlan ?? `A rollout that fails returns by itself to what ran before; afterwards: greenlight rollback`,
      ...(source?.request.priority === undefined ? {} : { priority: source.request.priority }),
    },
    // What its gates have shown, and what a person has claimed for the step before.
    preChecks: {
      stagingTestsPassed: checked !== undefined && checked.gates.length > 0 && checked.gates.every(({ status }) => status === 'passed'),
      securityScanPassed: passed('vulnerability') || (source?.preChecks.securityScanPassed ?? false),
      performanceTestsPassed: passed('performance_baseline') || (source?.preChecks.performanceTestsPassed ?? false),
      testEvidenceUrl: source?.preChecks.testEvidenceUrl ?? evidenceUrl,
    },
  };
}
