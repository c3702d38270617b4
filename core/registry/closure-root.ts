/** One hash over everything that was copied, so that both sides can be compared and the audit log can name it. */
import { createHash } from 'node:crypto';

export interface Content {
  digest: string;
  size: number;
}

const leaf = (line: string): Buffer => createHash('sha256').update(Buffer.of(0)).update(line).digest();
const node = (left: Buffer, right: Buffer): Buffer => createHash('sha256').update(Buffer.of(1)).update(left).update(right).digest();

/** Merkle tree hash (RFC 6962) over the sorted, distinct lines `<digest> <size>`, as `sha256:<hex>`. */
export function closureRoot(contents: Iterable<Content>): string {
  const lines = [...new Set([...contents].map(({ digest, size }) => `${digest} ${size}`))].sort();
  return `sha256:${treeHash(lines).toString('hex')}`;
}

function treeHash(lines: readonly string[]): Buffer {
  if (lines.length === 0) return createHash('sha256').digest();
  if (lines.length === 1) return leaf(lines[0]!);
  let split = 1;
  while (split * 2 < lines.length) split *= 2;
  return node(treeHash(lines.slice(0, split)), treeHash(lines.slice(split)));
}
