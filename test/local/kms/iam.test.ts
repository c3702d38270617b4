import { afterAll, expect, test } from 'vitest';
import { Clock } from '../../../local/clock.ts';
import { Iam } from '../../../local/iam/iam.ts';
import { Roles } from '../../../local/iam/roles.ts';
import { createKms } from '../../../local/kms/kms.ts';
import type { Caller, ServiceRequest } from '../../../local/service.ts';
import { makeContext } from '../context.ts';

const account = '000000000000';
const context = makeContext('kms');
const kms = await createKms(context);
const roles = new Roles({ account, partition: 'aws' });
const iam = new Iam({
  account,
  region: 'eu-central-1',
  partition: 'aws',
  clock: new Clock(),
  roles,
  resourcePolicy: (arn) => kms.resourcePolicy?.(arn),
});
const declared = { stack: 'S', assembly: '', asset: () => undefined };
const document = (...Statement: object[]) => ({ Version: '2012-10-17', Statement });

async function role(name: string, ...statements: object[]): Promise<Caller> {
  const trust = document({ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' });
  const policies = statements.length > 0 ? { Policies: [{ PolicyName: 'p', PolicyDocument: document(...statements) }] } : {};
  const properties = { RoleName: name, AssumeRolePolicyDocument: trust, ...policies };
  await roles.resources['AWS::IAM::Role']!({ ...declared, logicalId: name, type: 'AWS::IAM::Role', defaultName: name, properties });
  return { kind: 'role', accessKeyId: name, roleArn: `arn:aws:iam::${account}:role/${name}`, functionName: name };
}

async function key(logicalId: string, KeyPolicy: object): Promise<string> {
  const properties = { KeySpec: 'ECC_NIST_EDWARDS25519', KeyUsage: 'SIGN_VERIFY', KeyPolicy };
  return (await kms.resources['AWS::KMS::Key']!({ ...declared, logicalId, type: 'AWS::KMS::Key', defaultName: logicalId, properties })).ref;
}

const signer = await role('signer', { Effect: 'Allow', Action: 'kms:Sign', Resource: '*' });
const stranger = await role('stranger');
const principal = (name: string) => ({ AWS: `arn:aws:iam::${account}:${name}` });
const delegating = await key('Delegating', document({ Effect: 'Allow', Principal: principal('root'), Action: 'kms:*', Resource: '*' }));
const direct = await key('Direct', document({ Effect: 'Allow', Principal: principal('role/stranger'), Action: 'kms:Sign', Resource: '*' }));

afterAll(() => context.dispose());

async function decide(caller: Caller, KeyId: string) {
  const request: ServiceRequest = {
    method: 'POST',
    url: new URL('http://127.0.0.1/'),
    headers: { 'x-amz-target': 'TrentService.Sign' },
    body: Buffer.from(JSON.stringify({ KeyId, Message: 'bQ==', MessageType: 'RAW', SigningAlgorithm: 'ED25519_SHA_512' })),
    caller,
    requestId: 'r',
    presigned: false,
  };
  return (await iam.decideAll(caller, await kms.checks(request)))?.decision;
}

test.each([
  ['a key that delegates to the account lets an allowed role sign', signer, delegating, 'allowed'],
  ['a key that delegates to the account lets no other role sign', stranger, delegating, 'implicitDeny'],
  ['a key that names a role lets it sign without an identity policy', stranger, direct, 'allowed'],
  ['a key that does not delegate ignores identity policies', signer, direct, 'implicitDeny'],
])('%s', async (_name, caller, keyId, decision) => {
  expect(await decide(caller, keyId)).toBe(decision);
});
