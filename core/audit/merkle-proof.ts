/** Checking proofs against roots, as RFC 9162 2.1.3.2 and 2.1.4.2 describe it. Proofs are attacker-controlled. */
import { inclusionSides } from './inclusion-sides.ts';
import { nodeHash } from './merkle.ts';

/** True when `leaf` is line `index` of the tree of `size` lines with this root. */
export function provesInclusion(leaf: Buffer, index: number, size: number, proof: readonly Buffer[], root: Buffer): boolean {
  const sides = inclusionSides(index, size, proof.length);
  if (!sides || proof.some((sibling) => sibling.length !== 32)) return false;
  const reached = proof.reduce((hash, sibling, step) => (sides[step] === 'left' ? nodeHash(sibling, hash) : nodeHash(hash, sibling)), leaf);
  return reached.equals(root);
}

/** True when the tree of `size` lines with `root` begins with the tree of `earlier` lines with `earlierRoot`. */
export function provesConsistency(earlier: number, size: number, proof: readonly Buffer[], earlierRoot: Buffer, root: Buffer): boolean {
  if (!Number.isSafeInteger(earlier) || !Number.isSafeInteger(size) || earlier < 1 || earlier > size) return false;
  if (earlier === size) return proof.length === 0 && earlierRoot.equals(root);
  if (proof.some((hash) => hash.length !== 32)) return false;
  const path = isPowerOfTwo(earlier) ? [earlierRoot, ...proof] : [...proof];
  const [first, ...rest] = path;
  if (!first) return false;
  let position = earlier - 1;
  let last = size - 1;
  while (position % 2 === 1) {
    position = Math.floor(position / 2);
    last = Math.floor(last / 2);
  }
  let before = first;
  let after = first;
  for (const hash of rest) {
    if (last === 0) return false;
    if (position % 2 === 1 || position === last) {
      before = nodeHash(hash, before);
      after = nodeHash(hash, after);
      while (position % 2 === 0 && position !== 0) {
        position /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      after = nodeHash(after, hash);
    }
    position = Math.floor(position / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && before.equals(earlierRoot) && after.equals(root);
}

function isPowerOfTwo(size: number): boolean {
  let rest = size;
  while (rest % 2 === 0) rest /= 2;
  return rest === 1;
}
