/** A log in memory, signed with a key of its own, for tests of the verifier. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { checkpointBody, checkpointNote } from '../../../core/audit/checkpoint.ts';
import { batchBytes, batchName, checkpointName, KEY_MANIFEST, keyManifest, README, readme } from '../../../core/audit/layout.ts';
import { eventId, lineHash } from '../../../core/audit/line.ts';
import type { LogFiles } from '../../../core/audit/log-files.ts';
import { append, EMPTY_TREE, leafHash, rootOf } from '../../../core/audit/merkle.ts';

export const ORIGIN = 'greenlight.000000000000.eu-central-1/audit';
const START = Date.parse('2026-03-01T10:00:00Z');

export const keyPair = () => generateKeyPairSync('ed25519');

export function signedNote(keys: { publicKey: KeyObject; privateKey: KeyObject }, size: number, root: Buffer, origin = ORIGIN): string {
  const body = checkpointBody({ origin, size, root });
  return checkpointNote(body, origin, keys.publicKey, sign(null, Buffer.from(body), keys.privateKey));
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
    [KEY_MANIFEST, Buffer.from(keyManifest(ORIGIN, keys.publicKey))],
    [README, Buffer.from(readme(ORIGIN))],
  ]);
  let tree = EMPTY_TREE;
  for (let start = 0; start < lines.length; start += perBatch) {
    const batch = lines.slice(start, start + perBatch);
    objects.set(batchName(start), batchBytes(batch));
    for (const line of batch) tree = append(tree, leafHash(Buffer.from(line)));
    objects.set(checkpointName(tree.size), Buffer.from(signedNote(keys, tree.size, rootOf(tree))));
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
