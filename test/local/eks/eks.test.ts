/** The EKS API: descriptions, access entries, permissions, and the AWS CLI and SDK as clients. */
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { DescribeClusterCommand, EKSClient, ListClustersCommand } from '@aws-sdk/client-eks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServiceRequest } from '../../../local/service.ts';
import { startCluster, type TestCluster } from '../kubernetes/test-cluster.ts';

let cluster: TestCluster;
let gateway: Server;
let endpoint: string;

const installed = (() => {
  try {
    execFileSync('aws', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    console.warn('the AWS CLI is not installed: its test is skipped');
    return false;
  }
})();

function requestOf(method: string, path: string, body = ''): ServiceRequest {
  return {
    method,
    url: new URL(path, 'http://127.0.0.1'),
    headers: {},
    body: Buffer.from(body),
    caller: { kind: 'admin', accessKeyId: 'AKIA' },
    requestId: 'request-1',
    presigned: false,
  };
}

async function call(method: string, path: string, body?: unknown) {
  const answer = await cluster.eks.handle(requestOf(method, path, body ? JSON.stringify(body) : ''));
  return { status: answer.status, headers: answer.headers ?? {}, body: JSON.parse(answer.body as string) };
}

beforeAll(async () => {
  cluster = await startCluster({
    clusters: [{ name: 'demo', accessEntries: [{ rolePattern: 'arn:aws:iam::000000000000:role/rollout-*', groups: ['rollout'] }] }],
  });
  // Stands for the gateway: hands requests over as it does, without authentication.
  gateway = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const answer = await cluster.eks.handle(requestOf(request.method!, request.url!, Buffer.concat(chunks).toString()));
    response.writeHead(answer.status, answer.headers).end(answer.body as string);
  });
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
});
afterAll(async () => {
  gateway.close();
  gateway.closeAllConnections();
  await cluster.dispose();
});

describe('clusters', () => {
  it('are described so that a client can reach and trust them', async () => {
    const client = new EKSClient({ endpoint, region: 'eu-central-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
    expect((await client.send(new ListClustersCommand({}))).clusters).toEqual(['demo']);
    const { cluster: described } = await client.send(new DescribeClusterCommand({ name: 'demo' }));
    expect(described).toMatchObject({
      name: 'demo',
      status: 'ACTIVE',
      arn: 'arn:aws:eks:eu-central-1:000000000000:cluster/demo',
      endpoint: cluster.eks.kubernetesOrigin,
      accessConfig: { authenticationMode: 'API' },
    });
    expect(Buffer.from(described!.certificateAuthority!.data!, 'base64').toString()).toBe(cluster.ca);
    await expect(client.send(new DescribeClusterCommand({ name: 'none' }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: 'No cluster found for name: none.',
    });
  });

  it.skipIf(!installed)('are described to the AWS CLI', async () => {
    const env = {
      PATH: process.env.PATH,
      HOME: cluster.context.data,
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 'b',
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    const args = ['eks', 'describe-cluster', '--name', 'demo', '--endpoint-url', endpoint, '--region', 'eu-central-1', '--output', 'json'];
    const { stdout } = await promisify(execFile)('aws', args, { env });
    expect(JSON.parse(stdout).cluster).toMatchObject({ name: 'demo', status: 'ACTIVE', version: '1.34' });
  });

  it('cannot be created or deleted, and say so', async () => {
    expect(await call('POST', '/clusters', { name: 'x' })).toMatchObject({
      status: 400,
      headers: { 'x-amzn-errortype': 'InvalidRequestException' },
    });
    expect((await call('DELETE', '/clusters/demo')).body.message).toContain('does not support DeleteCluster');
    expect(cluster.context.logged.map(({ fields }) => fields?.operation)).toEqual(
      expect.arrayContaining(['CreateCluster', 'DeleteCluster']),
    );
  });

  it('need permission on their ARN', () => {
    const { checks, operation } = cluster.eks;
    const request = requestOf('GET', '/clusters/demo');
    expect(operation(request)).toBe('DescribeCluster');
    expect(checks(request)).toEqual([{ action: 'eks:DescribeCluster', resource: 'arn:aws:eks:eu-central-1:000000000000:cluster/demo' }]);
    expect(checks(requestOf('GET', '/clusters'))).toEqual([{ action: 'eks:ListClusters', resource: '*' }]);
  });
});

describe('access entries', () => {
  const path = '/clusters/demo/access-entries';
  const principalArn = 'arn:aws:iam::000000000000:role/other';

  it('are listed, created once, described and deleted', async () => {
    expect((await call('GET', path)).body.accessEntries).toEqual(['arn:aws:iam::000000000000:role/rollout-*']);
    const created = await call('POST', path, { principalArn, kubernetesGroups: ['view'] });
    expect(created.body.accessEntry).toMatchObject({ principalArn, kubernetesGroups: ['view'], type: 'STANDARD' });
    expect((await call('POST', path, { principalArn })).status).toBe(409);
    expect((await call('GET', `${path}/${encodeURIComponent(principalArn)}`)).body.accessEntry.clusterName).toBe('demo');
    expect((await call('DELETE', `${path}/${encodeURIComponent(principalArn)}`)).status).toBe(200);
    expect((await call('GET', `${path}/${encodeURIComponent(principalArn)}`)).status).toBe(404);
    expect((await call('POST', path, { principalArn: 'nobody' })).status).toBe(400);
  });
});

it('keeps the kubeconfig for its owner alone', () => {
  expect(statSync(cluster.eks.kubeconfig).mode & 0o777).toBe(0o600);
  expect(readFileSync(cluster.eks.kubeconfig, 'utf8')).toContain(cluster.eks.adminToken);
  expect(cluster.eks.adminToken.length).toBeGreaterThanOrEqual(43);
});
