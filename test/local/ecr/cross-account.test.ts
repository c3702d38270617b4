import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Iam } from '../../../local/iam/iam.ts';
import { Roles } from '../../../local/iam/roles.ts';
import type { Caller, IamCheck } from '../../../local/service.ts';
import { imageOf, sha256 } from '../registry/open-test-registry.ts';
import { DEV, openTestEcr, PROD, requestOf, type TestEcr } from './open-test-ecr.ts';

const account = '000000000000';
const PUSH = [
  'ecr:BatchCheckLayerAvailability',
  'ecr:InitiateLayerUpload',
  'ecr:UploadLayerPart',
  'ecr:CompleteLayerUpload',
  'ecr:PutImage',
];

let test: TestEcr;
let iam: Iam;
let roles: Roles;

beforeEach(async () => {
  roles = new Roles({ account, partition: 'aws' });
  test = await openTestEcr({
    context: { allowed: async (caller: Caller, check: IamCheck) => (await iam.decide(caller, check)).decision === 'allowed' },
    registries: [
      { name: 'dev', account: DEV, anonymous: 'none' },
      { name: 'prod', account: PROD, anonymous: 'none', trustedRolePattern: `arn:aws:iam::${account}:role/copier-*` },
      { name: 'own', account, anonymous: 'none', trustedRolePattern: `arn:aws:iam::${account}:role/copier-*` },
    ],
  });
  const resourcePolicy = (arn: string) => test.ecr.resourcePolicy!(arn);
  iam = new Iam({ account, region: 'eu-central-1', partition: 'aws', clock: test.context.clock, roles, resourcePolicy });
});

afterEach(async () => {
  await test.dispose();
});

async function role(name: string, actions: string[]): Promise<Caller> {
  const statement = { Effect: 'Allow', Action: actions, Resource: '*' };
  const made = await roles.resources['AWS::IAM::Role']!({
    stack: 's',
    logicalId: name,
    type: 'AWS::IAM::Role',
    properties: {
      RoleName: name,
      AssumeRolePolicyDocument: { Version: '2012-10-17', Statement: [] },
      Policies: actions.length === 0 ? [] : [{ PolicyName: 'own', PolicyDocument: { Version: '2012-10-17', Statement: [statement] } }],
    },
    defaultName: name,
    assembly: '/',
    asset: () => undefined,
  });
  return { kind: 'role', accessKeyId: 'k', roleArn: made.attributes!.Arn!, functionName: 'copy' };
}

async function push(caller: Caller, registry: string): Promise<number[]> {
  const headers = { authorization: `Basic ${await tokenOf(caller)}`, 'content-type': 'application/vnd.oci.image.manifest.v1+json' };
  const base = `http://${test.ecr.origins[registry]}/v2/team/app`;
  const statuses: number[] = [];
  for (const blob of ['{}', 'layer']) {
    statuses.push((await fetch(`${base}/blobs/uploads/?digest=${sha256(blob)}`, { method: 'POST', body: blob, headers })).status);
  }
  statuses.push((await fetch(`${base}/manifests/v1`, { method: 'PUT', body: imageOf('layer'), headers })).status);
  return statuses;
}

describe('another account’s registry under IAM', () => {
  it('is open to a trusted role whose own policy allows the push too', async () => {
    expect(await push(await role('copier-a', PUSH), 'prod')).toEqual([201, 201, 201]);
  });

  it.each([
    ['a role that the repository policy does not trust', 'stranger', PUSH, 'prod'],
    ['a role in a registry without a policy', 'copier-a', PUSH, 'dev'],
    ['a trusted role without a policy of its own', 'copier-a', [], 'prod'],
    ['a trusted role without a policy of its own, within one account', 'copier-a', [], 'own'],
  ])('is closed to %s', async (_who, name, actions, registry) => {
    expect(await push(await role(name, actions), registry)).toEqual([403, 403, 403]);
  });

  it('refuses the one step that a role may not do', async () => {
    const caller = await role(
      'copier-a',
      PUSH.filter((action) => action !== 'ecr:PutImage'),
    );
    expect(await push(caller, 'prod')).toEqual([201, 201, 403]);
    expect(test.context.calls.at(-1)).toMatchObject({ operation: 'PUT manifest', decision: 'denied', function: 'copy' });
  });

  it('is open to the administrator', async () => {
    expect(await push({ kind: 'admin', accessKeyId: 'admin' }, 'prod')).toEqual([201, 201, 201]);
  });

  it('asks only for actions that IAM knows', async () => {
    const caller = await role('copier-a', ['ecr:*']);
    await push(caller, 'own');
    const operations = [
      'DescribeImages',
      'ListImageReferrers',
      'DescribeImageScanFindings',
      'PutImageTagMutability',
      'GetAuthorizationToken',
      'DescribeRegistry',
    ];
    for (const operation of operations) {
      const body = Buffer.from(JSON.stringify({ repositoryName: 'team/app', registryId: account }));
      const checks = await test.ecr.checks(requestOf({ 'x-amz-target': `AmazonEC2ContainerRegistry_V20150921.${operation}` }, body));
      for (const check of checks) expect(await iam.decide(caller, check)).toMatchObject({ decision: 'allowed' });
    }
    for (const path of ['/v2/_catalog', '/v2/team/app/tags/list', `/v2/team/app/referrers/${sha256('x')}`, '/v2/team/app/manifests/v1']) {
      const answer = await fetch(`http://${test.ecr.origins.own}${path}`, { headers: { authorization: `Basic ${await tokenOf(caller)}` } });
      expect([path, answer.status]).toEqual([path, 200]);
    }
  });
});

async function tokenOf(caller: Caller): Promise<string> {
  const target = { 'x-amz-target': 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken' };
  const answer = await test.ecr.handle(requestOf(target, Buffer.from('{}'), caller));
  return JSON.parse(String(answer.body)).authorizationData[0].authorizationToken;
}
