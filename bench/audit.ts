/**
 * What proof costs: verifying a log held against one SHA-256 over the same bytes in the same run, how large and how quick the proof of one event is, and
 * how long the sealer takes for a backlog. Every way of reading runs in a process of its own and counts its own processor time.
 */
import { execFile } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CheckpointSigner } from '../adapters/audit/checkpoint-signer.ts';
import { folderLog } from '../adapters/audit/folder-log.ts';
import type { LogHead, LogState } from '../adapters/audit/log-head.ts';
import { seal } from '../adapters/audit/sealer.ts';
import { proveStored } from '../adapters/audit/stored-lines.ts';
import { checkpointBody, noteOf } from '../core/audit/checkpoint.ts';
import { checkpointName, LINES_PER_BATCH } from '../core/audit/layout.ts';
import type { Tree } from '../core/audit/merkle.ts';
import type { PendingEvent } from '../core/audit/next-batch.ts';
import { faultOfProof } from '../core/audit/proof-file.ts';
import { benchLines, ORIGIN, writeLog } from './audit-log-folder.ts';
import { bundleProcess } from './bundle-process.ts';
import { type Benchmark, compared, type Figure, informing, limited, never } from './figure.ts';

export interface LogSize {
  /** Lines of the log that is verified. */
  events: number;
}

export const LOG: LogSize = { events: 1_000_000 };

const LIMITS = { treeOfBulk: 2.5, rssMiB: 150, eventsPerSecond: 20_000, tilesPerProof: 3, sealedPerSecond: 700, verifyMs: 5 };
const BACKLOG = 10_000;
const PROOFS = 40;
/** Processor time of a noisy machine: the best of some runs is nearest to what the work takes. */
const ROUNDS = 3;

interface Ran {
  answer: string;
  cpu: number;
  seconds: number;
  rssMiB: number;
}

async function run(program: string, mode: 'bulk' | 'tree' | 'verify', folder: string): Promise<Ran> {
  const { stdout } = await promisify(execFile)(process.execPath, [program, mode, folder]);
  return JSON.parse(stdout) as Ran;
}

