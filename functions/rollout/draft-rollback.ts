/** From the body of a rollback to its plan and its impact: the same path for preview and request, by reading only. */
import type * as z from 'zod';
import { consumerRows } from '../../adapters/rollout/consumer-rows.ts';
import { belongsToTenant, mayUse } from '../../core/access/membership.ts';
import {
  type ArtifactConfiguration,
  artifactOf,
  type Configuration,
  type EnvironmentConfiguration,
  type RegistryConfiguration,
} from '../../core/environment/configuration.ts';
import type { EnvironmentHistoryEntry, EnvironmentRecord } from '../../core/environment/environment.ts';
import { heldVersion } from '../../core/environment/held.ts';
import { Fault, messageOf, Refusal } from '../../core/errors.ts';
import { lifecycleWarnings, refuseUnusable } from '../../core/lifecycle/use.ts';
import { makeRollback } from '../../core/promotion/make-rollback.ts';
import type { Plan } from '../../core/promotion/plan.ts';
import type { PromotionSpec } from '../../core/promotion/promotion.ts';
import type { RegistryReader } from '../../core/registry/ports.ts';
import { viewOf } from '../../core/rollout/cluster-view.ts';
import { consumersOf, usersOf } from '../../core/rollout/consumer.ts';
import { type ImpactReport, impactOf, type Migration } from '../../core/rollout/impact.ts';
import { migrationsOf } from '../../core/rollout/migrations.ts';
import { rollbackTarget, undoneVersions } from '../../core/rollout/rollback-target.ts';
import type { HttpCall } from '../kit/http.ts';
import { clock, environments, promotions, table } from '../kit/state.ts';
import { standingNow } from '../lifecycle/standing-now.ts';
import type { rollbackBody, rollbackPreviewBody } from '../rollout/routes.ts';

export type RollbackBody = z.infer<typeof rollbackBody>;
export type RollbackPreviewBody = z.infer<typeof rollbackPreviewBody>;

/** What a draft needs of a call, so that the watch can ask for one too. */
export interface RollbackAsk extends Pick<HttpCall<RollbackPreviewBody>, 'body' | 'configuration' | 'origin' | 'params'> {
  caller: { actor: { key: string } };
  automatic?: true;
}

export interface RollbackDraft {
  plan: Plan;
  spec: PromotionSpec;
  impact: ImpactReport;
  target: EnvironmentHistoryEntry;
  record: EnvironmentRecord;
  /** What should be known of the version that comes back. */
  lifecycle: string[];
}

const consumers = consumerRows(table, clock);

/** Images whose declarations are read: who jumps over more versions than that is told so. */
const MOST_IMAGES = 10;

/** The artifact of an unchecked body; undefined when it names none: the schema says so later. Refusals: NOT_FOUND, FORBIDDEN. */
export async function findRollback(call: HttpCall<unknown, unknown>): Promise<ArtifactConfiguration | undefined> {
  const name = (call.body as { artifact?: unknown } | null | undefined)?.artifact;
  if (typeof name !== 'string') return undefined;
  const { configuration, caller } = call;
  const artifact = artifactOf(configuration, name);
  if (!artifact || !belongsToTenant(caller.membership, artifact.tenant)) {
    throw new Refusal('NOT_FOUND', 'there is no such artifact', { hint: 'check the name, and that your tenant owns it' });
  }
  if (!mayUse(caller.membership, 'rollback', artifact.tenant, call.params['env']!))
    throw new Refusal('FORBIDDEN', 'your roles do not include the verb "rollback"');
  return artifact;
}

