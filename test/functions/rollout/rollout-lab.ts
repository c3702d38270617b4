/** A promotion in front of a real (local) cluster with the demo's workload: state in memory, everything else as it runs. */
import { type AddressInfo, createServer } from 'node:net';
import { clusterAt } from '../../../adapters/rollout/cluster.ts';
import type { MetricCheck, WorkloadConfiguration } from '../../../core/environment/configuration.ts';
import type { Plan } from '../../../core/promotion/plan.ts';
import type { MetricAnswer } from '../../../core/rollout/metric.ts';
import type { Cluster } from '../../../core/rollout/ports.ts';
import { routeSplitOf } from '../../../core/rollout/route.ts';
import type { Fields } from '../../../local/kubernetes/kube-object.ts';
import {
  DEPLOYMENTS,
  deployment,
  NAMESPACE,
  PODS,
  rolledOut,
  SERVICE,
  startCluster,
  startRegistry,
  type TestCluster,
  type TestRegistry,
  until,
} from '../../local/kubernetes/test-cluster.ts';
import { REPLICAS } from './promotion-of-lab.ts';
import { openRun, type Run } from './rollout-run.ts';

export interface LabOptions {
  /** `greenlight.demo.healthy` of the new version and of the one that runs. */
  healthy?: string;
  stableHealthy?: string;
  weights?: number[];
  bakeSeconds?: number;
  strategy?: 'direct' | 'canary';
  /** Digest of the plan; absent: what runs. */
  rollbackTarget?: string | null;
  /** A Gateway and an HTTPRoute split the traffic, and what is changed of the route before it is created. */
  gateway?: boolean;
  editRoute?: (route: Fields) => void;
  /** What a metrics service is asked after each bake, and what it answers. */
  metrics?: MetricCheck[];
  measured?: (query: string) => MetricAnswer;
}

export interface Lab extends Run {
  cluster: TestCluster;
  api: Cluster;
  images: { before: string; after: string };
  /** Image and replicas that the Deployments ask for. */
  workload(): Promise<Record<'stable' | 'canary', { image: string; replicas: number; ready: number }>>;
  editByHand(name: string, spec: Fields): Promise<void>;
  /** Fewest ready pods that were seen by a poll every few milliseconds. */
  fewestReady(): number;
  /** The route as it is now, and its weights by Service. */
  route(): Promise<Fields>;
  weights(): Promise<Record<string, number>>;
  patchRoute(patch: Fields): Promise<void>;
  close(): Promise<void>;
}

const SMOKE = [
  { name: 'health', path: '/api/health', status: 200, json: { status: 'ok' } },
  { name: 'login page', path: '/login', status: 200, contains: 'Sign In' },
];

