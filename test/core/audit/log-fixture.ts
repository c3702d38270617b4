/** A log in memory, signed with a key of its own, for tests of the verifier. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { checkpointBody, noteOf } from '../../../core/audit/checkpoint.ts';
import { GrowingTree, leafHashesOf } from '../../../core/audit/growing-tree.ts';
import { batchBytes, batchName, checkpointName, manifestName, README, readme } from '../../../core/audit/layout.ts';
import { eventId, lineHash } from '../../../core/audit/line.ts';
import type { LogFiles } from '../../../core/audit/log-files.ts';
import { manifestBody } from '../../../core/audit/log-keys.ts';
import { rootOf } from '../../../core/audit/merkle.ts';
import { isFull, TileGatherer, tileName } from '../../../core/audit/tiles.ts';

export const ORIGIN = 'greenlight.000000000000.eu-central-1/audit';
const START = Date.parse('2026-03-01T10:00:00Z');

export const keyPair = () => generateKeyPairSync('ed25519');

type Keys = { publicKey: KeyObject; privateKey: KeyObject };

/** A note of any text. */
export const signedText = (keys: Keys, body: string): string =>
  noteOf(body, ORIGIN, keys.publicKey, sign(null, Buffer.from(body), keys.privateKey));

export function signedNote(keys: Keys, size: number, root: Buffer, origin = ORIGIN): string {
  const body = checkpointBody({ origin, size, root });
  return noteOf(body, origin, keys.publicKey, sign(null, Buffer.from(body), keys.privateKey));
}

/** Lines of requests r0, r1, ... in turn; every 50th line is a heartbeat. One second lies between lines. */
export function makeLines(count: number, requests = 7): string[] {
  const last = new Map<string, { seq: number; prev: string }>();
  return Array.from({ length: count }, (_, index) => {
    const isBeat = index % 50 === 0;
    const rid = isBeat ? 'sys:log' : `r${index % requests}`;
    const { seq, prev } = last.get(rid) ?? { seq: 0, prev: '' };
    const ts = new Date(START + index * 1000).toISOString();
    const type = isBeat ? 'log.heartbeat' : 'gate.finished';
    const line = JSON.stringify({ v: 1, id: eventId(rid, seq + 1), rid, seq: seq + 1, prev, type, ts });
    last.set(rid, { seq: seq + 1, prev: lineHash(line) });
    return line;
  });
}

/** Objects of a log by name. */
export function makeLog(lines: readonly string[], keys: ReturnType<typeof keyPair>, perBatch = 99): Map<string, Buffer> {
  const objects = new Map<string, Buffer>([
    [manifestName(1), Buffer.from(manifestBody(ORIGIN, { key: keys.publicKey, fromSize: 0 }))],
    [README, Buffer.from(readme(ORIGIN))],
  ]);
  const tiles = new TileGatherer((tile, bytes) => isFull(tile) && objects.set(tileName(tile), bytes));
  const tree = new GrowingTree(tiles.visit);
  for (let start = 0; start < lines.length; start += perBatch) {
    const some = lines.slice(start, start + perBatch);
    const batch = batchBytes(some);
    objects.set(batchName(start), batch);
    for (const leaf of leafHashesOf(batch)) tree.add(leaf);
    objects.set(checkpointName(tree.size), Buffer.from(signedNote(keys, tree.size, rootOf(tree.snapshot()))));
  }
  return objects;
}

export function filesOf(objects: ReadonlyMap<string, Buffer>, more: Partial<LogFiles> = {}): LogFiles {
  return {
    isLive: false,
    read: async (name) => objects.get(name),
    async *list() {
      for (const name of objects.keys()) yield { name };
    },
    ...more,
  };
}