export async function audit({ events }: LogSize): Promise<Benchmark> {
  const folder = mkdtempSync(join(tmpdir(), 'greenlight-bench-audit-'));
  try {
    const { publicKey, bytes, end } = writeLog(folder, events);
    const figures = [informing('bytes of the lines', bytes, 'bytes'), ...(await verification(folder, events))];
    figures.push(...(await proofs(folder, end, publicKey)), ...(await sealing()));
    return { name: 'audit', figures };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function verification(folder: string, events: number): Promise<Figure[]> {
  const program = await bundleProcess('audit-process', join(folder, 'bundle'));
  const best = { bulk: Number.POSITIVE_INFINITY, tree: Number.POSITIVE_INFINITY };
  let root = '';
  for (let round = 0; round < ROUNDS; round++) {
    // In turn, so that a neighbour's load meets both.
    best.bulk = Math.min(best.bulk, (await run(program, 'bulk', folder)).cpu);
    const tree = await run(program, 'tree', folder);
    best.tree = Math.min(best.tree, tree.cpu);
    root = tree.answer;
  }
  const whole = await run(program, 'verify', folder);
  const bulk = 'one SHA-256 over the same bytes';
  return [
    compared('tree over all lines', best.tree, 's of processor time', bulk, best.bulk, LIMITS.treeOfBulk),
    never('roots that differ between tree and verifier', whole.answer === root ? 0 : 1, 'roots'),
    informing('complete verification', round(whole.cpu), 's of processor time'),
    informing('complete verification as a multiple of one SHA-256', round(whole.cpu / best.bulk), 'times'),
    limited(
      'complete verification',
      round(whole.seconds),
      's',
      `${LIMITS.eventsPerSecond} events a second`,
      events / LIMITS.eventsPerSecond,
    ),
    limited('memory of the verifier at most', round(whole.rssMiB), 'MiB', "the project's limit", LIMITS.rssMiB),
  ];
}

async function proofs(folder: string, end: Tree, publicKey: Parameters<typeof faultOfProof>[1][number]): Promise<Figure[]> {
  const events = end.size;
  const files = await folderLog(join(folder, 'log'));
  const read: string[] = [];
  const log = {
    read: (name: string) => {
      read.push(name);
      return files.read(name);
    },
    // Every batch of this log is full.
    batches: async (from: number, to: number) => {
      const first = Math.floor(from / LINES_PER_BATCH) * LINES_PER_BATCH;
      return Array.from({ length: Math.ceil((to - first) / LINES_PER_BATCH) }, (_, place) => first + place * LINES_PER_BATCH);
    },
  };
  const note = readFileSync(join(folder, 'log', checkpointName(events)), 'utf8');
  const worst = { hashes: 0, tiles: 0, bytes: 0, objects: 0 };
  let [wrong, milliseconds] = [0, 0];
  for (let some = 0; some < PROOFS; some++) {
    read.length = 0;
    const proof = await proveStored(log, Math.floor(((some + 0.5) / PROOFS) * events), note, events, end);
    worst.hashes = Math.max(worst.hashes, proof.proof.length);
    worst.tiles = Math.max(worst.tiles, read.filter((name) => name.startsWith('tile/')).length);
    worst.objects = Math.max(worst.objects, read.length);
    worst.bytes = Math.max(worst.bytes, JSON.stringify(proof).length);
    const began = performance.now();
    wrong += faultOfProof(proof, [publicKey]) ? 1 : 0;
    milliseconds += performance.now() - began;
  }
  return [
    limited('hashes of a proof at most', worst.hashes, 'hashes', 'the height of the tree', Math.ceil(Math.log2(events))),
    limited('tiles read for a proof at most', worst.tiles, 'tiles', 'one for each level of tiles', LIMITS.tilesPerProof),
    informing('objects read for a proof at most', worst.objects, 'objects'),
    informing('a proof with its line, checkpoint and keys at most', worst.bytes, 'bytes'),
    limited('checking a proof', round(milliseconds / PROOFS), 'ms', "the project's limit", LIMITS.verifyMs),
    never('proofs that do not hold', wrong, 'proofs'),
  ];
}

/** The sealer over storage that answers at once: what it costs itself, and how often it asks AWS for something. */
async function sealing(): Promise<Figure[]> {
  const objects = new Map<string, Uint8Array>();
  const counts = { puts: 0, signatures: 0, transactions: 0 };
  const pending = new Map<string, PendingEvent>();
  for (const [place, line] of [...benchLines(BACKLOG)].entries()) {
    const { rid, seq } = JSON.parse(line) as { rid: string; seq: number };
    const key = String(place).padStart(26, '0');
    pending.set(key, { key, rid, seq, line });
  }
  const began = performance.now();
  const { sealed } = await seal(
    { log: stateInMemory(pending, counts), vault: vaultInMemory(objects, counts), signers: [signerInMemory(counts)] },
    () => true,
  );
  const seconds = (performance.now() - began) / 1000;
  const batches = Math.ceil(BACKLOG / LINES_PER_BATCH);
  return [
    limited(
      `sealing ${BACKLOG} events, without the time of AWS`,
      round(seconds),
      's',
      `${LIMITS.sealedPerSecond} events a second`,
      BACKLOG / LIMITS.sealedPerSecond,
    ),
    never('events that were not sealed', BACKLOG - sealed, 'events'),
    informing(
      'objects, signatures and transactions for each batch',
      round((counts.puts + counts.signatures + counts.transactions) / batches),
      'calls',
    ),
  ];
}

function stateInMemory(pending: Map<string, PendingEvent>, counts: { transactions: number }): LogState {
  let head: LogHead | undefined;
  let tiled = 0;
  return {
    head: async () => head,
    pending: async () => [...pending.values()],
    advance: async (_before, after, sealed) => {
      counts.transactions += 1;
      head = after;
      for (const { key } of sealed) pending.delete(key);
      return true;
    },
    beat: async () => {},
    addKey: async () => false,
    tiled: async () => tiled,
    setTiled: async (size) => {
      tiled = size;
    },
  };
}

function vaultInMemory(objects: Map<string, Uint8Array>, counts: { puts: number }) {
  return {
    origin: ORIGIN,
    create: async (name: string, bytes: Uint8Array) => {
      counts.puts += 1;
      if (objects.has(name)) return false;
      objects.set(name, bytes);
      return true;
    },
    read: async (name: string) => {
      const bytes = objects.get(name);
      return bytes && Buffer.from(bytes);
    },
    batches: async (from: number, to: number) => {
      const first = Math.floor(from / LINES_PER_BATCH) * LINES_PER_BATCH;
      return Array.from({ length: Math.ceil((to - first) / LINES_PER_BATCH) }, (_, place) => first + place * LINES_PER_BATCH);
    },
  };
}

function signerInMemory(counts: { signatures: number }): CheckpointSigner {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const signText = async (text: string) => {
    counts.signatures += 1;
    return sign(null, Buffer.from(text), privateKey);
  };
  return {
    publicKey: async () => publicKey,
    signText,
    async sign(head) {
      const body = checkpointBody(head);
      return noteOf(body, head.origin, publicKey, await signText(body));
    },
  };
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
