/** Looks at the log from outside the sealer: is the bucket still locked as it was deployed, and does the newest part of the log hold together. */
import { GetBucketVersioningCommand, GetObjectLockConfigurationCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { parseCheckpoint } from '../../core/audit/checkpoint.ts';
import { batchName, checkpointName, linesOf, readName } from '../../core/audit/layout.ts';
import { append, leafHash, rootOf, type Tree } from '../../core/audit/merkle.ts';
import { nodesOf } from '../../core/audit/proof-path.ts';
import { TILE_WIDTH } from '../../core/audit/tiles.ts';
import { versionsOf } from './bucket-log.ts';
import type { LogHead } from './log-head.ts';
import { LinesMissing, type StoredLog, storedNodes } from './stored-lines.ts';

export interface LockWanted {
  mode: string;
  days: number;
}

export interface TailLook {
  log: StoredLog;
  /** The same for lines before the newest ones: what was read of them once need not be read again. */
  older: StoredLog;
  head: LogHead;
  /** Lines that stored tiles cover. */
  tiled: number;
  now: Date;
}

const DAY_MS = 86_400_000;
/** A look goes back so far, so that any two of the hourly looks overlap... */
const LOOK_BACK_MS = 2 * 60 * 60_000;
/** ... but over so many lines at most: a busy log of two days. */
const NEWEST = 2_000;
/** Batches, each with its checkpoint, that are read at the same time. */
const AT_ONCE = 8;

/** What is not as it was deployed; empty: all is well. */
export async function lockFaults(
  client: S3Client,
  bucket: string,
  origin: string,
  wanted: LockWanted,
  head: LogHead,
  now: Date,
): Promise<string[]> {
  const faults: string[] = [];
  const { ObjectLockConfiguration: lock } = await client.send(new GetObjectLockConfigurationCommand({ Bucket: bucket }));
  const { Mode: mode, Days: days = 0 } = lock?.Rule?.DefaultRetention ?? {};
  if (lock?.ObjectLockEnabled !== 'Enabled') faults.push('object lock is not enabled');
  if (mode !== wanted.mode) faults.push(`the default lock is ${mode ?? 'none'}, not ${wanted.mode}`);
  if (days < wanted.days) faults.push(`the default retention is ${days} days, not ${wanted.days}`);
  const { Status } = await client.send(new GetBucketVersioningCommand({ Bucket: bucket }));
  if (Status !== 'Enabled') faults.push('versioning is not enabled');
  if (head.tree.size > 0) {
    const Key = `${origin}/${checkpointName(head.tree.size)}`;
    const { ObjectLockRetainUntilDate: until, LastModified } = await client.send(new HeadObjectCommand({ Bucket: bucket, Key }));
    const least = (LastModified ?? now).getTime() + (wanted.days - 1) * DAY_MS;
    if (!until || until.getTime() < least) faults.push(`the newest checkpoint is locked until ${until?.toISOString() ?? 'never'} only`);
  }
  return faults;
}

/**
 * What is wrong with the newest lines: missing, or not those that were signed; older lines stand in through their tiles. And whether of the rest an object
 * is missing or was written over: what it holds is the verifier's to read.
 */
export async function tailFaults(client: S3Client, bucket: string, origin: string, look: TailLook): Promise<string[]> {
  const { log, older, head, tiled, now } = look;
  const { size } = head.tree;
  const { first, objects } = await newest(log, size, now);
  const hashes = storedNodes(older, tiled, first);
  let tree: Tree;
  try {
    tree = { size: first, frontier: await Promise.all(nodesOf({ start: 0, end: first }).map(hashes)) };
  } catch (error) {
    // A batch that is hidden is not listed either: then what stands before the first one listed cannot be read.
    if (error instanceof LinesMissing) return [error.message];
    throw error;
  }
  while (tree.size < size) {
    const lines = linesOf(objects.get(batchName(tree.size)) ?? Buffer.alloc(0));
    if (!lines) return [`${batchName(tree.size)} is missing`];
    for (const line of lines) tree = append(tree, leafHash(line));
    const name = checkpointName(tree.size);
    const checkpoint = objects.get(name);
    if (!checkpoint) return [`${name} is missing`];
    if (!says(checkpoint, origin, tree)) return [`${name} and the lines before it do not agree`];
  }
  if (tree.size !== size || rootOf(tree).toString('hex') !== head.root) return [`the lines before ${size} are not those that were signed`];
  return objectFaults(client, bucket, origin, size);
}

/** The newest batches and their checkpoints by name, from line `first` on. */
async function newest(log: StoredLog, size: number, now: Date): Promise<{ first: number; objects: Map<string, Buffer | undefined> }> {
  const starts = await log.batches(Math.max(0, size - NEWEST), size);
  const objects = new Map<string, Buffer | undefined>();
  let end = starts.length;
  while (end > 0) {
    const place = Math.max(0, end - AT_ONCE);
    const names = starts.slice(place, end).flatMap((start, at) => [batchName(start), checkpointName(starts[place + at + 1] ?? size)]);
    const bytes = await Promise.all(names.map((name) => log.read(name)));
    for (const [at, name] of names.entries()) objects.set(name, bytes[at]);
    end = place;
    if (timeOf(bytes[0]) < now.getTime() - LOOK_BACK_MS) break;
  }
  return { first: starts[end] ?? 0, objects };
}

/** Objects that are remembered: those of one tile, of which a quiet log has one for each line. */
const REMEMBERED = 2 * TILE_WIDTH;

/**
 * Reads each object once while the function stays warm. What lies in the log is never written again; where it is, or is missing, its name and its versions
 * say so.
 */
export function remembering(log: StoredLog): StoredLog {
  const known = new Map<string, Buffer>();
  return {
    batches: (from, to) => log.batches(from, to),
    async read(name) {
      const bytes = known.get(name) ?? (await log.read(name));
      if (!bytes) return undefined;
      // The one that was longest not asked for goes first.
      known.delete(name);
      known.set(name, bytes);
      if (known.size > REMEMBERED) known.delete(known.keys().next().value!);
      return bytes;
    },
  };
}

/** When the first line of a batch was written; NaN where it is not there or does not say: then the look goes on. */
function timeOf(batch: Buffer | undefined): number {
  return Date.parse(/"ts":"([^"]*)"/.exec(batch?.toString('utf8') ?? '')?.[1] ?? '');
}

