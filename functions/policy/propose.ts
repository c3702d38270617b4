/** Goes through the policies that are enabled, decides about each artifact by one rule, and asks for what is due. */
import type { policyRows } from '../../adapters/policy/policy-rows.ts';
import { requiredVariable } from '../../adapters/state/table.ts';
import { artifactOf, type Configuration } from '../../core/environment/configuration.ts';
import { refuseHeldVersion } from '../../core/environment/held.ts';
import { Refusal } from '../../core/errors.ts';
import { evaluatePolicy, type PolicyDecision, type PolicyFacts } from '../../core/policy/evaluate.ts';
import { factsAt, type Stay } from '../../core/policy/past.ts';
import { isFor, type PromotionPolicy, policyActor } from '../../core/policy/promotion-policy.ts';
import { policyRequest } from '../../core/policy/request-of.ts';
import { create } from '../../core/promotion/create.ts';
import { specOf } from '../../core/promotion/make-plan.ts';
import { type Clock, VersionConflict } from '../../core/promotion/ports.ts';
import { requestBodySchema } from '../../core/promotion/request-body.ts';
import type { ImageList, RegistryReader } from '../../core/registry/ports.ts';
import type { MetricSource } from '../../core/rollout/ports.ts';
import { knownArtifacts } from '../environment/known-artifacts.ts';
import { log } from '../kit/log.ts';
import { configuration as inForce, promotions } from '../kit/state.ts';
import { draftPlan } from '../promotion/draft-plan.ts';
import { measure } from './measure.ts';
import { presentOf, readPast } from './read-past.ts';

export interface ProposeWorld {
  registries: RegistryReader;
  images: ImageList;
  records: Pick<ReturnType<typeof policyRows>, 'hasAsked'>;
  clock: Clock;
  ask: MetricSource;
  isLate(): boolean;
}

export interface Proposed {
  asked: string[];
  /** Policies and artifacts that could not be looked at now. */
  failed: string[];
}

export async function proposeAll(world: ProposeWorld): Promise<Proposed> {
  const configuration = await inForce();
  const done: Proposed = { asked: [], failed: [] };
  for (const policy of (configuration.policies ?? []).filter(({ enabled }) => enabled)) {
    for (const artifact of await artifactsOf(configuration, policy)) {
      if (world.isLate()) return done;
      const about = `${policy.name}/${artifact}`;
      try {
        const asked = await propose(world, configuration, policy, artifact);
        if (asked !== undefined) done.asked.push(asked);
      } catch (error) {
        // One artifact that cannot be read keeps no other from its promotion.
        log.warn('policy not applied', { about, error });
        done.failed.push(about);
      }
    }
  }
  return done;
}

/** Everything that could be in the source environment: what is known there, and what the policy names without `*`, promoted before or not. */
export async function artifactsOf(configuration: Configuration, policy: PromotionPolicy): Promise<string[]> {
  const known = await Promise.all([policy.from, policy.to].map((name) => knownArtifacts(promotions, configuration, name)));
  const named = (policy.artifacts ?? []).filter((name) => !/[*?]/.test(name) && artifactOf(configuration, name) !== undefined);
  return [...new Set([...known.flat(), ...named])].filter((artifact) => isFor(policy, artifact)).sort();
}

/** Id of the request that was made, if one was. */
async function propose(
  world: ProposeWorld,
  configuration: Configuration,
  policy: PromotionPolicy,
  artifact: string,
): Promise<string | undefined> {
  const now = world.clock.now().toISOString();
  const past = await readPast(configuration, world.images, policy, artifact);
  const stay = presentStay(past.stays);
  if (!stay) return undefined;
  const present = await presentOf(configuration, policy, artifact, stay);
  const facts = factsAt(past, stay, now, present);
  const assumed = evaluatePolicy(policy, { ...facts, metrics: policy.metrics.map(({ name }) => ({ name })) }, now);
  if (assumed.outcome !== 'promote' || (await world.records.hasAsked({ policy, facts }))) return undefined;
  const measured = policy.metrics.length === 0 ? facts : { ...facts, metrics: await measure(configuration, policy, artifact, world.ask) };
  const decision = evaluatePolicy(policy, measured, now);
  if (decision.outcome !== 'promote') return undefined;
  try {
    return await ask(world, configuration, policy, measured, decision);
  } catch (error) {
    // What nobody could ask for now, and somebody who was faster.
    if (!(error instanceof Refusal) && !(error instanceof VersionConflict)) throw error;
    log.info('policy refused', { policy: policy.name, artifact, version: facts.version, error });
    return undefined;
  }
}

/** The version that is there now. */
export function presentStay(stays: readonly Stay[]): Stay | undefined {
  const last = stays.at(-1);
  return last?.until === undefined ? last : undefined;
}

async function ask(
  { registries, clock }: ProposeWorld,
  configuration: Configuration,
  policy: PromotionPolicy,
  facts: PolicyFacts,
  decision: PolicyDecision,
): Promise<string> {
  const { artifact, version, digest, checked } = facts;
  const actor = policyActor(policy);
  const source = checked ? (await promotions.texts(checked.requestId))?.spec : undefined;
  const settings = artifactOf(configuration, artifact)!;
  const written = policyRequest({
    policy,
    facts,
    decision,
    ...(source ? { source } : {}),
    type: source?.target.type ?? settings.type ?? 'application',
    evidenceUrl: `${requiredVariable('API_ORIGIN')}/v1/policies`,
  });
  // The same rules as for what people write.
  const body = requestBodySchema.parse(written);
  const { plan, environment } = await draftPlan({ configuration, params: { env: policy.to }, body }, registries, actor.key);
  if (plan.digest !== digest) throw new Refusal('SOURCE_CHANGED', `${version} names ${plan.digest} now, and ${digest} was judged`);
  refuseHeldVersion(environment, plan, actor);
  const now = clock.now();
  const change = create({
    id: await promotions.nextId(now.getUTCFullYear()),
    now,
    ...{ actor, auth: 'engine', channel: 'schedule' },
    plan,
    spec: specOf(body, plan.from, plan.to),
    requestedVersion: version,
    ...(settings.project === undefined ? {} : { project: settings.project }),
    askedBy: { policy, facts, at: now.toISOString() },
  });
  const { id } = await promotions.commit(change);
  log.info('asked for by policy', { policy: policy.name, artifact, version, requestId: id });
  return id;
}
