/** Reads what a target registry shows of every part of a closure: manifests whole, blobs by size, cosign tags and the lists of referrers. */
import { Fault } from '../../core/errors.ts';
import { type CopyComparison, compareCopy, type Finding, type Part } from '../../core/registry/copy-comparison.ts';
import type { RegistryReader } from '../../core/registry/ports.ts';
import { inParallel } from './in-parallel.ts';
import { openRepository, type Repository } from './repository.ts';
import { type Closure, readClosure } from './source-closure.ts';

const REQUESTS_AT_ONCE = 8;

/** `compare` of the port, by itself for the function that needs nothing else of the reader. */
export const compareRegistries: RegistryReader['compare'] = async (source, target, name, digest) => {
  const [from, to] = await Promise.all([openRepository(source, name), openRepository(target, name)]);
  return compareAt(to, await readClosure(from, digest));
};

/** Fault UNAVAILABLE when the target does not answer; everything else that is wrong with the target is a finding. */
async function compareAt(target: Repository, closure: Closure): Promise<CopyComparison> {
  const parts = partsOf(closure);
  const listed = new Map<string, Promise<Set<string> | undefined>>();
  const findings: (readonly [Part, Finding])[] = [];
  await inParallel(parts.entries(), REQUESTS_AT_ONCE, async ([index, part]) => {
    findings[index] = [part, await findingOf(target, closure, part, listed)];
  });
  return compareCopy(findings);
}

function partsOf(closure: Closure): Part[] {
  const manifests = [...closure.manifests.values()];
  return [
    ...manifests.map(({ digest, bytes }): Part => ({ kind: 'manifest', digest, size: bytes.length })),
    ...[...closure.blobs].map(([digest, size]): Part => ({ kind: 'blob', digest, size })),
    ...manifests.flatMap(({ digest, tags }) => tags.map((tag): Part => ({ kind: 'tag', tag, digest }))),
    ...manifests.flatMap(({ digest, manifest: { subject } }): Part[] =>
      subject && closure.manifests.has(subject.digest) ? [{ kind: 'referrer', subject: subject.digest, digest }] : [],
    ),
  ];
}

async function findingOf(
  target: Repository,
  closure: Closure,
  part: Part,
  listed: Map<string, Promise<Set<string> | undefined>>,
): Promise<Finding> {
  switch (part.kind) {
    case 'manifest': {
      const found = await readable(() => target.manifest(part.digest));
      if (found === 'other') return 'other';
      if (!found) return 'absent';
      return found.bytes.equals(closure.manifests.get(part.digest)!.bytes) ? 'same' : 'other';
    }
    case 'blob': {
      const size = await target.blobSize(part.digest);
      if (size === undefined) return 'absent';
      return size === part.size ? 'same' : 'other';
    }
    case 'tag': {
      const digest = await target.head(part.tag);
      if (digest === undefined) return 'absent';
      return digest === part.digest ? 'same' : 'other';
    }
    case 'referrer': {
      let list = listed.get(part.subject);
      if (!list) {
        list = readable(() => target.referrers(part.subject)).then((found) =>
          found === 'other' ? undefined : new Set(found.map(({ digest }) => digest)),
        );
        listed.set(part.subject, list);
      }
      return (await list)?.has(part.digest) ? 'same' : 'absent';
    }
  }
}

/** A document at the target that is wrong is what was asked for: only a target that does not answer stops the comparison. */
async function readable<Value>(read: () => Promise<Value>): Promise<Value | 'other'> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Fault && (error.retryable || error.code === 'REGISTRY_REFUSED' || error.code === 'FOREIGN_REALM')) throw error;
    return 'other';
  }
}