/** Refusals: those of `rollbackTarget`, and VERSION_REFUSED when the version is not whole in every registry any more, is in quarantine, or is past an end of life that is enforced. */
export async function draftRollback(call: RollbackAsk, registries: RegistryReader): Promise<RollbackDraft> {
  const { body, configuration, caller, origin } = call;
  const environment = configuration.environments[call.params['env']!]!;
  const { artifact } = body;
  const [record, past] = await Promise.all([
    environments.get(environment.name, artifact),
    environments.history(environment.name, artifact),
  ]);
  const names = Object.keys(configuration.environments);
  const { current, target } = rollbackTarget({ environment: environment.name, record, past, ...body, environments: names });
  const standing = await standingNow(artifact, target.version, target.digest);
  const blockEol = configuration.lifecycle.support.blockEol && !call.automatic;
  const use = { artifact, version: target.version, standing, blockEol };
  refuseUnusable(use);
  const places = environment.registries.map((name) => configuration.registries[name]!);
  const [declared, preChecks] = await Promise.all([
    declaredMigrations(registries, places[0]!, artifact, undoneVersions(past, target)),
    claimsOf(target.requestId),
    ...places.map((place) => refuseIncomplete(registries, place, environment.name, artifact, target)),
  ]);
  const impact = impactOf({
    environment: environment.name,
    from: current.version,
    to: target.version,
    ...(await affected(configuration, artifact, environment)),
    ...declared,
    durations: past.flatMap(({ seconds, outcome }) => (seconds === undefined || outcome === 'failed' ? [] : [seconds])),
    targetRolledBackAt: heldVersion(record, target.digest)?.at,
  });
  const facts = {
    configuration,
    artifact,
    environment: environment.name,
    current,
    target,
    reason: body.reason ?? 'not given',
    impact,
    preChecks,
    origin,
  };
  return {
    ...makeRollback({ ...facts, requesterKey: caller.actor.key, automatic: call.automatic }),
    impact,
    target,
    record: record!,
    lifecycle: lifecycleWarnings(artifact, target.version, standing),
  };
}

/** Everything that belongs to the version must still be there: a rollback that finds out half-way helps nobody. */
async function refuseIncomplete(
  registries: RegistryReader,
  place: RegistryConfiguration,
  environment: string,
  artifact: string,
  { version, digest }: EnvironmentHistoryEntry,
): Promise<void> {
  const gone = (why: string) =>
    new Refusal('VERSION_REFUSED', `${version} cannot run again: registry ${place.name} ${why}`, {
      hint: `choose another version, or bring its parts back: greenlight repair ${version} ${environment}`,
    });
  if ((await registries.digestOf(place, artifact, digest)) !== digest) throw gone(`does not have ${digest} any more`);
  try {
    const { missingBlobs } = await registries.estimate(place, place, artifact, digest);
    if (missingBlobs > 0) throw gone(`has lost ${missingBlobs} of its blobs`);
  } catch (error) {
    if (error instanceof Fault && error.code === 'REGISTRY_REFUSED') throw gone(`does not give all of it: ${error.message}`);
    throw error;
  }
}

/** What the versions that are undone declare of stored data. One that cannot be read is said to be unknown, never taken for harmless. */
async function declaredMigrations(
  registries: RegistryReader,
  place: RegistryConfiguration,
  artifact: string,
  undone: readonly EnvironmentHistoryEntry[],
): Promise<{ migrations: Migration[]; undeclared: { version: string; why: string }[] }> {
  const read = await Promise.all(
    undone.slice(0, MOST_IMAGES).map(async ({ version, digest }) => {
      try {
        return { version, ...migrationsOf(version, (await registries.facts(place, artifact, digest)).labels) };
      } catch (error) {
        return { version, why: messageOf(error) };
      }
    }),
  );
  const more = undone.slice(MOST_IMAGES).map(({ version }) => ({ version, why: `only ${MOST_IMAGES} versions are looked at` }));
  return {
    migrations: read.flatMap((each) => ('migrations' in each ? each.migrations : [])),
    undeclared: [...read.flatMap((each) => ('why' in each ? [{ version: each.version, why: each.why }] : [])), ...more],
  };
}

/** What was claimed when the version came there. */
async function claimsOf(requestId: string): Promise<PromotionSpec['preChecks'] | undefined> {
  return (await promotions.texts(requestId))?.spec.preChecks;
}

/** What teams say, and what was seen of the cluster's labels last: this function has no right at any cluster. */
async function affected(configuration: Configuration, artifact: string, { name, cluster }: EnvironmentConfiguration) {
  const { tenant } = artifactOf(configuration, artifact)!;
  const [registered, sight] = await Promise.all([consumers.of(tenant, artifact), consumers.seen(name)]);
  return {
    consumers: usersOf(consumersOf(configuration, registered, artifact), name),
    cluster: viewOf(sight, artifact, cluster !== undefined),
  };
}
