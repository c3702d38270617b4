/**
 * The tree of merkle.ts for long logs: it takes lines as they lie in a batch and tells every node that becomes complete. A hash is a string of 32 bytes
 * (latin1) here, because the one-shot hash answers strings three times as fast as buffers.
 */
import { hash } from 'node:crypto';
import type { Tree } from './merkle.ts';

/** Takes the root of a perfect subtree: of `2^level` lines, the `index`-th of its size. */
export type NodeVisitor = (level: number, index: number, hash: string) => void;

const LEAF = 0;
const NEWLINE = 10;
const NODE = 1;
const HASH_BYTES = 32;

export class GrowingTree {
  #size = 0;
  /** Roots of the perfect subtrees of the size, largest first. */
  readonly #frontier: string[] = [];
  readonly #visit: NodeVisitor | undefined;
  readonly #node = Buffer.alloc(1 + 2 * HASH_BYTES, NODE);

  constructor(visit?: NodeVisitor) {
    this.#visit = visit;
  }

  get size(): number {
    return this.#size;
  }

  /** Appends a leaf hash. */
  add(leaf: string): void {
    let node = leaf;
    let level = 0;
    let index = this.#size;
    this.#visit?.(level, index, node);
    for (; index % 2 === 1; index = (index - 1) / 2) {
      node = this.#join(this.#frontier.pop()!, node);
      level += 1;
      this.#visit?.(level, (index - 1) / 2, node);
    }
    this.#frontier.push(node);
    this.#size += 1;
  }

  /** The tree as it stands, to be kept. */
  snapshot(): Tree {
    return { size: this.#size, frontier: this.#frontier.map((node) => Buffer.from(node, 'latin1')) };
  }

  #join(left: string, right: string): string {
    this.#node.write(left, 1, HASH_BYTES, 'latin1');
    this.#node.write(right, 1 + HASH_BYTES, HASH_BYTES, 'latin1');
    return hash('sha256', this.#node, 'binary');
  }
}

/**
 * Leaf hashes of the lines of a batch, each ended by a newline. A leaf is hashed with a zero byte before it: the newline that ended the line before gives
 * its place for as long as that takes, so that only the first line is copied.
 */
export function leafHashesOf(batch: Buffer): string[] {
  let end = batch.indexOf(NEWLINE);
  if (end < 0) return [];
  const first = Buffer.allocUnsafe(end + 1);
  first[0] = LEAF;
  batch.copy(first, 1, 0, end);
  const leaves = [hash('sha256', first, 'binary')];
  const { buffer, byteOffset } = batch;
  for (let start = end; ; start = end) {
    end = batch.indexOf(NEWLINE, start + 1);
    if (end < 0) return leaves;
    batch[start] = LEAF;
    leaves.push(hash('sha256', new Uint8Array(buffer, byteOffset + start, end - start), 'binary'));
    batch[start] = NEWLINE;
  }
}
