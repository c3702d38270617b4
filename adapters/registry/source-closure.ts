/** Everything that belongs to a digest at its source: children, blobs, referrers, cosign tags, theirs too, within limits. */
import { Fault, Refusal } from '../../core/errors.ts';
import type { Descriptor } from '../../core/registry/manifest.ts';
import { inParallel } from './in-parallel.ts';
import { fallbackTag, type ReceivedManifest, type Repository } from './repository.ts';

export interface ClosureManifest extends ReceivedManifest {
  /** Cosign tags that name it, copied as tags. */
  tags: string[];
  /** Digests that must be at the target before it. */
  needs: string[];
}

export interface Closure {
  /** By digest. */
  manifests: Map<string, ClosureManifest>;
  blobs: Map<string, number>;
  /** Indexes that list referrers at a source without the referrers API, by the digest of the subject. */
  fallbacks: Map<string, ReceivedManifest>;
}

/** A release has tens of manifests; these bounds keep a hostile registry within a second and 32 MiB. */
const DEEPEST = 4;
const MOST_MANIFESTS = 2_000;
const MOST_BLOBS = 20_000;
const MOST_MANIFEST_BYTES = 32 * 1024 * 1024;
const MOST_BLOB_BYTES = 500 * 1024 ** 3;
/** Our own receipts speak of one promotion: they do not travel with the artifact. */
const RECEIPT = 'application/vnd.greenlight.receipt';
const COSIGN_SUFFIXES = ['.sig', '.att', '.sbom'];
const PARALLEL = 6;

/** Reads the closure; refuses what leaves the limits, lacks a part or keeps its layers elsewhere. */
export async function readClosure(source: Repository, digest: string): Promise<Closure> {
  const closure: Closure = { manifests: new Map(), blobs: new Map(), fallbacks: new Map() };
  const tags = await source.fewTags();
  let manifestBytes = 0;
  let blobBytes = 0;

  const addBlob = (blob: Descriptor) => {
    if (blob.urls) {
      throw new Fault('REGISTRY_REFUSED', `layer ${blob.digest} is a foreign layer, kept at an address outside the registry`, {
        hint: 'build the image with distributable layers: foreign layers are never fetched',
      });
    }
    const known = closure.blobs.get(blob.digest);
    if (known !== undefined) {
      if (known !== blob.size) throw new Refusal('AMBIGUOUS_MANIFEST', `${blob.digest} is declared with two sizes`);
      return;
    }
    closure.blobs.set(blob.digest, blob.size);
    blobBytes += blob.size;
    if (closure.blobs.size > MOST_BLOBS) throw new Refusal('LIMIT', `the artifact has more than ${MOST_BLOBS} blobs`);
    if (blobBytes > MOST_BLOB_BYTES) throw new Refusal('LIMIT', `the artifact is larger than ${MOST_BLOB_BYTES} bytes`);
  };

  const add = (received: ReceivedManifest): ClosureManifest => {
    const { manifest } = received;
    const entry = { ...received, tags: [], needs: manifest.children.map((child) => child.digest) };
    closure.manifests.set(received.digest, entry);
    manifestBytes += received.bytes.length;
    if (closure.manifests.size > MOST_MANIFESTS) throw new Refusal('LIMIT', `the artifact has more than ${MOST_MANIFESTS} manifests`);
    if (manifestBytes > MOST_MANIFEST_BYTES) throw new Refusal('LIMIT', `the manifests are larger than ${MOST_MANIFEST_BYTES} bytes`);
    if (manifest.config) addBlob(manifest.config);
    for (const layer of manifest.layers) addBlob(layer);
    return entry;
  };

  const visit = async (reference: string, depth: number, missing: string, known?: ReceivedManifest): Promise<void> => {
    if (closure.manifests.has(reference)) return;
    if (depth > DEEPEST) throw new Refusal('LIMIT', `the artifact is nested deeper than ${DEEPEST} levels`);
    const received = known ?? (await source.manifest(reference));
    if (!received)
      throw new Fault('REGISTRY_REFUSED', `${missing}, but the registry does not have it`, { hint: 'publish the artifact again' });
    if (closure.manifests.has(received.digest)) return;
    const entry = add(received);
    await inParallel(received.manifest.children, PARALLEL, (child) =>
      visit(child.digest, depth + 1, `${received.digest} names ${child.digest}`),
    );
    const { listed, fallback } = await source.referrerList(received.digest, tags);
    if (fallback) closure.fallbacks.set(received.digest, fallback);
    await inParallel(listed, PARALLEL, (referrer) => visitReferrer(received.digest, referrer, depth + 1));
    await visitCosignTags(entry, depth + 1);
  };

  /** The list of referrers is a claim: only a manifest that itself names this subject belongs to it. */
  const visitReferrer = async (subject: string, listed: Descriptor, depth: number): Promise<void> => {
    if (listed.artifactType?.startsWith(RECEIPT)) return;
    const received = closure.manifests.get(listed.digest) ?? (await source.manifest(listed.digest));
    if (!received) throw new Fault('REGISTRY_REFUSED', `${listed.digest} is listed as a referrer, but the registry does not have it`);
    if (received.manifest.subject?.digest !== subject || received.manifest.artifactType?.startsWith(RECEIPT)) return;
    await visit(listed.digest, depth, `${listed.digest} is listed as a referrer`, received);
    closure.manifests.get(listed.digest)?.needs.push(subject);
  };

  const visitCosignTags = async (entry: ClosureManifest, depth: number): Promise<void> => {
    for (const suffix of COSIGN_SUFFIXES) {
      const tag = `${fallbackTag(entry.digest)}${suffix}`;
      if (tags && !tags.has(tag)) continue;
      const received = await source.manifest(tag);
      if (!received) continue;
      await visit(received.digest, depth, `tag ${tag} names ${received.digest}`, received);
      const named = closure.manifests.get(received.digest);
      if (named && !named.tags.includes(tag)) named.tags.push(tag);
    }
  };

  await visit(digest, 0, `the release is ${digest}`);
  return closure;
}

/** Manifests in an order in which everything comes after what it needs. */
export function inPushOrder(closure: Closure): ClosureManifest[] {
  const ordered: ClosureManifest[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const place = (digest: string) => {
    const entry = closure.manifests.get(digest);
    // `open` again: a referrer below an index that refers to it; the registry takes either order then.
    if (!entry || state.has(digest)) return;
    state.set(digest, 'open');
    for (const needed of entry.needs) place(needed);
    state.set(digest, 'done');
    ordered.push(entry);
  };
  for (const digest of closure.manifests.keys()) place(digest);
  return ordered;
}
