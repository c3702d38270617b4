/** Proofs as RFC 6962 defines them, by recursion over all leaves: what the proofs of the product are held against. */
import { rootOfLeaves } from '../../../core/audit/merkle.ts';

/** Largest power of two below `size` (at least 2): where RFC 6962 cuts a tree. */
function cut(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}

/** Hashes that lead from the leaf at `index` to the root, lowest first (RFC 6962 2.1.1). RangeError when there is no such leaf. */
export function inclusionProof(leaves: readonly Buffer[], index: number): Buffer[] {
  if (!Number.isSafeInteger(index) || index < 0 || index >= leaves.length) throw new RangeError(`no leaf ${index} among ${leaves.length}`);
  if (leaves.length === 1) return [];
  const at = cut(leaves.length);
  return index < at
    ? [...inclusionProof(leaves.slice(0, at), index), rootOfLeaves(leaves.slice(at))]
    : [...inclusionProof(leaves.slice(at), index - at), rootOfLeaves(leaves.slice(0, at))];
}

/** Hashes that show that the first `size` leaves are the beginning of all of them (RFC 6962 2.1.2). Nothing needs to be shown for 0 and all. */
export function consistencyProof(leaves: readonly Buffer[], size: number): Buffer[] {
  if (!Number.isSafeInteger(size) || size < 0 || size > leaves.length) throw new RangeError(`no tree of ${size} within ${leaves.length}`);
  return size === 0 ? [] : subproof(leaves, size, true);
}

function subproof(leaves: readonly Buffer[], size: number, isWhole: boolean): Buffer[] {
  if (size === leaves.length) return isWhole ? [] : [rootOfLeaves(leaves)];
  const at = cut(leaves.length);
  return size <= at
    ? [...subproof(leaves.slice(0, at), size, isWhole), rootOfLeaves(leaves.slice(at))]
    : [...subproof(leaves.slice(at), size - at, false), rootOfLeaves(leaves.slice(0, at))];
}
