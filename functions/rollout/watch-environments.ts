/** Looks at every environment between promotions: does it run what was promoted, and can it go back? Alerts once when the answer turns bad. */
import type { WatchRows } from '../../adapters/environment/watch-rows.ts';
import type { Configuration, EnvironmentConfiguration, RegistryConfiguration } from '../../core/environment/configuration.ts';
import type { EnvironmentRecord } from '../../core/environment/environment.ts';
import type { EnvironmentStore } from '../../core/environment/ports.ts';
import {
  alertsOf,
  type Drift,
  driftOf,
  type RegistryProof,
  versionsToKeep,
  type Watch,
  type WatchAlert,
  type WayBack,
  wayBackOf,
} from '../../core/environment/watch.ts';
import { messageOf } from '../../core/errors.ts';
import type { SignatureGate } from '../../core/gate/definition.ts';
import type { Clock, PromotionStore } from '../../core/promotion/ports.ts';
import { digestOf, runningDigest } from '../../core/rollout/image.ts';
import type { ConnectCluster } from '../../core/rollout/ports.ts';
import { canaryShare, routeSplitOf } from '../../core/rollout/route.ts';
import { imageOf, isReady, wantedReplicas } from '../../core/rollout/workload.ts';
import { knownArtifacts } from '../environment/known-artifacts.ts';
import { log } from '../kit/log.ts';

export interface WatchWorld {
  configuration(): Promise<Configuration>;
  environments: Pick<EnvironmentStore, 'get' | 'history'>;
  promotions: Pick<PromotionStore, 'list'>;
  watches: WatchRows;
  clock: Clock;
  connect: ConnectCluster;
  /** What a registry lacks of a digest, in words. */
  lackOf(registry: RegistryConfiguration, artifact: string, digest: string): Promise<string | undefined>;
  /** Why the signature of the digest at that registry does not satisfy the gate; undefined when it does. */
  unsigned(gate: SignatureGate, registry: RegistryConfiguration, artifact: string, digest: string): Promise<string | undefined>;
  /** Why nobody may bring the version anywhere: quarantine, or an end of life that is enforced. */
  refused(artifact: string, version: string, digest: string): Promise<string | undefined>;
  alert(alert: WatchAlert, where: { environment: string; artifact: string }): Promise<void>;
}

/** A look costs registries and clusters a few requests per artifact: often enough to know before the next promotion does. */
const EVERY_MS = 15 * 60_000;
/** Entries of the past among which the version before is searched. */
const PAST = 50;

/** All artifacts that the configuration names, and what recent promotions brought under `"*"`. A place that cannot be looked at keeps no other from its look. */
export async function watchAll(world: WatchWorld): Promise<{ watched: string[] }> {
  const configuration = await world.configuration();
  const watched: string[] = [];
  for (const environment of Object.values(configuration.environments)) {
    for (const artifact of await knownArtifacts(world.promotions, configuration, environment.name)) {
      const where = `${environment.name}/${artifact}`;
      try {
        if (await watchOne(world, configuration, environment, artifact)) watched.push(where);
      } catch (error) {
        log.warn('not watched', { where, error });
      }
    }
  }
  return { watched };
}

