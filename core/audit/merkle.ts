/**
 * The Merkle tree of RFC 6962 over the lines of the log. A tree that only grows is kept as its frontier: the roots of the perfect subtrees that its size
 * is the binary sum of, largest first, so that a million lines need twenty hashes.
 */
import { createHash } from 'node:crypto';

/** A tree by its size and frontier: as many hashes as the size has one bits. */
export interface Tree {
  readonly size: number;
  readonly frontier: readonly Buffer[];
}

export const EMPTY_TREE: Tree = { size: 0, frontier: [] };

/** Leaves and nodes have different prefixes, so that a node can never be passed off as a line. */
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

export const leafHash = (line: Uint8Array): Buffer => sha256(LEAF, line);
export const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer => sha256(NODE, left, right);

/** Tree with one leaf hash more. Sizes are safe integers, so no 32 bit operators here. */
export function append(tree: Tree, leaf: Buffer): Tree {
  const frontier = [...tree.frontier];
  let node = leaf;
  for (let rest = tree.size; rest % 2 === 1; rest = (rest - 1) / 2) node = nodeHash(frontier.pop()!, node);
  frontier.push(node);
  return { size: tree.size + 1, frontier };
}

/** Root hash; of the empty tree it is the hash of nothing. */
export function rootOf(tree: Tree): Buffer {
  const last = tree.frontier.at(-1);
  if (!last) return sha256();
  return tree.frontier.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), last);
}

/** True when the frontier has the number of hashes that its size calls for. */
export function isWellFormed(tree: Tree): boolean {
  let bits = 0;
  for (let rest = tree.size; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2;
  return (
    Number.isSafeInteger(tree.size) && tree.size >= 0 && bits === tree.frontier.length && tree.frontier.every((hash) => hash.length === 32)
  );
}

/** Root over leaf hashes. */
export function rootOfLeaves(leaves: readonly Buffer[]): Buffer {
  return rootOf(leaves.reduce<Tree>(append, EMPTY_TREE));
}
