/** What the guard finds in a log and in the lock of its bucket; each kind is an alarm of lib/alarms.ts. */
import {
  DeleteObjectCommand,
  type GetObjectLockConfigurationCommandOutput,
  type ListObjectVersionsCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogHead } from '../../../adapters/audit/log-head.ts';
import { seal } from '../../../adapters/audit/sealer.ts';
import type { StoredLog } from '../../../adapters/audit/stored-lines.ts';
import { lockFaults, remembering, tailFaults } from '../../../adapters/audit/watch-log.ts';
import { BUCKET, Events, type LogCloud, ORIGIN, startLogCloud, writeMany } from './log-cloud.ts';

const WANTED = { mode: 'GOVERNANCE', days: 731 };
let cloud: LogCloud;
let head: LogHead;
beforeEach(async () => {
  cloud = await startLogCloud();
  await writeMany(new Events(cloud.table), cloud.table, 150);
  await seal(cloud.parts, () => true);
  head = (await cloud.parts.log.head())!;
});
afterEach(() => cloud.dispose());

describe('the lines', () => {
  const look = async (log: StoredLog = cloud.vault, at = head, client = cloud.s3, older = log) => {
    const tiled = await cloud.parts.log.tiled();
    return tailFaults(client, BUCKET, ORIGIN, { log, older, head: at, tiled, now: cloud.clock.now() });
  };
  /** The log with one object as somebody else wants it to be. */
  const changed = (wanted: string, change: (bytes: Buffer) => Buffer | undefined): StoredLog => ({
    batches: (from, to) => cloud.vault.batches(from, to),
    read: async (name) => {
      const bytes = await cloud.vault.read(name);
      return name === wanted && bytes ? change(bytes) : bytes;
    },
  });
  const batch = 'batch/0000000000000000';

  it('of a log that is whole are in order', async () => {
    expect(await look()).toEqual([]);
  });

  it('that are missing, or whose checkpoint is, are a gap', async () => {
    const checkpoint = `checkpoint/${String((await cloud.vault.batches(0, head.tree.size))[1]).padStart(16, '0')}`;
    expect(await look(changed(batch, () => undefined))).toEqual([`${batch} is missing`]);
    expect(await look(changed(checkpoint, () => undefined))).toEqual([`${checkpoint} is missing`]);
  });

  it('that are others than were signed are told, and so is a head of another history', async () => {
    const size = head.tree.size;
    expect(await look(changed(batch, (bytes) => Buffer.from(bytes.toString().replace('"ts":"2', '"ts":"3'))))).toEqual([
      'checkpoint/0000000000000099 and the lines before it do not agree',
    ]);
    expect(await look(cloud.vault, { ...head, root: 'ab'.repeat(32) })).toEqual([
      `the lines before ${size} are not those that were signed`,
    ]);
    const last = `checkpoint/${String(size).padStart(16, '0')}`;
    for (const other of ['', 'no note', head.checkpoint.replace(String(size), String(size - 1)), head.checkpoint.replace('audit', 'other')])
      expect(await look(changed(last, () => Buffer.from(other)))).toEqual([`${last} and the lines before it do not agree`]);
  });

  it('that are hidden behind a delete marker are a gap, though the first ones are not even listed', async () => {
    await cloud.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: `${ORIGIN}/${batch}` }));
    expect(await look()).toEqual([expect.stringMatching(/^lines 0 to \d+ are not all in the log$/)]);
  });

  it('of a quiet log are read of the last two hours, and those before are missed by their names', async () => {
    const events = new Events(cloud.table);
    for (let hour = 0; hour < 24; hour++) {
      cloud.clock.add(3_600_000);
      await writeMany(events, cloud.table, 1);
      await seal(cloud.parts, () => true);
    }
    head = (await cloud.parts.log.head())!;
    const read: string[] = [];
    const counted: StoredLog = {
      batches: (from, to) => cloud.vault.batches(from, to),
      read: (name) => {
        read.push(name);
        return cloud.vault.read(name);
      },
    };
    expect(await look(counted)).toEqual([]);
    expect(read.filter((name) => name.startsWith('checkpoint/'))).toHaveLength(8);
    // Those before are read for the tree alone: once.
    const older = remembering(counted);
    for (let looks = 0; looks < 2; looks++) {
      read.length = 0;
      expect(await look(cloud.vault, head, cloud.s3, older)).toEqual([]);
      expect(read.filter((name) => name.startsWith('batch/')).length > 0).toBe(looks === 0);
    }
    const starts = await cloud.vault.batches(0, head.tree.size);
    for (const [kind, number] of [
      ['batch', 1],
      ['batch', 9],
      ['checkpoint', 9],
    ] as const) {
      const gone = `${kind}/${String(starts[number]).padStart(16, '0')}`;
      // As if somebody had deleted the one version that there was.
      const without = {
        send: async (command: Parameters<S3Client['send']>[0]) => {
          const answer = (await cloud.s3.send(command)) as ListObjectVersionsCommandOutput;
          const { Versions } = answer;
          return Versions ? { ...answer, Versions: Versions.filter(({ Key }) => Key !== `${ORIGIN}/${gone}`) } : answer;
        },
      } as unknown as S3Client;
      expect(await look(cloud.vault, head, without)).toEqual([`${gone} is missing`]);
    }
  });

  it('are whole only while every object beside them has one version', async () => {
    await cloud.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: `${ORIGIN}/keys/0001` }));
    expect(await look()).toEqual(['keys/0001 has 2 versions']);
  });
});

