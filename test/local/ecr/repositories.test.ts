import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import {
  CreateRepositoryCommand,
  DeleteRepositoryCommand,
  DescribeRegistryCommand,
  DescribeRepositoriesCommand,
  GetAuthorizationTokenCommand,
  GetLifecyclePolicyCommand,
  GetRepositoryPolicyCommand,
  PutImageTagMutabilityCommand,
  PutLifecyclePolicyCommand,
  PutReplicationConfigurationCommand,
  SetRepositoryPolicyCommand,
} from '@aws-sdk/client-ecr';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEV, openTestEcr, PROD, requestOf, type TestEcr } from './open-test-ecr.ts';

const run = promisify(execFile);
const awsInstalled = spawnSync('aws', ['--version']).status === 0;
const repositoryName = 'team/app';
let test: TestEcr;

beforeEach(async () => {
  test = await openTestEcr();
});

afterEach(async () => {
  await test.dispose();
});

describe('repositories of ECR', () => {
  it('creates, describes, changes, deletes, and keeps all of it over a restart', async () => {
    const created = await test.client.send(new CreateRepositoryCommand({ repositoryName, imageTagMutability: 'IMMUTABLE' }));
    expect(created.repository).toMatchObject({
      repositoryArn: `arn:aws:ecr:eu-central-1:${DEV}:repository/team/app`,
      registryId: DEV,
      repositoryUri: `${test.ecr.origins.dev}/team/app`,
      imageTagMutability: 'IMMUTABLE',
    });
    await expect(test.client.send(new CreateRepositoryCommand({ repositoryName }))).rejects.toMatchObject({
      name: 'RepositoryAlreadyExistsException',
    });
    const imageTagMutabilityExclusionFilters = [{ filterType: 'WILDCARD' as const, filter: 'latest*' }];
    const imageTagMutability = 'IMMUTABLE_WITH_EXCLUSION';
    await test.client.send(new PutImageTagMutabilityCommand({ repositoryName, imageTagMutability, imageTagMutabilityExclusionFilters }));
    const lifecyclePolicyText = JSON.stringify({
      rules: [
        {
          rulePriority: 1,
          selection: { tagStatus: 'untagged', countType: 'imageCountMoreThan', countNumber: 1 },
          action: { type: 'expire' },
        },
      ],
    });
    await test.client.send(new PutLifecyclePolicyCommand({ repositoryName, lifecyclePolicyText }));
    await test.push(repositoryName, 'v1', 'layer');

    await test.stop();
    test = await openTestEcr({ context: { data: test.context.data } });
    const { repositories } = await test.client.send(new DescribeRepositoriesCommand({ repositoryNames: [repositoryName] }));
    expect(repositories).toMatchObject([{ repositoryName, imageTagMutability, imageTagMutabilityExclusionFilters }]);
    expect((await test.client.send(new GetLifecyclePolicyCommand({ repositoryName }))).lifecyclePolicyText).toBe(lifecyclePolicyText);
    await expect(test.client.send(new DeleteRepositoryCommand({ repositoryName }))).rejects.toMatchObject({
      name: 'RepositoryNotEmptyException',
    });
    await test.client.send(new DeleteRepositoryCommand({ repositoryName, force: true }));
    await expect(test.client.send(new DescribeRepositoriesCommand({ repositoryNames: [repositoryName] }))).rejects.toMatchObject({
      name: 'RepositoryNotFoundException',
    });
  });

  it.each([
    ['a rule without filters', { imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION' }],
    ['a filter with three wildcards', { imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION', filters: ['*a*b*'] }],
    ['six filters', { imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION', filters: ['a', 'b', 'c', 'd', 'e', 'f'] }],
    ['filters on a plain rule', { imageTagMutability: 'IMMUTABLE', filters: ['a'] }],
    ['an unknown rule', { imageTagMutability: 'SOMETIMES' }],
  ])('refuses %s', async (_what, { imageTagMutability, filters }: { imageTagMutability: string; filters?: string[] }) => {
    const input = {
      repositoryName,
      imageTagMutability: imageTagMutability as 'IMMUTABLE',
      ...(filters && { imageTagMutabilityExclusionFilters: filters.map((filter) => ({ filterType: 'WILDCARD' as const, filter })) }),
    };
    await expect(test.client.send(new CreateRepositoryCommand(input))).rejects.toMatchObject({ name: 'InvalidParameterException' });
  });

  it('keeps the accounts apart and makes repositories of a trusting registry with its policy', async () => {
    await test.push(repositoryName, 'v1', 'layer');
    await expect(
      test.client.send(new DescribeRepositoriesCommand({ registryId: PROD, repositoryNames: [repositoryName] })),
    ).rejects.toThrow(`does not exist in the registry with id '${PROD}'`);
    await test.client.send(new CreateRepositoryCommand({ registryId: PROD, repositoryName }));
    const { policyText } = await test.client.send(new GetRepositoryPolicyCommand({ registryId: PROD, repositoryName }));
    expect(JSON.parse(policyText!).Statement[0]).toMatchObject({
      Principal: { AWS: 'arn:aws:iam::000000000000:root' },
      Condition: { ArnLike: { 'aws:PrincipalArn': 'arn:aws:iam::000000000000:role/copier*' } },
    });
    const prodArn = `arn:aws:ecr:eu-central-1:${PROD}:repository`;
    expect(test.ecr.resourcePolicy!(`${prodArn}/team/app`)).toEqual(JSON.parse(policyText!));
    expect(test.ecr.resourcePolicy!(`${prodArn}/not/yet`)).toEqual(JSON.parse(policyText!));
    expect(test.ecr.resourcePolicy!(`arn:aws:ecr:eu-central-1:${DEV}:repository/team/app`)).toBeUndefined();
    await test.client.send(
      new SetRepositoryPolicyCommand({ registryId: PROD, repositoryName, policyText: '{"Version":"2012-10-17","Statement":[]}' }),
    );
    expect(test.ecr.resourcePolicy!(`${prodArn}/team/app`)).toEqual({ Version: '2012-10-17', Statement: [] });
  });

  it('names the repository in each check', () => {
    const checks = (operation: string, input: object) =>
      test.ecr.checks(
        requestOf({ 'x-amz-target': `AmazonEC2ContainerRegistry_V20150921.${operation}` }, Buffer.from(JSON.stringify(input))),
      );
    const arn = (name: string, account = DEV) => `arn:aws:ecr:eu-central-1:${account}:repository/${name}`;
    expect(checks('PutImage', { repositoryName })).toEqual([{ action: 'ecr:PutImage', resource: arn(repositoryName) }]);
    expect(checks('PutImage', { repositoryName, registryId: PROD })).toEqual([
      { action: 'ecr:PutImage', resource: arn(repositoryName, PROD) },
    ]);
    expect(checks('GetAuthorizationToken', {})).toEqual([{ action: 'ecr:GetAuthorizationToken', resource: '*' }]);
    expect(checks('DescribeRepositories', {})).toEqual([{ action: 'ecr:DescribeRepositories', resource: arn('*') }]);
    expect(checks('DescribeRepositories', { repositoryNames: ['a', 'b'] })).toHaveLength(2);
    expect(checks('TagResource', { resourceArn: arn('x') })).toEqual([{ action: 'ecr:TagResource', resource: arn('x') }]);
  });

  it('answers what it does not support with an error and a line in the log', async () => {
    await expect(
      test.client.send(new PutReplicationConfigurationCommand({ replicationConfiguration: { rules: [] } })),
    ).rejects.toMatchObject({ name: 'UnknownOperationException' });
    expect(test.context.logged).toEqual([
      { message: 'ECR operation is not supported', fields: { operation: 'PutReplicationConfiguration' } },
    ]);
    await expect(test.client.send(new DescribeRepositoriesCommand({ registryId: '999999999999' }))).rejects.toMatchObject({
      name: 'InvalidParameterException',
    });
    expect((await test.client.send(new DescribeRegistryCommand({}))).registryId).toBe(DEV);
  });

  it('provisions AWS::ECR::Repository again and again', async () => {
    const provide = (properties: Record<string, unknown>) =>
      test.ecr.resources['AWS::ECR::Repository']!({
        stack: 's',
        logicalId: 'Repo',
        type: 'AWS::ECR::Repository',
        properties,
        defaultName: 'Stack-Repo-1',
        assembly: '.',
        asset: () => '.',
      });
    const filters = [{ ImageTagMutabilityExclusionFilterType: 'WILDCARD', ImageTagMutabilityExclusionFilterValue: 'latest*' }];
    const rule = { ImageTagMutability: 'IMMUTABLE_WITH_EXCLUSION', ImageTagMutabilityExclusionFilters: filters };
    for (let start = 0; start < 2; start++) {
      expect(await provide({ RepositoryName: repositoryName, ...rule })).toEqual({
        ref: repositoryName,
        attributes: {
          Arn: `arn:aws:ecr:eu-central-1:${DEV}:repository/team/app`,
          RepositoryUri: `${test.ecr.origins.dev}/team/app`,
        },
      });
    }
    expect((await provide({})).ref).toBe('stack-repo-1');
    await expect(provide({ NoSuchProperty: 1 })).rejects.toThrow('Repo');
    const { repositories } = await test.client.send(new DescribeRepositoriesCommand({ repositoryNames: [repositoryName] }));
    expect(repositories![0]!.imageTagMutabilityExclusionFilters).toEqual([{ filterType: 'WILDCARD', filter: 'latest*' }]);
  });

  it('makes repositories that a push creates as the template of their longest prefix says', async () => {
    const template = (Prefix: string, more: Record<string, unknown>) =>
      test.ecr.resources['AWS::ECR::RepositoryCreationTemplate']!({
        ...{
          stack: 's',
          logicalId: 'Template',
          type: 'AWS::ECR::RepositoryCreationTemplate',
          defaultName: 'x',
          assembly: '.',
          asset: () => '.',
        },
        properties: { Prefix, AppliedFor: ['CREATE_ON_PUSH'], ...more },
      });
    const filters = [{ ImageTagMutabilityExclusionFilterType: 'WILDCARD', ImageTagMutabilityExclusionFilterValue: 'latest-*' }];
    const release = { ImageTagMutability: 'IMMUTABLE_WITH_EXCLUSION', ImageTagMutabilityExclusionFilters: filters };
    await template('releases', release);
    await template('releases/fixed', { ImageTagMutability: 'IMMUTABLE' });
    await template('mirrored', { ...release, AppliedFor: ['REPLICATION'] });
    await expect(template('x', { NoSuchProperty: 1 })).rejects.toThrow('Template');
    const made = async (name: string) => {
      const started = await fetch(`http://${test.ecr.origins.dev}/v2/${name}/blobs/uploads/`, { method: 'POST' });
      expect(started.status).toBe(202);
      const { repositories } = await test.client.send(new DescribeRepositoriesCommand({ repositoryNames: [name] }));
      return repositories![0]!.imageTagMutability;
    };
    expect([await made('releases/app'), await made('releases/fixed/app'), await made('mirrored/app'), await made('other/app')]).toEqual([
      'IMMUTABLE_WITH_EXCLUSION',
      'IMMUTABLE',
      'MUTABLE',
      'MUTABLE',
    ]);
    await template('ROOT', release);
    expect(await made('another/app')).toBe('IMMUTABLE_WITH_EXCLUSION');
  });
});

describe('authorization tokens of ECR', () => {
  it('belong to the caller, count at every registry and end after 12 virtual hours', async () => {
    const { authorizationData } = await test.client.send(new GetAuthorizationTokenCommand({ registryIds: [DEV, PROD] }));
    expect(authorizationData!.map((data) => data.proxyEndpoint)).toEqual([
      `http://${test.ecr.origins.dev}`,
      `http://${test.ecr.origins.prod}`,
    ]);
    const { authorizationToken, expiresAt } = authorizationData![0]!;
    expect(expiresAt!.getTime() - test.context.clock.now()).toBeGreaterThan(12 * 3_600_000 - 60_000);
    const push = () =>
      fetch(`http://${test.ecr.origins.prod}/v2/app/blobs/uploads/`, {
        method: 'POST',
        headers: { authorization: `Basic ${authorizationToken}` },
      });
    expect((await push()).status).toBe(202);
    expect(test.context.calls.at(-1)).toMatchObject({ function: 'copy', operation: 'POST upload' });
    await test.context.clock.advance(12 * 3_600_000 + 1);
    const expired = await push();
    expect([expired.status, await expired.text()]).toEqual([403, expect.stringContaining('Your authorization token has expired')]);
  });

  it.skipIf(!awsInstalled)('reach docker and skopeo through `aws ecr get-login-password`', async () => {
    const env = {
      ...process.env,
      AWS_ACCESS_KEY_ID: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
      AWS_DEFAULT_REGION: 'eu-central-1',
      AWS_ENDPOINT_URL: test.endpoint,
    };
    const { stdout } = await run('aws', ['ecr', 'get-login-password'], { env });
    const authorization = `Basic ${Buffer.from(`AWS:${stdout.trim()}`).toString('base64')}`;
    expect((await fetch(`http://${test.ecr.origins.prod}/v2/`, { headers: { authorization } })).status).toBe(200);
    await test.push(repositoryName, 'v1', 'layer');
    const described = await run('aws', ['ecr', 'describe-images', '--repository-name', repositoryName, '--registry-id', DEV], { env });
    expect(JSON.parse(described.stdout).imageDetails[0].imageTags).toEqual(['v1']);
    const repositories = await run('aws', ['ecr', 'describe-repositories'], { env });
    expect(JSON.parse(repositories.stdout).repositories).toHaveLength(1);
  });
});
