/** Writes to registries: copies and tags. */
import type { RegistryConfiguration } from '../../core/environment/configuration.ts';
import { Fault } from '../../core/errors.ts';
import type { RegistryWriter, UploadLedger } from '../../core/registry/ports.ts';
import { attachReferrer } from './attach-referrer.ts';
import { copyClosure } from './copy-closure.ts';
import { openRepository, type ReceivedManifest, type Repository } from './repository.ts';
import { readClosure } from './source-closure.ts';

/** Milliseconds since the epoch by the real clock: `Date` may be virtual, transfers are not. */
export function realNow(): number {
  return performance.timeOrigin + performance.now();
}

export interface CopyOptions {
  /** Larger blobs go in parts; bytes. Default 64 MiB: 1.3 s at 50 MB/s, which a kill may cost, and most layers go in one request. */
  partBytes?: number;
  /** Where uploads of one owner are kept for the next pass or process. */
  uploadsOf?(owner: string): UploadLedger;
}

const PART_BYTES = 64 * 1024 * 1024;
/** Manifests that were copied last, so that tagging them needs no reading: what they hold is what their digest names. */
const recent = new Map<string, ReceivedManifest>();
const MOST_RECENT = 32;

export function registryWriter({ partBytes = PART_BYTES, uploadsOf }: CopyOptions = {}): RegistryWriter {
  return {
    async copy(source, target, name, digest, deadline, owner) {
      const [from, to] = await Promise.all([openRepository(source, name), openRepository(target, name)]);
      const closure = await readClosure(from, digest);
      remember(closure.manifests.get(digest)!);
      const uploads = owner === undefined ? undefined : uploadsOf?.(owner);
      return copyClosure(from, to, closure, { isLate: () => realNow() >= deadline, partBytes, ...(uploads && { uploads }) });
    },
    async tagOnce(registry, name, tag, digest) {
      const repository = await openRepository(registry, name);
      const present = await repository.head(tag);
      if (present === digest) return;
      if (present !== undefined) throw taken(registry, tag, present);
      const manifest = await requireManifest(repository, digest);
      try {
        await repository.putManifest(tag, manifest.bytes, manifest.manifest.mediaType);
      } catch (error) {
        // Somebody may have been faster, and the registry keeps what they wrote.
        const now = error instanceof Fault && !error.retryable ? await repository.head(tag) : undefined;
        if (now === undefined) throw error;
        if (now !== digest) throw taken(registry, tag, now);
      }
      const written = await repository.head(tag);
      if (written !== digest) throw taken(registry, tag, written ?? 'nothing');
    },
    async moveTag(registry, name, tag, digest) {
      const repository = await openRepository(registry, name);
      if ((await repository.head(tag)) === digest) return false;
      const manifest = await requireManifest(repository, digest);
      await repository.putManifest(tag, manifest.bytes, manifest.manifest.mediaType);
      return true;
    },
    async attach(registry, name, digest, document) {
      await attachReferrer(await openRepository(registry, name), digest, document);
    },
  };
}

function remember(manifest: ReceivedManifest): void {
  recent.delete(manifest.digest);
  recent.set(manifest.digest, manifest);
  for (const digest of [...recent.keys()].slice(0, -MOST_RECENT)) recent.delete(digest);
}

async function requireManifest(repository: Repository, digest: string): Promise<ReceivedManifest> {
  const manifest = recent.get(digest) ?? (await repository.manifest(digest));
  if (!manifest) throw new Fault('DIGEST_MISMATCH', `${digest} is not in the registry that is to tag it`, { hint: 'copy it again' });
  return manifest;
}

function taken(registry: RegistryConfiguration, tag: string, digest: string): Fault {
  return new Fault('TAG_IMMUTABLE', `tag ${tag} in registry ${registry.name} names ${digest} and is never moved`, {
    hint: 'publish a new version; a release tag says what was promoted once',
  });
}
