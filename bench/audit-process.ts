/** One way of reading a log in a process of its own, so that processor time and memory are its own: `bulk`, `tree` or `verify`, and the folder. */
import { createHash, createPublicKey } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { folderLog } from '../adapters/audit/folder-log.ts';
import { GrowingTree, leafHashesOf } from '../core/audit/growing-tree.ts';
import { LONGEST_LINE_BYTES } from '../core/audit/line.ts';
import { rootOf } from '../core/audit/merkle.ts';
import { verifyLog } from '../core/audit/verify-log.ts';

const CHUNK = 1 << 20;
const [mode = '', folder = ''] = process.argv.slice(2);

/** Pieces of the one file that holds all lines. */
function* chunks(): Generator<Buffer> {
  const file = openSync(join(folder, 'lines.ndjson'), 'r');
  const piece = Buffer.allocUnsafe(CHUNK);
  for (let read = readSync(file, piece, 0, CHUNK, null); read > 0; read = readSync(file, piece, 0, CHUNK, null))
    yield piece.subarray(0, read);
  closeSync(file);
}

function bulk(): string {
  const hash = createHash('sha256');
  for (const piece of chunks()) hash.update(piece);
  return hash.digest('hex');
}

function tree(): string {
  const growing = new GrowingTree();
  // What is left of a piece is carried to the front of the next one: a whole batch is what the verifier gets, too.
  const bytes = Buffer.allocUnsafe(CHUNK + LONGEST_LINE_BYTES);
  let kept = 0;
  const file = openSync(join(folder, 'lines.ndjson'), 'r');
  for (let read = readSync(file, bytes, 0, CHUNK, null); read > 0; read = readSync(file, bytes, kept, CHUNK, null)) {
    const filled = kept + read;
    const end = bytes.lastIndexOf(10, filled - 1) + 1;
    for (const leaf of leafHashesOf(bytes.subarray(0, end))) growing.add(leaf);
    kept = bytes.copy(bytes, 0, end, filled);
  }
  closeSync(file);
  return rootOf(growing.snapshot()).toString('hex');
}

async function verify(): Promise<string> {
  const key = createPublicKey(readFileSync(join(folder, 'key.pem')));
  const { valid, root, invalid } = await verifyLog(await folderLog(join(folder, 'log')), { key, now: new Date('2026-03-03T00:00:00Z') });
  if (!valid) throw new Error(`the log is not valid: ${JSON.stringify(invalid)}`);
  return root;
}

const before = process.cpuUsage();
const began = performance.now();
const answer = mode === 'bulk' ? bulk() : mode === 'tree' ? tree() : await verify();
const { user, system } = process.cpuUsage(before);
const seconds = (performance.now() - began) / 1000;
console.log(JSON.stringify({ answer, cpu: (user + system) / 1e6, seconds, rssMiB: process.resourceUsage().maxRSS / 1024 }));
