/** What a target lacks of a closure. */
import { Fault } from '../../core/errors.ts';
import { inParallel } from './in-parallel.ts';
import type { Repository } from './repository.ts';
import type { Closure, ClosureManifest } from './source-closure.ts';

const REQUESTS_AT_ONCE = 8;

export interface Missing {
  manifests: Set<string>;
  blobs: Map<string, number>;
}

/**
 * What it has under a digest must be the same, else the fault DIGEST_MISMATCH. With `mounts`, blobs of manifests that are missing count as missing
 * unasked: to mount one costs no more than to ask for it.
 */
export async function missingAt(target: Repository, closure: Closure, mounts = false): Promise<Missing> {
  const missing: Missing = { manifests: new Set(), blobs: new Map() };
  await inParallel(closure.manifests.values(), REQUESTS_AT_ONCE, async (entry) => {
    if (!(await isAt(target, entry))) missing.manifests.add(entry.digest);
  });
  const asked = mounts ? blobsOf(closure, missing.manifests) : undefined;
  await inParallel(closure.blobs, REQUESTS_AT_ONCE, async ([digest, size]) => {
    const found = asked && !asked.has(digest) ? undefined : await target.blobSize(digest);
    if (found === undefined) missing.blobs.set(digest, size);
    else if (found !== size) throw mismatch(digest, `has ${found} bytes there instead of ${size}`);
  });
  return missing;
}

/** Blobs that a manifest names which is not among `missing`. */
function blobsOf(closure: Closure, missing: ReadonlySet<string>): Set<string> {
  const present = [...closure.manifests.values()].filter(({ digest }) => !missing.has(digest));
  return new Set(
    present.flatMap(({ manifest }) => [...(manifest.config ? [manifest.config] : []), ...manifest.layers].map(({ digest }) => digest)),
  );
}

async function isAt(target: Repository, entry: ClosureManifest): Promise<boolean> {
  const found = await target.manifest(entry.digest);
  if (found && !found.bytes.equals(entry.bytes)) throw mismatch(entry.digest, 'has other bytes there');
  return found !== undefined;
}

function mismatch(digest: string, why: string): Fault {
  return new Fault('DIGEST_MISMATCH', `${digest} ${why}: the target registry is not as it should be`, {
    hint: 'nothing was tagged; check the target registry, then retry',
  });
}
