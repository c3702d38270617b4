/** Which hashes prove what: the spans of a tree whose roots make up a proof (RFC 6962 2.1.1 and 2.1.2), and the perfect subtrees that a span consists of. */
import { nodeHash } from './merkle.ts';

/** Lines from `start` to before `end`. */
export interface Span {
  start: number;
  end: number;
}

/** Root of a perfect subtree: `2^level` lines, the `index`-th such subtree. */
export interface NodeAt {
  level: number;
  index: number;
}

/** Answers hashes of perfect subtrees, from wherever they lie. */
export type NodeHashes = (node: NodeAt) => Promise<Buffer>;

/** Largest power of two below `length` (at least 2): where a tree is cut. */
function cut(length: number): number {
  let power = 1;
  while (power * 2 < length) power *= 2;
  return power;
}

/** Spans whose roots lead from line `index` to the root, lowest first. RangeError when the tree of `size` has no such line. */
export function inclusionSpans(index: number, size: number): Span[] {
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(index) || index < 0 || index >= size)
    throw new RangeError(`there is no line ${index} in a log of ${size}`);
  const spans: Span[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const at = start + cut(end - start);
    if (index < at) {
      spans.unshift({ start: at, end });
      end = at;
    } else {
      spans.unshift({ start, end: at });
      start = at;
    }
  }
  return spans;
}

/** Spans whose roots show that a tree of `size` begins with the tree of `earlier` lines, lowest first. Nothing needs to be shown for 0 and all. */
export function consistencySpans(earlier: number, size: number): Span[] {
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(earlier) || earlier < 0 || earlier > size)
    throw new RangeError(`there is no log of ${earlier} lines within ${size}`);
  if (earlier === 0) return [];
  const spans: Span[] = [];
  let [start, end] = [0, size];
  while (earlier !== end) {
    const at = start + cut(end - start);
    if (earlier <= at) {
      spans.unshift({ start: at, end });
      end = at;
    } else {
      spans.unshift({ start, end: at });
      start = at;
    }
  }
  return start === 0 ? spans : [{ start, end }, ...spans];
}

/** Perfect subtrees of a span as they stand in a tree, left to right. */
export function nodesOf({ start, end }: Span): NodeAt[] {
  const nodes: NodeAt[] = [];
  for (let from = start; from < end; ) {
    let [level, width] = [0, 1];
    while (width * 2 <= end - from) {
      width *= 2;
      level += 1;
    }
    nodes.push({ level, index: from / width });
    from += width;
  }
  return nodes;
}

/** Roots of the spans, in their order. */
export function proofOf(spans: readonly Span[], hashes: NodeHashes): Promise<Buffer[]> {
  return Promise.all(
    spans.map(async (span) => {
      const parts = await Promise.all(nodesOf(span).map(hashes));
      return parts.reduceRight((right, left) => nodeHash(left, right));
    }),
  );
}