/** Whether the note names this state of the log. Who signed it is asked by the verifier, which has a key that it trusts. */
function says(note: Buffer, origin: string, tree: Tree): boolean {
  try {
    const checkpoint = parseCheckpoint(note);
    return checkpoint.origin === origin && checkpoint.size === tree.size && checkpoint.root.equals(rootOf(tree));
  } catch {
    return false;
  }
}

/** Every key of the log has one version, and none is hidden; a batch begins at 0 and wherever a checkpoint ends but the last, which is the head's. */
async function objectFaults(client: S3Client, bucket: string, origin: string, size: number): Promise<string[]> {
  const faults: string[] = [];
  const begins: number[] = [];
  const ends: number[] = [];
  for await (const { name, versions } of versionsOf(client, bucket, `${origin}/`)) {
    if (versions !== 1) faults.push(`${name} has ${versions} versions`);
    const { kind, at } = readName(name) ?? {};
    // What is being sealed now lies behind the head. Both kinds come in their order.
    if (kind === 'batch' && at! < size) begins.push(at!);
    if (kind === 'checkpoint' && at! < size) ends.push(at!);
  }
  const wanted = size === 0 ? [] : [0, ...ends];
  const place = Array.from({ length: Math.max(begins.length, wanted.length) }).findIndex((_, at) => begins[at] !== wanted[at]);
  if (place < 0) return faults;
  const [begin = Number.POSITIVE_INFINITY, end = Number.POSITIVE_INFINITY] = [begins[place], wanted[place]];
  return [...faults, `${begin < end ? checkpointName(begin) : batchName(end)} is missing`];
}
