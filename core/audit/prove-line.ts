/** Makes the proof of one line out of the stored objects alone: the log is verified first, so that no proof speaks for a log that is not whole. */
import { GrowingTree, leafHashesOf } from './growing-tree.ts';
import { batchName, manifestName } from './layout.ts';
import type { LogFiles } from './log-files.ts';
import type { ProofFile } from './proof-file.ts';
import { inclusionSpans, type NodeAt, nodesOf, proofOf } from './proof-path.ts';
import { type Verdict, type VerifyOptions, verifyLog } from './verify-log.ts';

export interface Proven {
  verdict: Verdict;
  /** Undefined: the log is not valid, or holds no such event. */
  proof?: ProofFile;
}

/** Proof of the event of this id, under the newest checkpoint. Memory does not grow with the log. */
export async function proveLine(files: LogFiles, id: string, options: Pick<VerifyOptions, 'key' | 'now'>): Promise<Proven> {
  let found: { index: number; line: string } | undefined;
  let newest = '';
  const needle = `"id":${JSON.stringify(id)}`;
  const verdict = await verifyLog(files, {
    ...options,
    onLine(index, line) {
      // Parsed only where the id stands somewhere: it may also be part of another line's data.
      if (line.includes(needle) && (JSON.parse(line.toString('utf8')) as { id: unknown }).id === id)
        found = { index, line: line.toString('utf8') };
    },
    onBatch(_tree, checkpoint) {
      newest = checkpoint.toString('utf8');
    },
  });
  if (!verdict.valid || !found) return { verdict };
  const { index, line } = found;
  const path = await pathTo(files, index, verdict.size);
  return {
    verdict,
    proof: { v: 1, kind: 'greenlight-inclusion-proof', index, line, proof: path, checkpoint: newest, keys: await keysOf(files) },
  };
}

/** Reads the lines once more and keeps the few hashes that the proof is made of. */
async function pathTo(files: LogFiles, index: number, size: number): Promise<string[]> {
  const spans = inclusionSpans(index, size);
  const wanted = new Map<string, Buffer | undefined>(spans.flatMap(nodesOf).map((node) => [nameOf(node), undefined]));
  const tree = new GrowingTree((level, at, hash) => {
    const name = nameOf({ level, index: at });
    if (wanted.has(name)) wanted.set(name, Buffer.from(hash, 'latin1'));
  });
  while (tree.size < size) {
    const batch = (await files.read(batchName(tree.size)))!;
    for (const leaf of leafHashesOf(batch)) tree.add(leaf);
  }
  const path = await proofOf(spans, async (node) => wanted.get(nameOf(node))!);
  return path.map((hash) => hash.toString('base64'));
}

const nameOf = ({ level, index }: NodeAt): string => `${level} ${index}`;

async function keysOf(files: LogFiles): Promise<string[]> {
  const keys: string[] = [];
  for (let bytes = await files.read(manifestName(1)); bytes; bytes = await files.read(manifestName(keys.length + 1)))
    keys.push(bytes.toString('utf8'));
  return keys;
}
