/** Looks at the log from outside the sealer: is the bucket still locked as it was deployed, and does the newest part of the log hold together. */
import { GetBucketVersioningCommand, GetObjectLockConfigurationCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { parseCheckpoint } from '../../core/audit/checkpoint.ts';
import { batchName, checkpointName, linesOf } from '../../core/audit/layout.ts';
import { append, leafHash, rootOf, type Tree } from '../../core/audit/merkle.ts';
import { nodesOf } from '../../core/audit/proof-path.ts';
import { versionsOf } from './bucket-log.ts';
import type { LogHead } from './log-head.ts';
import { LinesMissing, type StoredLog, storedNodes } from './stored-lines.ts';

export interface LockWanted {
  mode: string;
  days: number;
}

const DAY_MS = 86_400_000;
/** Lines at the end that each look takes: two days of a busy log, and any two looks overlap. */
const NEWEST = 2_000;

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

/** What is wrong with the newest lines: missing, or not those that were signed; older lines stand in through their tiles. And whether a key was written over. */
export async function tailFaults(
  client: S3Client,
  bucket: string,
  origin: string,
  log: StoredLog,
  head: LogHead,
  tiled: number,
): Promise<string[]> {
  const { size } = head.tree;
  const starts = await log.batches(Math.max(0, size - NEWEST), size);
  const first = starts[0] ?? 0;
  const hashes = storedNodes(log, tiled, first);
  let tree: Tree;
  try {
    tree = { size: first, frontier: await Promise.all(nodesOf({ start: 0, end: first }).map(hashes)) };
  } catch (error) {
    // A batch that is hidden is not listed either: then what stands before the first one listed cannot be read.
    if (error instanceof LinesMissing) return [error.message];
    throw error;
  }
  while (tree.size < size) {
    const lines = linesOf((await log.read(batchName(tree.size))) ?? Buffer.alloc(0));
    if (!lines) return [`${batchName(tree.size)} is missing`];
    for (const line of lines) tree = append(tree, leafHash(line));
    const name = checkpointName(tree.size);
    const checkpoint = await log.read(name);
    if (!checkpoint) return [`${name} is missing`];
    if (!says(checkpoint, origin, tree)) return [`${name} and the lines before it do not agree`];
  }
  if (tree.size !== size || rootOf(tree).toString('hex') !== head.root) return [`the lines before ${size} are not those that were signed`];
  return overwritten(client, bucket, origin);
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

/** Every key of the log has one version, and none is hidden. */
async function overwritten(client: S3Client, bucket: string, origin: string): Promise<string[]> {
  const faults: string[] = [];
  for await (const { name, versions } of versionsOf(client, bucket, `${origin}/`)) {
    if (versions !== 1) faults.push(`${name} has ${versions} versions`);
  }
  return faults;
}
