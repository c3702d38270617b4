/** Makes the plan of a promotion from facts: pure, so that a preview and the real request cannot differ. */

import { stagesFor } from '../approval/stage.ts';
import {
  artifactOf,
  type Configuration,
  type EnvironmentConfiguration,
  environmentBefore,
  type RolloutConfiguration,
  type WorkloadConfiguration,
} from '../environment/configuration.ts';
import type { EnvironmentRecord, Occupant } from '../environment/environment.ts';
import { Refusal } from '../errors.ts';
import type { ResolvedVersion } from '../registry/ports.ts';
import { chooseRegistries } from '../registry/target.ts';
import { environmentTag, latestTag } from '../registry/version.ts';
import { routeSplitOf } from '../rollout/route.ts';
import { contentHash, type Json } from './canonical-json.ts';
import type { Plan, PlannedGate, RolloutPlan } from './plan.ts';
import type { PromotionSpec } from './promotion.ts';
import type { RequestBody } from './request-body.ts';

/** Source and target of a request, checked against the path: one step forward, nothing else. */
export function routeOf(configuration: Configuration, target: string, body: RequestBody['target']): { from: string; to: string } {
  if (body.targetEnvironment !== undefined && body.targetEnvironment !== target) {
    throw new Refusal('INVALID_REQUEST', `targetEnvironment is ${body.targetEnvironment}, but the request goes to ${target}`, {
      hint: 'send it to the path of the environment that you mean',
      errors: [{ path: '/target/targetEnvironment', message: `must be ${target}` }],
    });
  }
  const before = environmentBefore(configuration, target);
  const from = body.sourceEnvironment ?? before;
  if (from === undefined || from !== before) {
    const way = configuration.path.join(' → ');
    const hint = before === undefined ? `publish into ${target}; it is the first environment` : `promote from ${before} to ${target}`;
    throw new Refusal('NOT_NEXT_ENV', `a promotion moves one step along ${way}`, { hint });
  }
  return { from, to: target };
}

export interface PlanFacts {
  configuration: Configuration;
  body: RequestBody;
  from: string;
  to: string;
  version: ResolvedVersion;
  /** How the digest came to the source environment; undefined where it never succeeded there. */
  evidence: Occupant | undefined;
  /** How the digest came to the target environment; undefined where it never succeeded there. Asked of repairs only. */
  repaired?: Occupant | undefined;
  /** What the target environment runs now. */
  environment: EnvironmentRecord | undefined;
  /** Identity key of the requester. */
  requesterKey: string;
}

/** The complete plan. Refuses what the configuration forbids and what the source environment does not prove. */
export function makePlan(facts: PlanFacts): Plan {
  const { configuration, body, from, to, version, environment } = facts;
  const target = configuration.environments[to]!;
  const source = configuration.environments[from]!;
  const artifact = artifactOf(configuration, body.target.name)!;
  const kind = body.kind ?? 'promote';
  if (kind === 'repair') refuseUnknownRepair(facts);
  const isFirst = environmentBefore(configuration, from) === undefined;
  if (kind === 'promote' && !isFirst && !facts.evidence) {
    throw new Refusal('EVIDENCE_MISMATCH', `${version.tag} (${version.digest}) never succeeded in ${from}`, {
      hint: `promote it to ${from} first`,
    });
  }
  const spec = specOf(body, from, to);
  return {
    kind,
    tenant: artifact.tenant,
    artifact: body.target.name,
    version: version.releaseVersion,
    digest: version.digest,
    from,
    to,
    source: { environment: from, by: facts.evidence?.requestId ?? (kind === 'repair' ? facts.repaired!.requestId : 'published') },
    gates: plannedGates(configuration, target.gates),
    approvals: stagesFor(target.approvals, { impact: spec.request.impactAssessment, type: body.target.type, kind }),
    approvalTimeoutSeconds: target.approvalTimeoutSeconds,
    approvalValidSeconds: target.approvalValidSeconds,
    waitSeconds: target.waitSeconds,
    execute: target.execute,
    registries: {
      source: source.registries[0]!,
      targets: chooseRegistries(target, body.registries, kind === 'repair'),
      require: target.requireRegistries,
    },
    tags: [
      environmentTag(version.releaseVersion, to),
      ...(kind === 'promote' || environment?.current?.digest === version.digest ? [latestTag(to)] : []),
    ],
    // A repair changes what registries hold, never what runs.
    rollout: kind === 'repair' ? NO_ROLLOUT : rolloutOf(target, artifact.workload, target.rollout),
    rollbackTarget: kind === 'repair' ? null : (environment?.current?.digest ?? null),
    scheduledDate: spec.request.scheduledDate,
    policyHash: configuration.hash,
    requester: facts.requesterKey,
    textHash: contentHash(spec as unknown as Json),
  };
}

const NO_ROLLOUT: RolloutPlan = { strategy: 'none', weights: [], bakeSeconds: 0, smoke: false };

/** Only what came into the environment by a promotion (or was adopted there) is repaired: it was judged and approved then. */
function refuseUnknownRepair({ version, to, repaired }: PlanFacts): void {
  if (repaired) return;
  throw new Refusal('EVIDENCE_MISMATCH', `${version.tag} (${version.digest}) never succeeded in ${to}, so there is nothing to repair`, {
    hint: `promote it to ${to}; if its tag was moved at the source, name the digest that ${to} holds`,
  });
}

/** How the workload is moved: `how` is what the environment says of promotions or of rollbacks. */
export function rolloutOf(
  environment: EnvironmentConfiguration,
  workload: WorkloadConfiguration | undefined,
  { provider, job: _settings, ...how }: RolloutConfiguration,
): RolloutPlan {
  const { cluster, namespace } = environment;
  if (how.strategy === 'job') return { strategy: 'job', weights: [100], bakeSeconds: 0, smoke: false };
  if (workload === undefined || cluster === undefined) return NO_ROLLOUT;
  const traffic = provider === 'gateway' ? { traffic: routeSplitOf(workload) } : {};
  return { ...how, cluster, namespace, workload: workload.name, ...traffic };
}

/** The gates by name, each bound to its definition. */
export function plannedGates(configuration: Configuration, names: readonly string[]): PlannedGate[] {
  return names.map((name) => {
    const definition = configuration.gates[name]!;
    return { name, type: definition.type, definitionHash: contentHash(definition as unknown as Json) };
  });
}

/** `spec` of the request as it is stored and rendered: defaults filled in. */
export function specOf(body: RequestBody, from: string, to: string): PromotionSpec {
  const { priority, ...request } = body.request;
  return {
    ...(body.kind === 'repair' ? { kind: body.kind } : {}),
    target: { ...body.target, sourceEnvironment: from, targetEnvironment: to },
    request: {
      ...request,
      ...(priority === undefined ? {} : { priority }),
      scheduledDate: body.request.scheduledDate ? new Date(body.request.scheduledDate).toISOString() : null,
    },
    preChecks: body.preChecks,
    ...(body.registries ? { registries: body.registries } : {}),
  };
}
