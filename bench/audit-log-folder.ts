/** Writes a whole, signed log of many events into a folder, as the sealer would have left it. */
import { generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ENGINE } from '../core/access/identity.ts';
import { checkpointBody, noteOf } from '../core/audit/checkpoint.ts';
import { GrowingTree, leafHashesOf } from '../core/audit/growing-tree.ts';
import { batchBytes, batchName, checkpointName, HEARTBEAT, LINES_PER_BATCH, LOG_REQUEST, manifestName } from '../core/audit/layout.ts';
import { auditLine } from '../core/audit/line.ts';
import { manifestBody } from '../core/audit/log-keys.ts';
import { rootOf, type Tree } from '../core/audit/merkle.ts';
import { isFull, TileGatherer, tileName } from '../core/audit/tiles.ts';

export const ORIGIN = 'greenlight.000000000000.eu-central-1/audit';
/** Events that a promotion has. */
const PER_REQUEST = 8;
const BEAT_EVERY = 5_000;
const START = Date.parse('2026-03-01T10:00:00Z');
const digest = (index: number): string => `sha256:${(index % 300).toString(16).padStart(64, '0')}`;

/** Lines as promotions make them, chained per request; heartbeats of the log itself among them. */
export function* benchLines(count: number): Generator<string> {
  const own = { seq: 0, prev: '' };
  let [request, seq, prev] = [1, 0, ''];
  for (let index = 0; index < count; index++) {
    const ts = new Date(START + index * 100).toISOString();
    if (index % BEAT_EVERY === 0) {
      own.seq += 1;
      const line = auditLine(
        { rid: LOG_REQUEST, seq: own.seq, prev: own.prev, ts, tenant: '' },
        { type: HEARTBEAT, actor: ENGINE, auth: 'engine', channel: 'schedule', data: { size: index } },
      );
      own.prev = hash('sha256', line, 'hex');
      yield line;
      continue;
    }
    seq += 1;
    const line = auditLine(
      {
        rid: `PR-2026-${request}`,
        seq,
        prev,
        ts,
        tenant: 'tenant-finance',
        artifact: 'payment-api',
        digest: digest(request),
        from: 'staging',
        to: 'prod',
      },
      { type: 'approval.decided', actor: ENGINE, auth: 'engine', channel: 'rest', data: { decision: 'approve' } },
    );
    prev = hash('sha256', line, 'hex');
    yield line;
    if (seq === PER_REQUEST) [request, seq, prev] = [request + 1, 0, ''];
  }
}

/** Writes the log; answers its key. `lines.ndjson` beside it holds the same lines as one file. */
export function writeLog(folder: string, count: number): { publicKey: KeyObject; bytes: number; end: Tree } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const log = join(folder, 'log');
  const put = (name: string, bytes: string | Buffer) => {
    mkdirSync(dirname(join(log, name)), { recursive: true });
    writeFileSync(join(log, name), bytes);
  };
  put(manifestName(1), manifestBody(ORIGIN, { key: publicKey, fromSize: 0 }));
  const tiles = new TileGatherer((tile, bytes) => (isFull(tile) || tile.level > 0) && put(tileName(tile), bytes));
  const tree = new GrowingTree(tiles.visit);
  const all = openSync(join(folder, 'lines.ndjson'), 'w');
  let bytes = 0;
  let batch: string[] = [];
  const flush = () => {
    if (batch.length === 0) return;
    const body = batchBytes(batch);
    put(batchName(tree.size), body);
    writeSync(all, body);
    bytes += body.length;
    for (const leaf of leafHashesOf(body)) tree.add(leaf);
    const text = checkpointBody({ origin: ORIGIN, size: tree.size, root: rootOf(tree.snapshot()) });
    put(checkpointName(tree.size), noteOf(text, ORIGIN, publicKey, sign(null, Buffer.from(text), privateKey)));
    batch = [];
  };
  for (const line of benchLines(count)) if (batch.push(line) === LINES_PER_BATCH) flush();
  flush();
  closeSync(all);
  writeFileSync(join(folder, 'key.pem'), publicKey.export({ format: 'pem', type: 'spki' }));
  return { publicKey, bytes, end: tree.snapshot() };
}
