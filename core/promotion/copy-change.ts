/** The changes that record a copy: one after each pass over the registries, one after they were read back. */
import { type CopyComparison, missingLine } from '../registry/copy-comparison.ts';
import { type CopyRecord, requiredAre, withFailure, withRegistry } from '../registry/copy-record.ts';
import type { PromotionChange } from './change.ts';
import { engineChange } from './engine-change.ts';
import type { Promotion } from './promotion.ts';

/** Why a registry did not get or show the artifact: a fault's or refusal's code, and words. */
export interface RegistryFailure {
  code: string;
  message: string;
}

/** What one pass did at a registry: bytes that it sent, and whether everything is there now. */
export type Pass = { bytes: number; done: boolean } | { failure: RegistryFailure };
/** `comparison` is a complete one: what misses a part is a failure. */
export type ReadBack = { comparison: CopyComparison } | { failure: RegistryFailure };

/** Missing parts that a failure names; the rest is a number. */
const NAMED_PARTS = 3;

/** Whether the engine still brings bytes there; afterwards the copy is done and recorded. */
export function isCopying({ copy, step }: Promotion): boolean {
  return copy === undefined || step === 'copying' || step === 'verifying_copy';
}

/** Undefined when the pass changed nothing that is recorded: a registry that stays away is recorded once, not with each try. */
export function recordPass(promotion: Promotion, record: CopyRecord, passes: ReadonlyMap<string, Pass>): PromotionChange | undefined {
  let next = record;
  for (const [name, pass] of passes) {
    if ('failure' in pass) next = withFailure(next, name, pass.failure);
    else {
      const before = next.registries.find((entry) => entry.name === name)!;
      next = withRegistry(next, name, { bytes: before.bytes + pass.bytes, status: pass.done ? 'copied' : 'pending' });
    }
  }
  const step = requiredAre(next, 'copied', 'verified') && !isUnfinished(passes) ? 'verifying_copy' : 'copying';
  if (step === promotion.step && sameRecord(next, record)) return undefined;
  const failed = failedIn(next);
  const data = {
    registries: namesOf(next, 'copied', 'verified'),
    failed,
    bytes: next.registries.reduce((sum, { bytes }) => sum + bytes, 0),
  };
  const after = { ...promotion, step, copy: next };
  if (step === 'verifying_copy') return engineChange(promotion, after, { type: 'copy.finished', action: 'copied', data, ...errorOf(next) });
  if (failed.length > 0) return engineChange(promotion, after, { type: 'copy.failed', action: 'copy_failed', data, ...errorOf(next) });
  return engineChange(promotion, after, { type: 'copy.progressed', action: 'copy_progressed', data });
}

function isUnfinished(passes: ReadonlyMap<string, Pass>): boolean {
  return [...passes.values()].some((pass) => 'done' in pass && !pass.done);
}

/** What the registries showed when they were read back, with the roots of both sides. */
export function recordReadBack(
  promotion: Promotion,
  record: CopyRecord,
  readBacks: ReadonlyMap<string, ReadBack>,
): PromotionChange | undefined {
  let next = record;
  for (const [name, readBack] of readBacks) {
    if ('failure' in readBack) {
      next = withFailure(next, name, readBack.failure);
      continue;
    }
    const { sourceRoot, targetRoot, manifests, blobs } = readBack.comparison;
    next = { ...next, sourceRoot, manifests, blobs };
    next = withRegistry(next, name, { status: 'verified', closureRoot: targetRoot });
  }
  const isVerified = requiredAre(next, 'verified');
  if (!isVerified && sameRecord(next, record)) return undefined;
  const data = {
    closureRoot: next.sourceRoot ?? null,
    targetRoots: next.registries.flatMap(({ name, closureRoot }) => (closureRoot === undefined ? [] : [`${name} ${closureRoot}`])),
    registries: namesOf(next, 'verified'),
    failed: failedIn(next),
    manifests: next.manifests ?? 0,
    blobs: next.blobs ?? 0,
  };
  const after = { ...promotion, copy: next, step: isVerified ? 'tagging' : 'verifying_copy' };
  return engineChange(
    promotion,
    after,
    isVerified
      ? { type: 'copy.verified', action: 'copy_verified', data, ...errorOf(next) }
      : { type: 'copy.failed', action: 'copy_failed', data, ...errorOf(next) },
  );
}

/** Why a registry that misses parts of the artifact does not count as a copy of it. */
export function missingAt(name: string, { missing }: CopyComparison): string {
  const named = missing.slice(0, NAMED_PARTS).map(missingLine);
  const more = missing.length > named.length ? [`and ${missing.length - named.length} more`] : [];
  return `registry ${name} does not show the artifact as it is: ${[...named, ...more].join('; ')}`;
}

function namesOf(record: CopyRecord, ...statuses: CopyRecord['registries'][number]['status'][]): string[] {
  return record.registries.filter(({ status }) => statuses.includes(status)).map(({ name }) => name);
}

function failedIn(record: CopyRecord): string[] {
  return record.registries.flatMap(({ name, failure }) => (failure ? [`${name} ${failure.code}`] : []));
}

function errorOf(record: CopyRecord): { error?: string } {
  const failed = record.registries.flatMap(({ name, failure }) => (failure ? [`${name}: ${failure.message}`] : []));
  return failed.length > 0 ? { error: failed.join('; ') } : {};
}

function sameRecord(left: CopyRecord, right: CopyRecord): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
