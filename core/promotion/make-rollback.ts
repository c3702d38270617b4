/** The plan of a rollback: a promotion within one environment, to a version that once succeeded there. Pure, as the plan of a promotion is. */
import { stagesFor } from '../approval/stage.ts';
import { type ArtifactConfiguration, artifactOf, type Configuration } from '../environment/configuration.ts';
import type { EnvironmentHistoryEntry, Occupant } from '../environment/environment.ts';
import { latestTag } from '../registry/version.ts';
import type { ImpactReport } from '../rollout/impact.ts';
import { contentHash, type Json } from './canonical-json.ts';
import { plannedGates, rolloutOf } from './make-plan.ts';
import type { Plan } from './plan.ts';
import type { PromotionSpec, TargetType } from './promotion.ts';

export interface RollbackFacts {
  configuration: Configuration;
  artifact: string;
  environment: string;
  /** What runs there now, and what is to run there again. */
  current: Occupant;
  target: EnvironmentHistoryEntry;
  reason: string;
  impact: ImpactReport;
  /** Claims that were made when the target came there; undefined where nobody made any. */
  preChecks: PromotionSpec['preChecks'] | undefined;
  /** Address of the API, for the place where the evidence of the target is. */
  origin: string;
  /** Identity key of the requester. */
  requesterKey: string;
  /** Begun by the watch after a promotion: whoever approved that promotion approved its way back, so nobody and nothing is asked again. */
  automatic?: boolean | undefined;
}

/** Plan and spec. What the approvers read says what is lost, so that a change of it voids their approval. */
export function makeRollback(facts: RollbackFacts): { plan: Plan; spec: PromotionSpec } {
  const { configuration, environment: name, current, target } = facts;
  const environment = configuration.environments[name]!;
  const artifact = artifactOf(configuration, facts.artifact)!;
  const { approvalTimeoutSeconds, rollout } = environment.rollback;
  const { approvals, gates } = facts.automatic ? { approvals: [], gates: [] } : environment.rollback;
  const spec = specOf(facts, typeOf(artifact));
  const { impactAssessment: impact } = spec.request;
  const plan: Plan = {
    kind: 'rollback',
    tenant: artifact.tenant,
    artifact: facts.artifact,
    version: target.version,
    digest: target.digest,
    from: name,
    to: name,
    source: { environment: name, by: target.requestId },
    gates: plannedGates(configuration, gates),
    approvals: stagesFor(approvals, { impact, type: spec.target.type, kind: 'rollback' }),
    approvalTimeoutSeconds,
    approvalValidSeconds: environment.approvalValidSeconds,
    // Nobody waits with the way back, for a timer or for a second word.
    waitSeconds: 0,
    execute: 'auto',
    // The way back never waits for a copy that serves disaster recovery.
    registries: { source: environment.registries[0]!, targets: environment.registries, require: 'primary' },
    tags: [latestTag(name)],
    rollout: rolloutOf(environment, artifact.workload, rollout),
    // The way back of the way back.
    rollbackTarget: current.digest,
    scheduledDate: null,
    policyHash: configuration.hash,
    requester: facts.requesterKey,
    textHash: contentHash(spec as unknown as Json),
  };
  return { plan, spec };
}

function typeOf({ type }: ArtifactConfiguration): TargetType {
  return type ?? 'application';
}

function specOf(
  { artifact, environment, current, target, reason, impact, preChecks, origin }: RollbackFacts,
  type: TargetType,
): PromotionSpec {
  const evidence = `${origin}/v1/artifacts/${encodeURIComponent(artifact)}/versions/${encodeURIComponent(target.version)}`;
  const unknown = { stagingTestsPassed: false, securityScanPassed: false, performanceTestsPassed: false, testEvidenceUrl: evidence };
  return {
    target: { type, name: artifact, version: target.version, sourceEnvironment: environment, targetEnvironment: environment },
    request: {
      justification: reason,
      releaseNotes: [`Rolls ${environment} back from ${current.version} to ${target.version}.`, ...impact.summary].join('\n'),
      impactAssessment: impact.risk.level === 'HIGH' ? 'high' : impact.risk.level === 'MEDIUM' ? 'medium' : 'low',
      rollbackPlan: `If it fails, ${environment} keeps ${current.version}: the engine restores it`,
      scheduledDate: null,
      priority: 'urgent',
    },
    preChecks: preChecks ?? unknown,
  };
}
