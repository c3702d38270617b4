/** The whole way to an EKS cluster: DescribeCluster, a token checked by STS, the access entry, and the role of kubernetes/production. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { connectCluster } from '../../../adapters/rollout/cluster.ts';
import { probeCluster } from '../../../adapters/rollout/cluster-probe.ts';
import { eksToken } from '../../../adapters/rollout/eks-token.ts';
import type { Configuration } from '../../../core/environment/configuration.ts';
import type { Cluster } from '../../../core/rollout/ports.ts';
import { testConnection } from '../../../functions/rollout/test-connection.task.ts';
import { openCertificateAuthority } from '../../../local/certificate-authority.ts';
import { type DataFolder, openDataFolder } from '../../../local/data-folder.ts';
import { runSampleApp } from '../../../local/demo/sample-app.ts';
import { createEks, type Eks } from '../../../local/eks/eks.ts';
import { Kernel } from '../../../local/kernel.ts';
import type { Fields } from '../../../local/kubernetes/kube-object.ts';
import { createSts } from '../../../local/sts/sts.ts';

const FILES = [
  'namespace',
  'resource-quota',
  'access-role',
  'service',
  'stable-deployment',
  'canary-deployment',
  'ingress',
  'gateway',
  'http-route',
];
const manifests = FILES.flatMap((name) =>
  parseAllDocuments(readFileSync(join(import.meta.dirname, `../../../kubernetes/production/${name}.yaml`), 'utf8')).map(
    (document) => document.toJS() as object,
  ),
);

let path: string;
let data: DataFolder;
let kernel: Kernel;
let eks: Eks;
let origin: string;
let cluster: Cluster;
const environment = { ...process.env };

beforeAll(async () => {
  path = mkdtempSync(join(tmpdir(), 'eks-cluster-'));
  data = openDataFolder(path);
  kernel = new Kernel({ data, place: { region: 'eu-west-1', account: '000000000000', partition: 'aws' }, timeScale: 1, log: () => {} });
  const authority = await openCertificateAuthority(join(path, 'ca'));
  const certificate = await authority.issue('demo');
  eks = await createEks(kernel.context('eks'), {
    clusters: [{ name: 'demo', accessEntries: [{ rolePattern: 'rollout', groups: ['greenlight:rollout'] }], manifests }],
    tls: () => certificate,
    certificate: authority.certificate,
    stsOrigin: () => origin,
    runContainer: runSampleApp,
  });
  kernel.mount([eks, await createSts(kernel.context('sts'))]);
  origin = (await kernel.listeners.listen('aws', kernel.gateway.listener)).origin;
  await eks.start?.();
  await allowDescribing('rollout', 'demo');
  const credentials = kernel.context('test').credentialsFor('arn:aws:iam::000000000000:role/rollout', 'rollout');
  Object.assign(process.env, {
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_SESSION_TOKEN: credentials.sessionToken,
    AWS_ENDPOINT_URL: origin,
  });
});

/** The role of the stack: it may describe one cluster, and asking STS who it is needs no permission. */
async function allowDescribing(role: string, name: string): Promise<void> {
  const statement = { Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: `arn:aws:eks:eu-west-1:000000000000:cluster/${name}` };
  await kernel.roles.resources['AWS::IAM::Role']!({
    stack: 's',
    logicalId: role,
    type: 'AWS::IAM::Role',
    properties: {
      RoleName: role,
      AssumeRolePolicyDocument: { Version: '2012-10-17', Statement: [] },
      Policies: [{ PolicyName: 'own', PolicyDocument: { Version: '2012-10-17', Statement: [statement] } }],
    },
    defaultName: role,
    assembly: '/',
    asset: () => undefined,
  });
}

afterAll(async () => {
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
  await eks.close?.();
  await kernel.listeners.close();
  kernel.clock.close();
  data.release();
  rmSync(path, { recursive: true });
});

it('a token is a presigned URL for one minute that names the cluster in a signed header', async () => {
  const token = await eksToken('demo');
  expect(token).toMatch(/^k8s-aws-v1\.[\w-]+$/);
  const url = new URL(Buffer.from(token.slice('k8s-aws-v1.'.length), 'base64url').toString());
  expect(url.origin).toBe(origin);
  expect(url.searchParams.get('X-Amz-Expires')).toBe('60');
  expect(url.searchParams.get('X-Amz-SignedHeaders')).toBe('host;x-k8s-aws-id');
});