async function watchOne(
  world: WatchWorld,
  configuration: Configuration,
  environment: EnvironmentConfiguration,
  artifact: string,
): Promise<boolean> {
  const now = world.clock.now();
  const before = await world.watches.get(environment.name, artifact);
  if (before && now.getTime() - Date.parse(before.checkedAt) < EVERY_MS) return false;
  const record = await world.environments.get(environment.name, artifact);
  if (!record?.current) return false;
  const history = await world.environments.history(environment.name, artifact, PAST);
  const checkedAt = now.toISOString();
  const waysBack: WayBack[] = [];
  for (const version of versionsToKeep(record, history)) {
    const proofs = await proofsOf(world, configuration, environment, artifact, version.digest);
    // What a rollout that fails restores is asked of nobody: it ran a moment ago.
    const isAsked = version.purpose === 'previous';
    waysBack.push(wayBackOf(version, proofs, isAsked ? await world.refused(artifact, version.version, version.digest) : undefined));
  }
  const lastSeconds = history.find(
    ({ outcome, kind, seconds }) => seconds !== undefined && (outcome === 'rolled_back' || kind === 'rollback'),
  );
  const watch: Watch = {
    checkedAt,
    drift: await lookAtDrift(world, configuration, environment, artifact, record, before?.drift, checkedAt),
    waysBack,
    ...(lastSeconds?.seconds === undefined ? {} : { lastSeconds: lastSeconds.seconds }),
  };
  // The alert first: told twice is better than not at all.
  for (const alert of alertsOf(before, watch, `${environment.name}/${artifact}`)) {
    await world.alert(alert, { environment: environment.name, artifact });
  }
  await world.watches.put(environment.name, artifact, watch);
  return true;
}

async function proofsOf(
  world: WatchWorld,
  configuration: Configuration,
  environment: EnvironmentConfiguration,
  artifact: string,
  digest: string,
): Promise<RegistryProof[]> {
  const gates = environment.gates.flatMap((name) => {
    const gate = configuration.gates[name];
    return gate?.type === 'signature' ? [gate] : [];
  });
  return Promise.all(
    environment.registries.map(async (name): Promise<RegistryProof> => {
      const registry = configuration.registries[name]!;
      try {
        let problem = await world.lackOf(registry, artifact, digest);
        for (const gate of gates) problem ??= await world.unsigned(gate, registry, artifact, digest);
        return { registry: name, ...(problem === undefined ? {} : { problem }) };
      } catch (error) {
        // A registry that does not answer now would not answer a rollback either.
        return { registry: name, problem: messageOf(error) };
      }
    }),
  );
}

async function lookAtDrift(
  world: WatchWorld,
  configuration: Configuration,
  environment: EnvironmentConfiguration,
  artifact: string,
  record: EnvironmentRecord,
  before: Drift | undefined,
  at: string,
): Promise<Drift> {
  const workload = configuration.artifacts[artifact]?.workload;
  const cluster = environment.cluster === undefined ? undefined : configuration.clusters[environment.cluster];
  if (!workload || !cluster) return { status: 'none' };
  // A rollout moves it just now: what runs is what its steps say.
  if (record.holder !== undefined) return before ?? { status: 'unknown', why: 'a promotion changes it just now' };
  try {
    const api = await world.connect(cluster);
    const stable = await api.deployment(environment.namespace, `${workload.name}-stable`);
    const pods = await api.pods(environment.namespace, stable.spec.selector.matchLabels ?? {});
    const wanted = digestOf(imageOf(stable, workload.container) ?? '');
    const running = pods
      .filter(isReady)
      .flatMap((pod) => pod.status?.containerStatuses ?? [])
      .flatMap(({ name, imageID }) => (name === workload.container ? [runningDigest(imageID)] : []))
      .filter((digest): digest is string => digest !== undefined);
    // Without canaries there need be no such Deployment, nor the right to read it. Where there is one, not to see it is not to know.
    const reading = api.deployment(environment.namespace, `${workload.name}-canary`).then(wantedReplicas);
    const canary = await (environment.rollout.strategy === 'canary' ? reading : reading.catch(() => 0));
    const digests = [...new Set([...(wanted === undefined ? [] : [wanted]), ...running])];
    // A route that still sends to the canary is a canary that no promotion owns, whether pods are behind it or not.
    const split = environment.rollout.provider === 'gateway' ? routeSplitOf(workload) : undefined;
    const share = split === undefined ? 0 : canaryShare(await api.httpRoute(environment.namespace, split.route), split);
    return driftOf(record.current!.digest, { running: digests, canary: share === 0 ? canary : Math.max(1, canary) }, before, at);
  } catch (error) {
    return { status: 'unknown', why: messageOf(error) };
  }
}