describe('the lock', () => {
  const look = (client: S3Client = cloud.s3, wanted = WANTED) =>
    lockFaults(client, BUCKET, ORIGIN, wanted, head, new Date('2026-03-01T10:00:00Z'));
  /** The bucket as it answers after somebody has changed its settings. */
  const answering = (name: string, answer: object): S3Client =>
    ({
      send: async (command: { constructor: { name: string } }) =>
        command.constructor.name === name ? answer : cloud.s3.send(command as Parameters<S3Client['send']>[0]),
    }) as unknown as S3Client;
  const lock = (answer: GetObjectLockConfigurationCommandOutput['ObjectLockConfiguration']) =>
    answering('GetObjectLockConfigurationCommand', { ObjectLockConfiguration: answer });

  it('as it was deployed is in order', async () => {
    expect(await look()).toEqual([]);
  });

  it('AUD-13: turned off, weakened or shortened is told', async () => {
    expect(await look(lock(undefined))).toEqual([
      'object lock is not enabled',
      'the default lock is none, not GOVERNANCE',
      'the default retention is 0 days, not 731',
    ]);
    expect(await look(lock({ ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 30 } } }))).toEqual([
      'the default retention is 30 days, not 731',
    ]);
    expect(await look(cloud.s3, { mode: 'COMPLIANCE', days: 731 })).toEqual(['the default lock is GOVERNANCE, not COMPLIANCE']);
    expect(await look(answering('GetBucketVersioningCommand', { Status: 'Suspended' }))).toEqual(['versioning is not enabled']);
  });

  it('longer than it was deployed is no fault', async () => {
    expect(await look(lock({ ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 3650 } } }))).toEqual([]);
  });

  it('of the newest checkpoint is looked at by itself: a bucket may have been weak for a while', async () => {
    const written = new Date('2026-03-01T10:00:00Z');
    const until = new Date(written.getTime() + 30 * 86_400_000);
    expect(await look(answering('HeadObjectCommand', { LastModified: written, ObjectLockRetainUntilDate: until }))).toEqual([
      `the newest checkpoint is locked until ${until.toISOString()} only`,
    ]);
    expect(await look(answering('HeadObjectCommand', {}))).toEqual(['the newest checkpoint is locked until never only']);
  });
});
