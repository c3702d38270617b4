/** One way of reading a log in a process of its own, so that processor time and memory are its own: `bulk`, `tree` or `verify`, and the folder. */
import { createHash, createPublicKey } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { folderLog } from '../adapters/audit/folder-log.ts';
import { GrowingTree, leafHashesOf } from '../core/audit/growing-tree.ts';
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
  let rest = Buffer.alloc(0);
  for (const piece of chunks()) {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    const end = bytes.lastIndexOf(10) + 1;
    for (const leaf of leafHashesOf(bytes.subarray(0, end))) growing.add(leaf);
    rest = Buffer.from(bytes.subarray(end));
  }
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
