/** What registries hold of artifacts and what of it is used, read now: the facts of every plan and of every look at it again. */
import { artifactOf, type Configuration, type EnvironmentConfiguration } from '../../core/environment/configuration.ts';
import type { EnvironmentStore } from '../../core/environment/ports.ts';
import { versionsToKeep } from '../../core/environment/watch.ts';
import { messageOf } from '../../core/errors.ts';
import type { PromotionStore } from '../../core/promotion/ports.ts';
import { artifactName } from '../../core/promotion/request-body.ts';
import { FLAG } from '../../core/retention/columns.ts';
import type { ArtifactInventory } from '../../core/retention/inventory.ts';
import type { RegistryImages } from '../../core/retention/ports.ts';
import { digestOf, runningDigest } from '../../core/rollout/image.ts';
import type { ConnectCluster } from '../../core/rollout/ports.ts';
import { hasRun } from '../../core/rollout/rollback-target.ts';
import { imageOf } from '../../core/rollout/workload.ts';

export interface InventoryWorld {
  configuration: Configuration;
  images: RegistryImages;
  environments: Pick<EnvironmentStore, 'get' | 'history'>;
  promotions: Pick<PromotionStore, 'listOpen'>;
  connect: ConnectCluster;
}

export interface Scope {
  tenants: readonly string[];
  /** Only this one. */
  artifact?: string;
}

const PAGE = 100;

export async function readInventory(world: InventoryWorld, scope: Scope): Promise<ArtifactInventory[]> {
  const pending = await pendingDigests(world, scope.tenants);
  const names = scope.artifact === undefined ? await namesOf(world) : [scope.artifact];
  const found: ArtifactInventory[] = [];
  for (const artifact of names) {
    const entry = artifactOf(world.configuration, artifact);
    if (!entry || !scope.tenants.includes(entry.tenant)) continue;
    found.push(await readOne(world, artifact, entry.tenant, entry.versionScheme ?? 'semver', pending));
  }
  return found;
}

/** Those that the configuration names; where it knows the others too, every repository. */
async function namesOf({ configuration, images }: InventoryWorld): Promise<string[]> {
  const named = Object.keys(configuration.artifacts).filter((name) => name !== '*');
  if (!Object.hasOwn(configuration.artifacts, '*')) return named;
  const listed = await Promise.all(registriesOf(configuration).map((name) => images.repositories(configuration.registries[name]!)));
  return [...new Set([...named, ...listed.flat()])].filter((name) => artifactName.safeParse(name).success).sort();
}

/** Every registry that holds something of an environment. */
export function registriesOf({ environments }: Configuration): string[] {
  return [...new Set(Object.values(environments).flatMap(({ registries }) => registries))];
}

/** Digests of requests that are not over, by artifact: also those that are older than the pins. */
async function pendingDigests({ promotions }: InventoryWorld, tenants: readonly string[]): Promise<Map<string, Set<string>>> {
  const found = new Map<string, Set<string>>();
  let after: string | undefined;
  do {
    const page = await promotions.listOpen({ tenants, limit: PAGE, ...(after === undefined ? {} : { after }) });
    for (const { artifact, digest } of page.items) found.set(artifact, (found.get(artifact) ?? new Set()).add(digest));
    after = page.after;
  } while (after !== undefined);
  return found;
}

async function readOne(
  world: InventoryWorld,
  artifact: string,
  tenant: string,
  scheme: ArtifactInventory['scheme'],
  pending: ReadonlyMap<string, Set<string>>,
): Promise<ArtifactInventory> {
  const { configuration, images } = world;
  const uses = new Map<string, number>();
  const use = (digest: string | undefined, flag: number) => {
    if (digest !== undefined) uses.set(digest, (uses.get(digest) ?? 0) | flag);
  };
  for (const digest of pending.get(artifact) ?? []) use(digest, FLAG.pending);
  const registries: ArtifactInventory['registries'] = [];
  try {
    for (const environment of Object.values(configuration.environments)) await readUses(world, environment, artifact, use);
    for (const name of registriesOf(configuration)) {
      const registry = configuration.registries[name]!;
      const stored = await images.stored(registry, artifact);
      // What cannot be deleted there is not deleted elsewhere either: a registry would keep half of a release.
      registries.push({
        name,
        images: images.mayDelete(registry) ? stored : stored.map((image) => ({ ...image, unreadable: true as const })),
      });
    }
    return { artifact, tenant, scheme, registries, uses };
  } catch (error) {
    // What uses it, or where it is, is not known: nothing of it goes.
    return { artifact, tenant, scheme, registries, uses, unavailable: messageOf(error) };
  }
}

type Use = (digest: string | undefined, flag: number) => void;

async function readUses(world: InventoryWorld, environment: EnvironmentConfiguration, artifact: string, use: Use): Promise<void> {
  const { configuration, environments } = world;
  const [record, past] = await Promise.all([
    environments.get(environment.name, artifact),
    environments.history(environment.name, artifact),
  ]);
  use(record?.current?.digest, FLAG.inUse);
  use(record?.previous?.digest, FLAG.rollback);
  const ways = new Set(past.filter(hasRun).map(({ digest }) => digest));
  ways.delete(record?.current?.digest ?? '');
  for (const digest of [...ways].slice(0, configuration.retention?.keepRollbacks ?? ways.size)) use(digest, FLAG.rollback);
  // The way back that the watch proves, however many versions that were taken back are newer.
  const wayBack = record && versionsToKeep(record, past).find(({ purpose }) => purpose === 'previous');
  use(wayBack?.digest, FLAG.rollback);
  const workload = configuration.artifacts[artifact]?.workload;
  const cluster = environment.cluster === undefined ? undefined : configuration.clusters[environment.cluster];
  if (!workload || !cluster) return;
  // Somebody may run what was never promoted: the cluster is asked too, and one that does not answer keeps everything.
  const api = await world.connect(cluster);
  for (const kind of ['stable', 'canary']) {
    const deployment = await api.deployment(environment.namespace, `${workload.name}-${kind}`);
    use(digestOf(imageOf(deployment, workload.container) ?? ''), FLAG.inUse);
    const pods = await api.pods(environment.namespace, deployment.spec.selector.matchLabels ?? {});
    for (const { name, imageID } of pods.flatMap((pod) => pod.status?.containerStatuses ?? []))
      if (name === workload.container) use(runningDigest(imageID), FLAG.inUse);
  }
}