export async function openLab(options: LabOptions = {}): Promise<Lab> {
  const cluster = await startCluster();
  const registry: TestRegistry = await startRegistry();
  const before = registry.add('payment-api', { 'greenlight.demo.healthy': options.stableHealthy ?? 'true', version: '1.0.0' });
  const after = registry.add('payment-api', { 'greenlight.demo.healthy': options.healthy ?? 'true', version: '2.0.0' });
  await setUp(cluster, before);

  const digest = after.slice(after.indexOf('sha256:'));
  const weights = options.weights ?? [10, 50, 100];
  const running = before.slice(before.indexOf('sha256:'));
  const rollout: Plan['rollout'] = {
    strategy: options.strategy ?? 'canary',
    weights,
    bakeSeconds: options.bakeSeconds ?? 5,
    smoke: true,
    cluster: 'demo',
    namespace: 'prod',
    workload: 'payment-api',
    ...(options.gateway ? { traffic: routeSplitOf({ name: 'payment-api' }) } : {}),
  };
  const front = options.gateway ? await setUpGateway(cluster, options.editRoute) : undefined;
  const api = clusterAt({ server: cluster.eks.kubernetesOrigin, ca: cluster.ca, token: () => cluster.eks.adminToken });
  const workload: WorkloadConfiguration = {
    name: 'payment-api',
    container: 'app',
    replicas: REPLICAS,
    smoke: SMOKE,
    ...(options.metrics ? { metrics: options.metrics } : {}),
  };
  const run = openRun({
    digest,
    rollbackTarget: options.rollbackTarget === undefined ? running : options.rollbackTarget,
    rollout,
    workload,
    cluster: { name: 'demo', kind: 'platform_managed' },
    connect: async () => api,
    measured: options.measured,
  });
  const origin = front ?? (await until(async () => cluster.eks.apps()['prod/payment-api']));
  process.env['ALLOWED_ORIGINS'] = origin;

  let fewest = Number.POSITIVE_INFINITY;
  const watcher = setInterval(() => {
    void readyPods(cluster).then(
      (count) => {
        fewest = Math.min(fewest, count);
      },
      () => undefined,
    );
  }, 15);

  const lab: Lab = {
    ...run,
    cluster,
    api,
    images: { before, after },
    async workload() {
      const read = async (name: string) => {
        const { body } = await cluster.call('GET', `${DEPLOYMENTS}/${name}`);
        return { image: body.spec.template.spec.containers[0].image, replicas: body.spec.replicas, ready: body.status.readyReplicas ?? 0 };
      };
      return { stable: await read('payment-api-stable'), canary: await read('payment-api-canary') };
    },
    async editByHand(name, spec) {
      const contentType = 'application/strategic-merge-patch+json';
      const answer = await cluster.call('PATCH', `${DEPLOYMENTS}/${name}`, { spec }, { contentType });
      if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
    },
    fewestReady: () => fewest,
    route: async () => (await cluster.call('GET', ROUTE)).body,
    async weights() {
      const { body } = await cluster.call('GET', ROUTE);
      return Object.fromEntries((body.spec.rules[0].backendRefs as Fields[]).map(({ name, weight }) => [name, weight]));
    },
    async patchRoute(patch) {
      const answer = await cluster.call('PATCH', ROUTE, patch, { contentType: 'application/merge-patch+json' });
      if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
    },
    async close() {
      clearInterval(watcher);
      await cluster.dispose();
      await registry.close();
    },
  };
  return lab;
}

async function setUp(cluster: TestCluster, image: string): Promise<void> {
  const create = async (path: string, body: Fields) => {
    const answer = await cluster.call('POST', path, body);
    if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  };
  await create('/api/v1/namespaces', NAMESPACE);
  await create('/api/v1/namespaces/prod/services', SERVICE);
  const strategy = { rollingUpdate: { maxUnavailable: 0, maxSurge: '50%' } };
  await create(DEPLOYMENTS, deployment('payment-api-stable', image, REPLICAS, { strategy }));
  await create(DEPLOYMENTS, deployment('payment-api-canary', image, 0, { strategy }));
  await rolledOut(cluster, 'payment-api-stable');
}

const GATEWAY_API = '/apis/gateway.networking.k8s.io/v1/namespaces/prod';
const ROUTE = `${GATEWAY_API}/httproutes/payment-api`;

/** Answers the origin of the Gateway. */
async function setUpGateway(cluster: TestCluster, edit: (route: Fields) => void = () => undefined): Promise<string> {
  const create = async (path: string, body: Fields) => {
    const answer = await cluster.call('POST', path, body);
    if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  };
  const port = await freePort();
  const apiVersion = 'gateway.networking.k8s.io/v1';
  for (const name of ['payment-api-stable', 'payment-api-canary']) {
    const spec = { selector: { app: 'payment-api', track: name }, ports: [{ port: 80, targetPort: 8080 }] };
    await create('/api/v1/namespaces/prod/services', { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec });
  }
  const listeners = [{ name: 'http', port, protocol: 'HTTP' }];
  await create(`${GATEWAY_API}/gateways`, {
    apiVersion,
    kind: 'Gateway',
    metadata: { name: 'front' },
    spec: { gatewayClassName: 'local', listeners },
  });
  const backendRefs = [
    { name: 'payment-api-stable', port: 80, weight: 100 },
    { name: 'payment-api-canary', port: 80, weight: 0 },
  ];
  const route: Fields = {
    apiVersion,
    kind: 'HTTPRoute',
    metadata: { name: 'payment-api' },
    spec: { parentRefs: [{ name: 'front' }], rules: [{ backendRefs }] },
  };
  edit(route);
  await create(`${GATEWAY_API}/httproutes`, route);
  return `http://127.0.0.1:${port}`;
}

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function readyPods(cluster: TestCluster): Promise<number> {
  const { body } = await cluster.call('GET', PODS);
  return (body.items as Fields[]).filter(
    (pod) =>
      !pod.metadata.deletionTimestamp && pod.status?.conditions?.some((each: Fields) => each.type === 'Ready' && each.status === 'True'),
  ).length;
}
