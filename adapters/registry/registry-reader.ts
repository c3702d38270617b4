/** Reads registries: versions, facts about artifacts, and what a copy would move. */
import { Refusal } from '../../core/errors.ts';
import { type Descriptor, DIGEST, platformOf } from '../../core/registry/manifest.ts';
import type { ArtifactFacts, RegistryReader } from '../../core/registry/ports.ts';
import { tagCandidates } from '../../core/registry/version.ts';
import { compareRegistries } from './compare-copy.ts';
import { inParallel } from './in-parallel.ts';
import { missingAt } from './missing-at.ts';
import { openRepository, type ReceivedManifest, type Repository } from './repository.ts';
import { readClosure } from './source-closure.ts';

/** Manifests of an index that are read for its facts. */
const PARALLEL = 6;

export function registryReader(): RegistryReader {
  return {
    async resolve(registry, name, version, environments, source) {
      const repository = await openRepository(registry, name);
      if (DIGEST.test(version)) {
        const digest = await repository.head(version);
        // Not `sha256-…`: those tags belong to cosign and to referrers, and may be moved.
        return digest === version ? { tag: version, releaseVersion: `digest-${version.slice(7, 19)}`, digest } : undefined;
      }
      for (const { tag, releaseVersion } of tagCandidates(version, environments, source)) {
        const digest = await repository.head(tag);
        if (digest === undefined) continue;
        refuseReserved(tag, releaseVersion);
        return { tag, releaseVersion, digest };
      }
      return undefined;
    },
    async digestOf(registry, name, tag) {
      return (await openRepository(registry, name)).head(tag);
    },
    async facts(registry, name, digest) {
      return factsOf(await openRepository(registry, name), digest);
    },
    compare: compareRegistries,
    async estimate(source, target, name, digest) {
      const [from, to] = await Promise.all([openRepository(source, name), openRepository(target, name)]);
      const closure = await readClosure(from, digest);
      const missing = await missingAt(to, closure);
      return {
        blobs: closure.blobs.size,
        bytes: sum(closure.blobs.values()),
        missingBlobs: missing.blobs.size,
        missingBytes: sum(missing.blobs.values()),
      };
    },
  };
}

/** Tags that the engine moves, or that cosign and the referrers fallback use, are no versions: `latest-prod` would collide with the engine's own. */
function refuseReserved(tag: string, releaseVersion: string): void {
  const isReserved =
    releaseVersion === 'latest' || /^sha256-[a-f0-9]{64}(?:$|\.)/.test(releaseVersion) || /^v?latest$/.test(releaseVersion);
  if (!isReserved) return;
  throw new Refusal('VERSION_REFUSED', `${tag} is a moving tag, not a version`, {
    hint: 'name the version, for example 2.1.0, or a digest',
  });
}

async function factsOf(repository: Repository, digest: string): Promise<ArtifactFacts> {
  const top = await requireManifest(repository, digest);
  const images: { received: ReceivedManifest; platform: string | undefined }[] = [];
  if (top.manifest.kind === 'image') images.push({ received: top, platform: undefined });
  const listed = top.manifest.children.filter((child) => !isAttestation(child));
  await inParallel(listed.entries(), PARALLEL, async ([index, child]) => {
    images[index] = { received: await requireManifest(repository, child.digest), platform: child.platform };
  });
  const first = images[0]?.received.manifest;
  const config = first?.config ? readConfig(await repository.blob(first.config.digest)) : {};
  const blobs = images.flatMap(({ received: { manifest } }) => [...(manifest.config ? [manifest.config] : []), ...manifest.layers]);
  const sizes = new Map(blobs.map((blob) => [blob.digest, blob.size]));
  const platforms = images.map(({ platform }, index) => platform ?? (index === 0 ? config.platform : undefined));
  return {
    digest,
    mediaType: top.manifest.mediaType,
    labels: { ...config.labels },
    ...(config.created === undefined ? {} : { created: config.created }),
    platforms: platforms.filter((platform): platform is string => platform !== undefined),
    sizeBytes: sum(sizes.values()),
  };
}

/** BuildKit lists provenance as an image for the platform `unknown/unknown`. */
function isAttestation(child: Descriptor): boolean {
  return child.platform === 'unknown/unknown' || child.annotations?.['vnd.docker.reference.type'] === 'attestation-manifest';
}

/** Labels and dates of an image config. Whoever builds the image writes them; a config of another kind has none. */
function readConfig(bytes: Buffer): { labels?: Record<string, string>; created?: string; platform?: string } {
  try {
    const body = JSON.parse(bytes.toString('utf8')) as { created?: unknown; config?: { Labels?: Record<string, unknown> | null } };
    const labels = Object.entries(body.config?.Labels ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    const platform = platformOf(body);
    return {
      labels: Object.fromEntries(labels),
      ...(typeof body.created === 'string' ? { created: body.created } : {}),
      ...(platform === undefined ? {} : { platform }),
    };
  } catch {
    return {};
  }
}

async function requireManifest(repository: Repository, digest: string): Promise<ReceivedManifest> {
  const received = await repository.manifest(digest);
  if (!received) throw new Refusal('NOT_FOUND', `the registry does not have ${digest} any more`, { hint: 'publish the artifact again' });
  return received;
}

function sum(sizes: Iterable<number>): number {
  let total = 0;
  for (const size of sizes) total += size;
  return total;
}
