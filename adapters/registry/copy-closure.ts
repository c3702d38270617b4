/**
 * Brings a closure to the target, children first. Everything that is there already stays: a repetition sends nothing twice. What the target says of it
 * is read back by compare-copy.ts, apart from the copy: by then it has had to stay.
 */
import { type Content, closureRoot } from '../../core/registry/closure-root.ts';
import { OCI_INDEX } from '../../core/registry/manifest.ts';
import type { CopyProgress } from '../../core/registry/ports.ts';
import { areNeighbours, type CopyPass, copyBlob } from './copy-blob.ts';
import { inParallel } from './in-parallel.ts';
import { type Missing, missingAt } from './missing-at.ts';
import { fallbackTag, type ReceivedManifest, type Repository } from './repository.ts';
import { type Closure, type ClosureManifest, inPushOrder } from './source-closure.ts';

/** More at once makes no copy faster once two cores are busy. */
const BLOBS_AT_ONCE = 4;

/**
 * When the pass is late, the copy stops at the next blob, or part of a large one, and answers `done: false`. Something is sent in every pass, however
 * short: a copy that only reads what is missing would never end.
 */
export async function copyClosure(source: Repository, target: Repository, closure: Closure, limits: CopyPass): Promise<CopyProgress> {
  let hasBegun = false;
  let hasSent = false;
  const pass: CopyPass = {
    ...limits,
    isLate: () => hasSent && limits.isLate(),
    sent: () => {
      hasSent = true;
    },
  };
  const missing = await missingAt(target, closure, areNeighbours(source, target));
  // The biggest first: a long transfer that begins last would outlive the deadline alone.
  const blobs = [...missing.blobs].sort((left, right) => right[1] - left[1]);
  let copiedBytes = 0;
  let late = false;
  await inParallel(blobs, BLOBS_AT_ONCE, async ([digest, size]) => {
    late ||= hasBegun && limits.isLate();
    if (late) return;
    hasBegun = true;
    const { sent, done } = await copyBlob(source, target, digest, size, pass);
    hasSent = true;
    copiedBytes += sent;
    late ||= !done;
  });
  if (late) return { done: false, copiedBytes };
  const listed = new Set<string>();
  for (const entry of inPushOrder(closure)) {
    if (missing.manifests.has(entry.digest) && (await pushManifest(target, entry))) listed.add(entry.digest);
  }
  await listReferrers(target, closure, listed);
  await writeCosignTags(target, closure, missing);
  const contents = contentsOf(closure);
  return {
    done: true,
    closureRoot: closureRoot(contents),
    manifests: closure.manifests.size,
    blobs: closure.blobs.size,
    copiedBytes,
  };
}

/**
 * A manifest that a cosign tag names is written under that tag, which writes it under its digest too. Answers whether the target will list it as a
 * referrer by itself.
 */
async function pushManifest(target: Repository, entry: ClosureManifest): Promise<boolean> {
  const { subjectKnown } = await target.putManifest(entry.tags[0] ?? entry.digest, entry.bytes, entry.manifest.mediaType);
  return subjectKnown;
}

/**
 * Registries without a referrers API find referrers by an index under a tag, which its writers keep. `known` are those that the target lists by itself.
 * All others are looked for, written now or not: a copy may have ended between the two.
 */
async function listReferrers(target: Repository, closure: Closure, known: ReadonlySet<string>): Promise<void> {
  for (const [subject, entries] of referrersBySubject(closure)) {
    if (entries.every(({ digest }) => known.has(digest))) continue;
    const present = await target.referrerList(subject);
    const listed = new Set(present.listed.map(({ digest }) => digest));
    if (present.hasApi || entries.every(({ digest }) => listed.has(digest))) continue;
    const index = closure.fallbacks.get(subject);
    const bytes = index && mayReplace(index, listed, closure) ? index.bytes : indexOf(present.fallback, entries, listed);
    await target.putManifest(fallbackTag(subject), bytes, OCI_INDEX);
  }
}

function referrersBySubject(closure: Closure): Map<string, ClosureManifest[]> {
  const bySubject = new Map<string, ClosureManifest[]>();
  for (const entry of closure.manifests.values()) {
    const subject = entry.manifest.subject?.digest;
    if (subject !== undefined && closure.manifests.has(subject)) bySubject.set(subject, [...(bySubject.get(subject) ?? []), entry]);
  }
  return bySubject;
}

/** The source's own index stays as it is when it lists only what was copied, and all that the target lists already. */
function mayReplace(index: ReceivedManifest, listed: ReadonlySet<string>, closure: Closure): boolean {
  const digests = new Set(index.manifest.children.map(({ digest }) => digest));
  const isOci = index.manifest.mediaType === OCI_INDEX;
  return isOci && [...digests].every((digest) => closure.manifests.has(digest)) && [...listed].every((digest) => digests.has(digest));
}

/** What the target lists, and behind it what it does not. */
function indexOf(present: ReceivedManifest | undefined, entries: readonly ClosureManifest[], listed: ReadonlySet<string>): Buffer {
  const before = present ? (JSON.parse(present.bytes.toString('utf8')) as { manifests: object[] }).manifests : [];
  const added = entries
    .filter(({ digest }) => !listed.has(digest))
    .map(({ manifest: { mediaType, artifactType, annotations }, digest, bytes }) => ({
      mediaType,
      digest,
      size: bytes.length,
      ...(artifactType === undefined ? {} : { artifactType }),
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    }));
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [...before, ...added] }));
}

/** Cosign finds its signatures by tag. A tag that names another manifest already is moved: cosign itself rewrites it for each signature. */
async function writeCosignTags(target: Repository, closure: Closure, missing: Missing): Promise<void> {
  for (const entry of closure.manifests.values()) {
    // The first tag of what was missing is written with it.
    for (const tag of missing.manifests.has(entry.digest) ? entry.tags.slice(1) : entry.tags) {
      if ((await target.head(tag)) === entry.digest) continue;
      await target.putManifest(tag, entry.bytes, entry.manifest.mediaType);
    }
  }
}

function contentsOf(closure: Closure): Content[] {
  return [
    ...[...closure.manifests.values()].map(({ digest, bytes }) => ({ digest, size: bytes.length })),
    ...[...closure.blobs].map(([digest, size]) => ({ digest, size })),
  ];
}
