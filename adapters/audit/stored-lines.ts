/** Lines, nodes and proofs out of the stored objects, without reading the whole log. */
import { parseCheckpoint } from '../../core/audit/checkpoint.ts';
import { batchName, linesOf, manifestName } from '../../core/audit/layout.ts';
import { leafHash, type Tree } from '../../core/audit/merkle.ts';
import type { ProofFile } from '../../core/audit/proof-file.ts';
import { inclusionSpans, type NodeHashes, nodesOf, proofOf } from '../../core/audit/proof-path.ts';
import { nodesFromTiles, TILE_WIDTH, type TileSource, tileName } from '../../core/audit/tiles.ts';
import type { AuditVault } from './audit-vault.ts';

export type StoredLog = Pick<AuditVault, 'read' | 'batches'>;

/** Lines that were sealed are not where they should be. */
export class LinesMissing extends Error {}

/** Objects that are read at the same time. */
const AT_ONCE = 16;

/** Lines `from` to before `to`. Error when one is not there. */
export async function linesBetween(log: StoredLog, from: number, to: number): Promise<Buffer[]> {
  const starts = await log.batches(from, to);
  const lines: Buffer[] = [];
  let at = starts[0] ?? from;
  for (let place = 0; place < starts.length; place += AT_ONCE) {
    const group = starts.slice(place, place + AT_ONCE);
    const batches = await Promise.all(group.map((start) => log.read(batchName(start))));
    for (const [index, batch] of batches.entries()) {
      const some = linesOf(batch ?? Buffer.alloc(0));
      if (!some || group[index] !== at) throw new LinesMissing(`${batchName(at)} is missing in the log`);
      for (const line of some) {
        if (at >= from && at < to) lines.push(line);
        at += 1;
      }
    }
  }
  if (lines.length !== to - from) throw new LinesMissing(`lines ${from} to ${to - 1} are not all in the log`);
  return lines;
}

/**
 * Hashes of the log's nodes; `tiled` says how many lines stored tiles cover: a wrong number costs time only. Lines of one tile are read once. `tree`, where
 * it is known, gives the nodes at the end of the log, for which no tile is full yet.
 */
export function storedNodes(log: StoredLog, tiled: number, size: number, tree?: Tree): NodeHashes {
  const ends = new Map(
    tree && nodesOf({ start: 0, end: tree.size }).map(({ level, index }, at) => [`${level}/${index}`, tree.frontier[at]!]),
  );
  const tiles = new Map<number, Promise<Buffer[]>>();
  const source: TileSource = {
    size: tiled,
    tile: (at) => log.read(tileName(at)),
    async leaves(start, end) {
      const first = Math.floor(start / TILE_WIDTH) * TILE_WIDTH;
      const known = tiles.get(first) ?? linesBetween(log, first, Math.min(first + TILE_WIDTH, size)).then((lines) => lines.map(leafHash));
      tiles.set(first, known);
      return (await known).slice(start - first, end - first);
    },
  };
  const stored = nodesFromTiles(source);
  return async (node) => ends.get(`${node.level}/${node.index}`) ?? stored(node);
}

/** Proof of line `index` under a checkpoint of the log (its note). `tiled` and `tree` as above; without `tiled`, all lines. */
export async function proveStored(log: StoredLog, index: number, note: string, tiled?: number, tree?: Tree): Promise<ProofFile> {
  const { size } = parseCheckpoint(Buffer.from(note));
  const [line] = await linesBetween(log, index, index + 1);
  const proof = await proofOf(inclusionSpans(index, size), storedNodes(log, tiled ?? size, size, tree));
  const keys: string[] = [];
  for (let bytes = await log.read(manifestName(1)); bytes; bytes = await log.read(manifestName(keys.length + 1)))
    keys.push(bytes.toString('utf8'));
  const path = proof.map((hash) => hash.toString('base64'));
  return { v: 1, kind: 'greenlight-inclusion-proof', index, line: line!.toString('utf8'), proof: path, checkpoint: note, keys };
}
