/** Reads what runs in every environment that has no record of an artifact yet, and records it. */
import type { ConsumerRows } from '../../adapters/rollout/consumer-rows.ts';
import type {
  ArtifactConfiguration,
  Configuration,
  EnvironmentConfiguration,
  WorkloadConfiguration,
} from '../../core/environment/configuration.ts';
import type { EnvironmentStore } from '../../core/environment/ports.ts';
import { messageOf } from '../../core/errors.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import { withoutEnvironment } from '../../core/registry/version.ts';
import { CONSUMES_LABEL, isDue, sightOf } from '../../core/rollout/cluster-view.ts';
import { digestOf, runningDigest, tagOf } from '../../core/rollout/image.ts';
import type { Cluster, ConnectCluster } from '../../core/rollout/ports.ts';
import { imageOf, isReady, type Pod } from '../../core/rollout/workload.ts';
import { log } from '../kit/log.ts';

export interface AdoptionWorld {
  consumers: Pick<ConsumerRows, 'seen' | 'see'>;
  configuration(): Promise<Configuration>;
  environments: Pick<EnvironmentStore, 'get' | 'adopt'>;
  clock: Clock;
  connect: ConnectCluster;
}

/** What was recorded, and what could not be: the next call tries those again. */
export interface Adoption {
  adopted: string[];
  /** Environments whose labels were read. */
  looked: string[];
  skipped: { what: string; why: string }[];
}

/** Where a team writes the version that a Deployment runs. Read only; we never trust it for a digest. */
const VERSION_ANNOTATION = 'greenlight.dev/version';
/** A version as it may stand in a tag. The annotation is written by whoever may edit the Deployment. */
const VERSION = /^[\w][\w.-]{0,127}$/;

/** All environments and artifacts with a workload. One that cannot be read does not keep the others from being recorded. */
export async function adoptAll(world: AdoptionWorld): Promise<Adoption> {
  const configuration = await world.configuration();
  const result: Adoption = { adopted: [], looked: [], skipped: [] };
  for (const environment of Object.values(configuration.environments)) {
    if (await lookForConsumers(world, configuration, environment)) result.looked.push(environment.name);
    for (const artifact of Object.values(configuration.artifacts)) {
      if (environment.cluster === undefined || !artifact.workload) continue;
      const what = `${environment.name}/${artifact.name}`;
      try {
        if (await adoptOne(world, configuration, environment, artifact, artifact.workload)) result.adopted.push(what);
      } catch (error) {
        log.warn('not adopted', { what, error });
        result.skipped.push({ what, why: messageOf(error) });
      }
    }
  }
  return result;
}

/** Reads the labels of who builds on what, once an hour. What cannot be read is remembered with its reason: a report says so. */
async function lookForConsumers(
  world: AdoptionWorld,
  configuration: Configuration,
  environment: EnvironmentConfiguration,
): Promise<boolean> {
  const now = world.clock.now();
  if (environment.cluster === undefined || !isDue(await world.consumers.seen(environment.name), now)) return false;
  const at = now.toISOString();
  try {
    const cluster = await world.connect(configuration.clusters[environment.cluster]!);
    await world.consumers.see(environment.name, sightOf(await cluster.labelled(environment.namespace, CONSUMES_LABEL), at));
    return true;
  } catch (error) {
    log.warn('labels not read', { environment: environment.name, error });
    await world.consumers.see(environment.name, { at, unread: messageOf(error).slice(0, 300) });
    return false;
  }
}

async function adoptOne(
  world: AdoptionWorld,
  configuration: Configuration,
  environment: EnvironmentConfiguration,
  artifact: ArtifactConfiguration,
  workload: WorkloadConfiguration,
): Promise<boolean> {
  if (await world.environments.get(environment.name, artifact.name)) return false;
  const cluster = await world.connect(configuration.clusters[environment.cluster!]!);
  const running = await runningVersion(cluster, environment.namespace, workload);
  const at = world.clock.now().toISOString();
  const version = withoutEnvironment(running.version, Object.keys(configuration.environments));
  return world.environments.adopt(environment.name, artifact.name, artifact.tenant, { ...running, version, requestId: 'adopted', at });
}

/** Digest and version of the stable Deployment. Throws when it does not run one digest and nothing else. */
async function runningVersion(
  cluster: Cluster,
  namespace: string,
  workload: WorkloadConfiguration,
): Promise<{ version: string; digest: string }> {
  const deployment = await cluster.deployment(namespace, `${workload.name}-stable`);
  const image = imageOf(deployment, workload.container);
  if (image === undefined) throw new Error(`Deployment ${workload.name}-stable has no container ${workload.container}`);
  const pods = await cluster.pods(namespace, deployment.spec.selector.matchLabels ?? {});
  const digest = digestOf(image) ?? oneDigest(pods, workload.container);
  const noted = deployment.metadata.annotations?.[VERSION_ANNOTATION];
  const version =
    noted !== undefined && VERSION.test(noted) ? noted : (tagOf(image) ?? digest.slice('sha256:'.length, 'sha256:'.length + 12));
  return { version, digest };
}

function oneDigest(pods: readonly Pod[], container: string): string {
  const digests = pods
    .filter(isReady)
    .flatMap((pod) => pod.status?.containerStatuses ?? [])
    .flatMap(({ name, imageID }) => (name === container ? [runningDigest(imageID)] : []));
  const [first, ...others] = [...new Set(digests)];
  if (first === undefined || others.length > 0) throw new Error('its pods do not run one digest yet');
  return first;
}
