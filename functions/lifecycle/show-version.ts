/** Everything that is known of one version: where it is in its life, who uses it, what lies ahead. */
import { consumerRows } from '../../adapters/rollout/consumer-rows.ts';
import { artifactOf, type Configuration } from '../../core/environment/configuration.ts';
import { standingOf, type VersionRecord } from '../../core/lifecycle/lifecycle.ts';
import { milestonesOf, recommendationOf } from '../../core/lifecycle/report.ts';
import { lifecycleWarnings } from '../../core/lifecycle/use.ts';
import { versionsOf } from '../../core/registry/known-version.ts';
import type { ImageList, RegistryReader } from '../../core/registry/ports.ts';
import { versionKey } from '../../core/registry/version.ts';
import { consumersOf, usersOf } from '../../core/rollout/consumer.ts';
import { clock, table } from '../kit/state.ts';
import { noSuchVersion } from '../registry/find-artifact-path.ts';
import { type FoundVersion, findVersion, type Place, placesOf, reachedBy } from '../registry/find-version.ts';
import { lifecycles } from './lifecycles.ts';

const consumers = consumerRows(table, clock);

export interface VersionSources {
  reader: Pick<RegistryReader, 'resolve'>;
  list: ImageList;
}

export interface ShownVersion {
  found: FoundVersion;
  places: Place[];
}

/** Refusal NOT_FOUND. */
export async function requireVersion(
  configuration: Configuration,
  { reader }: VersionSources,
  artifact: string,
  version: string,
): Promise<ShownVersion> {
  const places = await placesOf(configuration, artifact);
  const found = await findVersion(configuration, reader, places, artifact, version);
  if (!found) throw noSuchVersion();
  return { found, places };
}

export async function renderVersion(
  configuration: Configuration,
  { list }: VersionSources,
  artifact: string,
  { found, places }: ShownVersion,
) {
  const { version, digest, registry } = found;
  const { tenant, versionScheme = 'semver' } = artifactOf(configuration, artifact)!;
  const now = clock.now();
  const [records, images, registered] = await Promise.all([
    lifecycles.of(artifact),
    list.images(configuration.registries[registry ?? firstRegistry(configuration)]!, artifact),
    consumers.of(tenant, artifact),
  ]);
  const came = places.flatMap(({ past }) => past.filter((entry) => entry.digest === digest).map(({ at }) => at));
  const createdAt = images.find((image) => image.digest === digest)?.pushedAt ?? came.sort()[0];
  const standing = standingOf({ configuration, artifact, version, digest, records, createdAt, now });
  const { lifecycle, quarantine } = standing;
  const known = consumersOf(configuration, registered, artifact);
  const running = places.filter(({ record }) => record?.current?.digest === digest);
  const users = running.map(({ environment, record }) => ({
    environment,
    since: record!.current!.at,
    consumers: usersOf(known, environment),
  }));
  const products = new Map(users.flatMap((place) => place.consumers.map((consumer) => [consumer.product, consumer])));
  const newer = newestSupported(configuration, artifact, images, records, found, versionScheme, now);
  const entry = entryOf(configuration, records, version);
  return {
    artifact,
    version,
    digest,
    createdAt: createdAt ?? null,
    inRegistry: registry !== undefined,
    lifecycle: {
      status: lifecycle.status,
      declared: lifecycle.declared,
      estimated: lifecycle.estimated,
      deprecationDate: lifecycle.deprecationDate ?? null,
      eolDate: lifecycle.eolDate ?? null,
      replacement: lifecycle.replacement ?? null,
      supportWindow: lifecycle.supportWindow ?? null,
      deprecateBefore: lifecycle.estimated ? configuration.lifecycle.support.deprecateBefore.text : null,
      reason: entry?.reason ?? null,
      changedAt: entry?.at ?? null,
      changedBy: entry?.by ?? null,
    },
    quarantine: quarantine ?? null,
    inUse: {
      environments: users.map(({ environment, since, consumers: using }) => ({
        environment,
        since,
        products: using.map(({ product }) => product),
      })),
      teams: [...new Set([...products.values()].flatMap(({ owner }) => (owner === undefined ? [] : [owner])))],
      products: products.size,
      pipelines: [...products.values()].reduce((sum, { pipelines }) => sum + pipelines.length, 0),
    },
    reached: reachedBy(places, digest),
    milestones: milestonesOf(lifecycle, now.toISOString().slice(0, 10)),
    recommendation: recommendationOf(lifecycle, newer, running.length > 0),
    warnings: lifecycleWarnings(artifact, version, standing),
  };
}

/** Where everything is published. */
function firstRegistry({ path, environments }: Configuration): string {
  return environments[path[0]!]!.registries[0]!;
}

function entryOf({ path }: Configuration, records: readonly VersionRecord[], version: string): VersionRecord['entry'] {
  const key = versionKey(version, path);
  return records.find((record) => versionKey(record.version, path) === key)?.entry;
}

/** The newest version that is supported, not in quarantine, and newer than the one that was found. */
function newestSupported(
  configuration: Configuration,
  artifact: string,
  images: Awaited<ReturnType<ImageList['images']>>,
  records: readonly VersionRecord[],
  { version }: FoundVersion,
  scheme: 'semver' | 'opaque',
  now: Date,
): string | undefined {
  const versions = versionsOf(images, configuration.path, scheme);
  const key = versionKey(version, configuration.path);
  const from = versions.findIndex(({ name }) => versionKey(name.text, configuration.path) === key);
  return versions
    .slice(from + 1)
    .filter(({ name, digest, at }) => {
      const standing = standingOf({ configuration, artifact, version: name.text, digest, records, createdAt: at, now });
      return !name.prerelease && standing.quarantine === undefined && standing.lifecycle.status === 'active';
    })
    .at(-1)?.name.text;
}
