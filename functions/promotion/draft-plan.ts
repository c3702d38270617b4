/** From the body of a request to its plan: the same path for preview, create and edit. */

import { belongsToTenant, mayUse } from '../../core/access/membership.ts';
import type { ArtifactConfiguration } from '../../core/environment/configuration.ts';
import { artifactOf, type Configuration } from '../../core/environment/configuration.ts';
import type { EnvironmentRecord } from '../../core/environment/environment.ts';
import { Refusal } from '../../core/errors.ts';
import type { VersionStanding } from '../../core/lifecycle/lifecycle.ts';
import { refuseUnusable } from '../../core/lifecycle/use.ts';
import { makePlan, routeOf } from '../../core/promotion/make-plan.ts';
import type { Plan } from '../../core/promotion/plan.ts';
import type { RequestBody } from '../../core/promotion/request-body.ts';
import type { RegistryReader, ResolvedVersion } from '../../core/registry/ports.ts';
import { environmentTag } from '../../core/registry/version.ts';
import type { Caller, HttpCall } from '../kit/http.ts';
import { environments } from '../kit/state.ts';
import { standingsNow } from '../lifecycle/standing-now.ts';
import { withinTime } from './within-time.ts';

export interface Draft {
  plan: Plan;
  version: ResolvedVersion;
  environment: EnvironmentRecord | undefined;
  /** Where the version is in its life, and the one that the target environment runs. */
  standing: VersionStanding;
  currentStanding: VersionStanding | undefined;
}

/** Refuses an environment or artifact that does not exist for the caller: another tenant's is as unknown as none. */
export function requireArtifact(configuration: Configuration, caller: Caller, environment: string, name: string): ArtifactConfiguration {
  if (!Object.hasOwn(configuration.environments, environment)) throw new Refusal('NOT_FOUND', 'there is no such environment');
  const artifact = artifactOf(configuration, name);
  if (!artifact || !belongsToTenant(caller.membership, artifact.tenant)) {
    throw new Refusal('NOT_FOUND', 'there is no such artifact', { hint: 'check the name, and that your tenant owns it' });
  }
  if (!mayUse(caller.membership, 'request', artifact.tenant, environment))
    throw new Refusal('FORBIDDEN', 'your roles do not include the verb "request"');
  return artifact;
}

/** Finds the artifact that an unchecked body names; undefined when it names none: the schema says so later. Refusals: NOT_FOUND, FORBIDDEN. */
export async function findArtifact(call: HttpCall<unknown, unknown>): Promise<ArtifactConfiguration | undefined> {
  const target = (call.body as { target?: { name?: unknown } } | null | undefined)?.target;
  if (typeof target?.name !== 'string') return undefined;
  return requireArtifact(call.configuration, call.caller, call.params['env']!, target.name);
}

/** Resolves the version, reads what environments and target registries hold, and makes the plan for `requesterKey`. */
export async function draftPlan(
  call: Pick<HttpCall<RequestBody>, 'configuration' | 'params' | 'body'>,
  registries: RegistryReader,
  requesterKey: string,
): Promise<Draft> {
  const { configuration, body } = call;
  const target = call.params['env']!;
  const { from, to } = routeOf(configuration, target, body.target);
  const source = configuration.registries[configuration.environments[from]!.registries[0]!]!;
  const version = await registries.resolve(source, body.target.name, body.target.version, configuration.path, from);
  if (!version) {
    throw new Refusal('NOT_FOUND', `${body.target.name} has no version ${body.target.version} in ${from}`, {
      hint: 'publish it first, or check how the tag is spelled in the source registry',
    });
  }
  const [standings, evidence, environment, repaired] = await Promise.all([
    standingsNow(body.target.name),
    environments.evidence(from, body.target.name, version.digest),
    environments.get(to, body.target.name),
    body.kind === 'repair' ? environments.evidence(to, body.target.name, version.digest) : undefined,
  ]);
  // A repair by digest keeps the tags that the promotion wrote.
  const named = repaired ? { ...version, releaseVersion: repaired.version } : version;
  const standing = standings(named.releaseVersion, named.digest);
  // A repair brings nothing to an environment that is not there.
  if (body.kind !== 'repair') {
    const { blockEol } = configuration.lifecycle.support;
    refuseUnusable({ artifact: body.target.name, version: named.releaseVersion, standing, blockEol });
  }
  const plan = makePlan({ configuration, body, from, to, version: named, evidence, repaired, environment, requesterKey });
  await refuseTakenTag(plan, configuration, registries);
  const current = environment?.current;
  return { plan, version: named, environment, standing, currentStanding: current && standings(current.version, current.digest) };
}

/** Time for a look at the target registries; what they do not answer in it is found out by the copy. */
const LOOK_MS = 5_000;

/** A release tag says for ever what was promoted once: better to say so now than after everybody has approved. Refusal TAG_IMMUTABLE. */
async function refuseTakenTag(plan: Plan, configuration: Configuration, registries: RegistryReader): Promise<void> {
  if (plan.kind !== 'promote') return;
  const tag = environmentTag(plan.version, plan.to);
  await Promise.all(
    plan.registries.targets.map(async (name) => {
      const looking = registries.digestOf(configuration.registries[name]!, plan.artifact, tag).catch(() => undefined);
      const found = await withinTime(looking, LOOK_MS);
      if (found === undefined || found === plan.digest) return;
      throw new Refusal('TAG_IMMUTABLE', `tag ${tag} in registry ${name} names ${found} already, and is never moved`, {
        hint: 'publish the content under a new version, then promote that',
      });
    }),
  );
}
