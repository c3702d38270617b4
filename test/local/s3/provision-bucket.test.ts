import {
  GetBucketEncryptionCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ServiceRequest } from '../../../local/service.ts';
import { ADMIN, type S3Server, startS3 } from './s3-server.ts';

const DAY_MS = 86_400_000;
let server: S3Server;
let s3: S3Client;

beforeEach(async () => {
  server = await startS3();
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  s3 = new S3Client({ endpoint: server.origin, region: 'eu-central-1', maxAttempts: 1, credentials });
});
afterEach(async () => {
  s3.destroy();
  await server.context.dispose();
});

function declare(properties: Record<string, unknown>, type = 'AWS::S3::Bucket') {
  const request = {
    stack: 'State',
    logicalId: 'Log',
    type,
    properties,
    defaultName: 'State-Log-1A2B',
    assembly: '',
    asset: () => undefined,
  };
  return server.service.resources[type]!(request);
}

const put = (Bucket: string, Key: string) => s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));

test('the same declaration twice keeps the bucket and what is in it', async () => {
  const first = await declare({ ObjectLockEnabled: true });
  await put(first.ref, 'k');
  expect(first.ref).toBe('state-log-1a2b');
  expect(first.attributes?.Arn).toBe('arn:aws:s3:::state-log-1a2b');
  expect(await declare({ ObjectLockEnabled: true })).toEqual(first);
  expect((await s3.send(new ListObjectsV2Command({ Bucket: first.ref }))).KeyCount).toBe(1);
});

test.each([
  [{ ReplicationConfiguration: {} }, 'ReplicationConfiguration'],
  [{ WebsiteConfiguration: {} }, 'WebsiteConfiguration'],
  [{ LifecycleConfiguration: { Rules: [{ Status: 'Enabled', Transitions: [] }] } }, 'Transitions'],
])('a property that is not served stops the start with its name', async (properties, name) => {
  await expect(declare(properties)).rejects.toThrow(new RegExp(`State/Log.*${name}`));
});

test('Object Lock is never taken from a bucket that has it', async () => {
  await declare({ ObjectLockEnabled: true });
  await expect(declare({})).rejects.toThrow(/can not be turned off/);
});

test('the bucket policy is answered for the bucket and for each of its objects', async () => {
  const { ref } = await declare({});
  const policy = { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Principal: '*', Action: 's3:DeleteObject*', Resource: '*' }] };
  await declare({ Bucket: ref, PolicyDocument: policy }, 'AWS::S3::BucketPolicy');
  expect(server.service.resourcePolicy!(`arn:aws:s3:::${ref}`)).toEqual(policy);
  expect(server.service.resourcePolicy!(`arn:aws:s3:::${ref}/a/b`)).toEqual(policy);
  expect(server.service.resourcePolicy!('arn:aws:s3:::other')).toBeUndefined();
});

test('a customer key is reported and asked for when writing and reading', async () => {
  const key = 'arn:aws:kms:eu-central-1:000000000000:key/11111111-2222-3333-4444-555555555555';
  const rule = { BucketKeyEnabled: true, ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: key } };
  const { ref } = await declare({ BucketEncryption: { ServerSideEncryptionConfiguration: [rule] } });
  const { ServerSideEncryptionConfiguration } = await s3.send(new GetBucketEncryptionCommand({ Bucket: ref }));
  expect(ServerSideEncryptionConfiguration?.Rules?.[0]?.ApplyServerSideEncryptionByDefault?.KMSMasterKeyID).toBe(key);
  await put(ref, 'k');
  const read: ServiceRequest = {
    method: 'GET',
    url: new URL(`${server.origin}/${ref}/k`),
    headers: {},
    body: Buffer.alloc(0),
    caller: ADMIN,
    requestId: 'r',
    presigned: false,
  };
  const actions = (await server.service.checks(read)).map(({ action, resource }) => [action, resource]);
  expect(actions).toEqual([
    ['s3:GetObject', `arn:aws:s3:::${ref}/k`],
    ['kms:Decrypt', key],
  ]);
});

test('lifecycle expires on the virtual clock, and a lock outlasts it', async () => {
  const rules = [{ Status: 'Enabled', ExpirationInDays: 2, NoncurrentVersionExpiration: { NoncurrentDays: 1 } }];
  const ObjectLockConfiguration = { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 10 } } };
  const { ref } = await declare({ ObjectLockEnabled: true, ObjectLockConfiguration, LifecycleConfiguration: { Rules: rules } });
  await put(ref, 'k');
  await server.context.clock.advance(4 * DAY_MS);
  const expired = await s3.send(new ListObjectVersionsCommand({ Bucket: ref }));
  expect([expired.DeleteMarkers?.length, expired.Versions?.length]).toEqual([1, 1]);
  await server.context.clock.advance(8 * DAY_MS);
  const gone = await s3.send(new ListObjectVersionsCommand({ Bucket: ref }));
  expect([gone.DeleteMarkers?.length ?? 0, gone.Versions?.length ?? 0]).toEqual([0, 0]);
});
