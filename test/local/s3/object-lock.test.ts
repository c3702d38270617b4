import {
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectRetentionCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type S3Server, startS3 } from './s3-server.ts';

const DAY_MS = 86_400_000;
const Bucket = 'log';
const Key = 'batch/1';
const LOCKED = 'Access Denied because object protected by object lock.';

let server: S3Server;
let s3: S3Client;

beforeEach(async () => {
  server = await startS3();
  s3 = clientFor(server);
  await s3.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
});
afterEach(async () => {
  s3.destroy();
  await server.context.dispose();
});

function clientFor({ origin }: S3Server): S3Client {
  return new S3Client({
    endpoint: origin,
    region: 'eu-central-1',
    maxAttempts: 1,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
}

const inDays = (days: number) => new Date(server.context.clock.now() + days * DAY_MS);

async function putLocked(mode: 'COMPLIANCE' | 'GOVERNANCE', days: number): Promise<string> {
  const lock = { ObjectLockMode: mode, ObjectLockRetainUntilDate: inDays(days) };
  return (await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x', ...lock }))).VersionId!;
}

const remove = (VersionId: string, BypassGovernanceRetention = false) =>
  s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId, BypassGovernanceRetention }));
const retain = (VersionId: string, mode: 'COMPLIANCE' | 'GOVERNANCE', days: number, BypassGovernanceRetention = false) =>
  s3.send(
    new PutObjectRetentionCommand({
      Bucket,
      Key,
      VersionId,
      Retention: { Mode: mode, RetainUntilDate: inDays(days) },
      BypassGovernanceRetention,
    }),
  );

describe('COMPLIANCE', () => {
  test('holds a version against everyone until the virtual date, then it can be deleted', async () => {
    const version = await putLocked('COMPLIANCE', 2);
    await expect(remove(version)).rejects.toThrow(LOCKED);
    await expect(remove(version, true)).rejects.toThrow(LOCKED);
    await server.context.clock.advance(2 * DAY_MS + 1000);
    await remove(version);
    expect(server.service).toBeDefined();
    await expect(s3.send(new GetObjectRetentionCommand({ Bucket, Key, VersionId: version }))).rejects.toThrow(/does not exist/);
  });

  test('can be extended, and neither shortened nor turned into GOVERNANCE, even with the bypass header', async () => {
    const version = await putLocked('COMPLIANCE', 2);
    await retain(version, 'COMPLIANCE', 5);
    await expect(retain(version, 'COMPLIANCE', 3, true)).rejects.toThrow(LOCKED);
    await expect(retain(version, 'GOVERNANCE', 9, true)).rejects.toThrow(LOCKED);
  });
});

describe('GOVERNANCE', () => {
  test('yields to the bypass header only', async () => {
    const version = await putLocked('GOVERNANCE', 2);
    await expect(remove(version)).rejects.toThrow(LOCKED);
    await expect(retain(version, 'GOVERNANCE', 1)).rejects.toThrow(LOCKED);
    await retain(version, 'GOVERNANCE', 1, true);
    await remove(version, true);
  });

  test('asks IAM for s3:BypassGovernanceRetention where the header is sent', async () => {
    const version = await putLocked('GOVERNANCE', 2);
    server.checks.length = 0;
    await remove(version, true);
    expect(server.checks.map((check) => check.action)).toEqual(['s3:DeleteObjectVersion', 's3:BypassGovernanceRetention']);
    expect(server.checks[0]!.resource).toBe(`arn:aws:s3:::${Bucket}/${Key}`);
  });

  test('is not bypassed inside a batch without that permission', async () => {
    const version = await putLocked('GOVERNANCE', 2);
    await server.context.stop();
    server = await startS3({
      data: server.context.data,
      caller: { kind: 'role', accessKeyId: 'a', roleArn: 'arn:aws:iam::000000000000:role/x' },
      allowed: (check) => check.action !== 's3:BypassGovernanceRetention',
    });
    s3 = clientFor(server);
    const batch = { Objects: [{ Key, VersionId: version }, { Key: 'unknown' }] };
    const { Errors, Deleted } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: batch, BypassGovernanceRetention: true }));
    expect(Errors?.map(({ Code }) => Code)).toEqual(['AccessDenied', 'AccessDenied']);
    expect(Deleted ?? []).toEqual([]);
  });
});

describe('other rules', () => {
  test('a legal hold holds without a date', async () => {
    const { VersionId } = await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x', ObjectLockLegalHoldStatus: 'ON' }));
    await server.context.clock.advance(1000 * DAY_MS);
    await expect(remove(VersionId!, true)).rejects.toThrow(LOCKED);
    await s3.send(new PutObjectLegalHoldCommand({ Bucket, Key, VersionId, LegalHold: { Status: 'OFF' } }));
    await remove(VersionId!);
  });

  test.each([
    ['a date in the past', { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: new Date(0) }, 'InvalidArgument'],
    ['a mode without a date', { ObjectLockMode: 'COMPLIANCE' }, 'InvalidArgument'],
    ['an unknown mode', { ObjectLockMode: 'FOREVER', ObjectLockRetainUntilDate: new Date('2999-01-01') }, 'InvalidArgument'],
  ])('%s is refused and stores nothing', async (_name, lock, code) => {
    const put = s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x', ...(lock as object) }));
    await expect(put).rejects.toMatchObject({ name: code });
    await expect(remove('null')).resolves.toBeDefined();
    await expect(s3.send(new GetObjectRetentionCommand({ Bucket, Key }))).rejects.toMatchObject({ name: 'NoSuchKey' });
  });

  test('a bucket without Object Lock takes no lock', async () => {
    await s3.send(new CreateBucketCommand({ Bucket: 'plain' }));
    const put = s3.send(new PutObjectCommand({ Bucket: 'plain', Key, Body: 'x', ObjectLockLegalHoldStatus: 'ON' }));
    await expect(put).rejects.toMatchObject({ name: 'InvalidRequest' });
  });

  test('permissions of a put name the lock and the create-once header', async () => {
    server.checks.length = 0;
    const lock = { ObjectLockMode: 'GOVERNANCE' as const, ObjectLockRetainUntilDate: inDays(10) };
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x', IfNoneMatch: '*', ...lock }));
    expect(server.checks.map((check) => check.action)).toEqual(['s3:PutObject', 's3:PutObjectRetention']);
    expect(server.checks[0]!.context).toMatchObject({
      's3:if-none-match': '*',
      's3:object-lock-mode': 'GOVERNANCE',
      's3:object-lock-remaining-retention-days': '10',
    });
  });
});
