/** Makes the plan of a promotion from facts: pure, so that a preview and the real request cannot differ. */

import { stagesFor } from '../approval/stage.ts';
import {
  artifactOf,
  type Configuration,
  type EnvironmentConfiguration,
  environmentBefore,
  type RolloutConfiguration,
} from '../environment/configuration.ts';
import type { EnvironmentRecord, Occupant } from '../environment/environment.ts';
import { Refusal } from '../errors.ts';
import type { ResolvedVersion } from '../registry/ports.ts';
import { environmentTag, latestTag } from '../registry/version.ts';
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
  const isFirst = environmentBefore(configuration, from) === undefined;
  if (!isFirst && !facts.evidence) {
    throw new Refusal('EVIDENCE_MISMATCH', `${version.tag} (${version.digest}) never succeeded in ${from}`, {
      hint: `promote it to ${from} first`,
    });
  }
  const targets = body.registries ?? target.registries;
  for (const name of targets) {
    if (!target.registries.includes(name)) {
      throw new Refusal('VERSION_REFUSED', `${to} has no registry ${name}`, { hint: `choose among ${target.registries.join(', ')}` });
    }
  }
  const spec = specOf(body, from, to);
  return {
    kind: 'promote',
    tenant: artifact.tenant,
    artifact: body.target.name,
    version: version.releaseVersion,
    digest: version.digest,
    from,
    to,
    source: { environment: from, by: facts.evidence?.requestId ?? 'published' },
    gates: plannedGates(configuration, target.gates),
    approvals: stagesFor(target.approvals, { impact: spec.request.impactAssessment, type: body.target.type, kind: 'promote' }),
    approvalTimeoutSeconds: target.approvalTimeoutSeconds,
    approvalValidSeconds: target.approvalValidSeconds,
    waitSeconds: target.waitSeconds,
    execute: target.execute,
    registries: { source: source.registries[0]!, targets },
    tags: [environmentTag(version.releaseVersion, to), latestTag(to)],
    rollout: rolloutOf(target, artifact.workload?.name, target.rollout),
    rollbackTarget: environment?.current?.digest ?? null,
    scheduledDate: spec.request.scheduledDate,
    policyHash: configuration.hash,
    requester: facts.requesterKey,
    textHash: contentHash(spec as unknown as Json),
  };
}

/** How the workload is moved: `how` is what the environment says of promotions or of rollbacks. */
export function rolloutOf(environment: EnvironmentConfiguration, workload: string | undefined, how: RolloutConfiguration): RolloutPlan {
  const { cluster, namespace } = environment;
  if (workload === undefined || cluster === undefined) return { strategy: 'none', weights: [], bakeSeconds: 0, smoke: false };
  return { ...how, cluster, namespace, workload };
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
