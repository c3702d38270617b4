import { afterAll, expect, test } from 'vitest';
import { Clock } from '../../../local/clock.ts';
import { Iam } from '../../../local/iam/iam.ts';
import { Roles } from '../../../local/iam/roles.ts';
import { createS3 } from '../../../local/s3/s3.ts';
import type { Caller, ServiceRequest } from '../../../local/service.ts';
import { makeContext } from '../context.ts';
import { ADMIN } from './s3-server.ts';

const account = '000000000000';
const context = makeContext('s3');
const s3 = await createS3(context);
const roles = new Roles({ account, partition: 'aws' });
const iam = new Iam({
  account,
  region: 'eu-central-1',
  partition: 'aws',
  clock: new Clock(),
  roles,
  resourcePolicy: (arn) => s3.resourcePolicy?.(arn),
});
const SEALER: Caller = { kind: 'role', accessKeyId: 'a', roleArn: `arn:aws:iam::${account}:role/sealer`, functionName: 'sealer' };

const statement = (Effect: string, Action: string | string[], Resource: string | string[], more: object = {}) => ({
  Effect,
  Action,
  Resource,
  ...more,
});
const declared = { stack: 'S', assembly: '', asset: () => undefined };
const trust = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
};
const identity = [
  statement('Allow', 's3:PutObject', 'arn:aws:s3:::log/batch/*'),
  statement('Allow', ['s3:GetObject', 's3:DeleteObjectVersion'], 'arn:aws:s3:::log/*'),
  statement('Allow', 's3:ListBucket', 'arn:aws:s3:::log', { Condition: { StringLike: { 's3:prefix': 'batch/*' } } }),
];
const everyone = { Principal: '*' };
const bucketPolicy = [
  statement('Deny', 's3:PutObject', 'arn:aws:s3:::log/*', { ...everyone, Condition: { Null: { 's3:if-none-match': 'true' } } }),
  statement('Deny', 's3:DeleteObject*', 'arn:aws:s3:::log/*', everyone),
];
await roles.resources['AWS::IAM::Role']!({
  ...declared,
  logicalId: 'sealer',
  type: 'AWS::IAM::Role',
  defaultName: 'sealer',
  properties: {
    RoleName: 'sealer',
    AssumeRolePolicyDocument: trust,
    Policies: [{ PolicyName: 'p', PolicyDocument: { Version: '2012-10-17', Statement: identity } }],
  },
});
const resource = (type: string, properties: Record<string, unknown>) =>
  s3.resources[type]!({ ...declared, logicalId: 'Log', type, defaultName: 'log', properties });
await resource('AWS::S3::Bucket', { BucketName: 'log', ObjectLockEnabled: true });
await resource('AWS::S3::BucketPolicy', { Bucket: 'log', PolicyDocument: { Version: '2012-10-17', Statement: bucketPolicy } });

afterAll(() => context.dispose());

async function decide(caller: Caller, method: string, path: string, headers: Record<string, string> = {}) {
  const url = new URL(path, 'http://127.0.0.1');
  const request: ServiceRequest = { method, url, headers, body: Buffer.alloc(0), caller, requestId: 'r', presigned: false };
  return (await iam.decideAll(caller, await s3.checks(request)))?.decision;
}

const once = { 'if-none-match': '*' };
const version = '0'.repeat(32);

test.each([
  ['a create-once put', 'PUT', '/log/batch/1', once, 'allowed', 'allowed'],
  ['a put that could overwrite', 'PUT', '/log/batch/1', {}, 'denied', 'denied'],
  ['a put elsewhere', 'PUT', '/log/other', once, 'implicitDeny', 'allowed'],
  ['a put with a lock of its own', 'PUT', '/log/batch/1', { ...once, 'x-amz-object-lock-mode': 'COMPLIANCE' }, 'implicitDeny', 'allowed'],
  ['a read', 'GET', '/log/batch/1', {}, 'allowed', 'allowed'],
  ['a read by version', 'GET', `/log/batch/1?versionId=${version}`, {}, 'implicitDeny', 'allowed'],
  ['a list inside the prefix', 'GET', '/log?list-type=2&prefix=batch/1', {}, 'allowed', 'allowed'],
  ['a list of everything', 'GET', '/log?list-type=2', {}, 'implicitDeny', 'allowed'],
  ['the deletion of a version', 'DELETE', `/log/batch/1?versionId=${version}`, {}, 'denied', 'denied'],
  ['the list of all buckets', 'GET', '/', {}, 'implicitDeny', 'allowed'],
])('%s is decided by role and bucket policy', async (_name, method, path, headers, forRole, forAdmin) => {
  expect([
    await decide(SEALER, method, path, headers as Record<string, string>),
    await decide(ADMIN, method, path, headers as Record<string, string>),
  ]).toEqual([forRole, forAdmin]);
});

test('headers in the query of a presigned request count', async () => {
  const url = new URL('http://127.0.0.1/log/batch/1?X-Amz-Signature=s&x-amz-object-lock-mode=COMPLIANCE');
  const request = { method: 'PUT', url, headers: once, body: Buffer.alloc(0), caller: SEALER, requestId: 'r', presigned: true };
  const checks = await s3.checks(request);
  expect(checks.map(({ action }) => action)).toEqual(['s3:PutObject', 's3:PutObjectRetention']);
  expect(checks[0]!.context!['s3:authType']).toBe('REST-QUERY-STRING');
});