it('C64: the role of the access entry may do what a rollout does, and nothing else', async () => {
  cluster = await connectCluster({ name: 'main', kind: 'platform_managed', eksName: 'demo' });
  const stable = await cluster.deployment('prod', 'payment-api-stable');
  const patch = {
    metadata: { resourceVersion: stable.metadata.resourceVersion, annotations: { 'greenlight.dev/fence': '1' } },
    spec: { replicas: 1, template: { spec: { containers: [{ name: 'payment-api', image: 'registry.example.com/payment-api:2' }] } } },
  };
  const patched = await cluster.patchDeployment('prod', 'payment-api-stable', patch);
  expect(patched).toMatchObject({ spec: { replicas: 1 }, metadata: { generation: stable.metadata.generation! + 1 } });
  expect(patched!.spec.template.spec.containers).toHaveLength(1);
  expect(await cluster.patchDeployment('prod', 'payment-api-stable', patch)).toBeUndefined();
  expect((await cluster.service('prod', 'payment-api')).spec.ports?.[0]?.port).toBe(80);
  expect(await cluster.pods('prod', { app: 'none' })).toEqual([]);
  const route = await cluster.httpRoute('prod', 'payment-api');
  const { spec, metadata } = route;
  const rules = spec.rules!.map((rule) => ({ ...rule, backendRefs: rule.backendRefs!.map((ref, index) => ({ ...ref, weight: index })) }));
  const weighed = {
    metadata: { resourceVersion: metadata.resourceVersion, annotations: { 'greenlight.dev/fence': '1' } },
    spec: { rules },
  };
  expect(await cluster.patchHttpRoute('prod', 'payment-api', weighed)).toMatchObject({ metadata: { generation: 2 } });
  expect(await cluster.patchHttpRoute('prod', 'payment-api', weighed)).toBeUndefined();
  expect((await cluster.gateway('prod', 'front')).spec.listeners?.[0]?.port).toBe(443);
  const refused = expect.objectContaining({ name: 'CLUSTER_REFUSED' });
  await expect(cluster.deployment('prod', 'other-stable')).rejects.toEqual(refused);
  await expect(cluster.service('prod', 'other')).rejects.toEqual(refused);
  await expect(cluster.httpRoute('prod', 'other')).rejects.toEqual(refused);
  await expect(cluster.pods('kube-system', { app: 'x' })).rejects.toEqual(refused);
  await expect(cluster.pods('prod', {})).rejects.toEqual(refused);
});

it.each([
  ['replicas', {}],
  ['a Gateway', { provider: 'gateway' }],
])('the connection test finds that the manifests give all that a rollout by %s needs', async (_name, how) => {
  const report = await askConnection(how);
  expect(report.checks.filter(({ status }) => status !== 'passed')).toEqual([]);
  expect(report).toMatchObject({ outcome: 'passed', version: expect.stringMatching(/^v1\.\d+/), server: expect.stringMatching(/^https:/) });
});

it('the connection test says what the role does not give', async () => {
  const report = await askConnection({}, { name: 'other' });
  expect(report.outcome).toBe('failed');
  expect(report.checks.filter(({ area, status }) => area === 'permission' && status === 'failed')).toHaveLength(5);
  expect(await askConnection({}, {}, 'other')).toMatchObject({ outcome: 'failed', checks: [{ name: 'EKS', status: 'failed' }] });
});

function askConnection(how: object, workload: object = {}, eksName = 'demo') {
  const rollout = { strategy: 'canary', weights: [100], bakeSeconds: 0, smoke: true, ...how };
  const smoke = [{ name: 'health', path: '/', status: 200 }];
  const configuration = {
    clusters: { main: { name: 'main', kind: 'platform_managed', eksName } },
    environments: { prod: { name: 'prod', cluster: 'main', namespace: 'prod', rollout, rollback: { rollout } } },
    artifacts: { 'payment-api': { name: 'payment-api', workload: { name: 'payment-api', container: 'payment-api', smoke, ...workload } } },
  } as unknown as Configuration;
  const world = { configuration: async () => configuration, probe: probeCluster };
  return testConnection(world)({ task: 'test-connection', environment: 'prod', artifacts: ['payment-api'] });
}

it('a cluster that the role may not describe is refused', async () => {
  await expect(connectCluster({ name: 'x', kind: 'platform_managed', eksName: 'other' })).rejects.toMatchObject({
    name: 'CLUSTER_REFUSED',
  });
});

it('leaves room in the quota of the manifests for what comes, what runs and what ends, and for the largest canary below 100 %', () => {
  const named = (kind: string, name: string) =>
    manifests.find((each) => (each as Fields)['kind'] === kind && (each as Fields)['metadata'].name === name) as Fields;
  const { replicas, template } = named('Deployment', 'payment-api-stable')['spec'];
  const { hard } = named('ResourceQuota', 'payment-api')['spec'];
  const pods = 3 * replicas + replicas / 2;
  const { requests, limits } = template.spec.containers[0].resources;
  const number = (quantity: string) => Number.parseFloat(quantity) * (/Gi$/.test(quantity) ? 1024 : /^\d+$/.test(quantity) ? 1000 : 1);
  expect(Number(hard.pods)).toBeGreaterThanOrEqual(pods);
  expect(number(hard['requests.cpu'])).toBeGreaterThanOrEqual(pods * number(requests.cpu));
  expect(number(hard['requests.memory'])).toBeGreaterThanOrEqual(pods * number(requests.memory));
  expect(number(hard['limits.memory'])).toBeGreaterThanOrEqual(pods * number(limits.memory));
});
