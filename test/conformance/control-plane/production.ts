/**
 * The namespace `prod` of a real control plane as an operator leaves it: the manifests of kubernetes/production, the accounts, and pods that run; and
 * promotions there, which nobody may make with more than the Role of the manifests.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { connectCluster } from '../../../adapters/rollout/cluster.ts';
import type { ClusterConfiguration, WorkloadConfiguration } from '../../../core/environment/configuration.ts';
import type { Plan } from '../../../core/promotion/plan.ts';
import { routeSplitOf } from '../../../core/rollout/route.ts';
import type { Fields } from '../../../local/kubernetes/kube-object.ts';
import { openRun, type Run } from '../../functions/rollout/rollout-run.ts';
import { type ControlPlane, collectionOf, installGatewayApi, startControlPlane } from './control-plane.ts';
import { type NodeAgent, startNodeAgent } from './node-agent.ts';
import type { Programs } from './programs.ts';

export const NAME = 'payment-api';
export const REPLICAS = 10;
export const DEPLOYMENTS = '/apis/apps/v1/namespaces/prod/deployments';
export const ROUTE = `/apis/gateway.networking.k8s.io/v1/namespaces/prod/httproutes/${NAME}`;
export const MERGE = { contentType: 'application/merge-patch+json' };
export const WORKLOAD: WorkloadConfiguration = {
  name: NAME,
  container: NAME,
  replicas: REPLICAS,
  smoke: [{ name: 'health', path: '/api/health', status: 200, json: { status: 'ok' } }],
};
export const MAIN: ClusterConfiguration = { name: 'main', kind: 'external_managed', kubeconfig: 'secret:kubeconfig' as never };
/** As the function `adopt` is let in. */
export const ADOPTING: ClusterConfiguration = { ...MAIN, kubeconfig: 'secret:kubeconfig-of-adopt' as never };

const MANIFESTS = join(import.meta.dirname, '..', '..', '..', 'kubernetes', 'production');
const FILES = [
  'namespace',
  'resource-quota',
  'access-role',
  'service-account',
  'service',
  'stable-deployment',
  'canary-deployment',
  'ingress',
  'gateway',
  'http-route',
];
const ADOPT_ACCOUNT: Fields[] = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'adopt', namespace: 'prod' } },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'adopt', namespace: 'prod' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'greenlight-adopt' },
    subjects: [{ kind: 'ServiceAccount', name: 'adopt', namespace: 'prod' }],
  },
];

export const digestOf = (version: string) => `sha256:${createHash('sha256').update(version).digest('hex')}`;

export interface Wish {
  provider?: 'gateway';
  weights?: number[];
}

export interface Production {
  plane: ControlPlane;
  node: NodeAgent;
  /** Digest that the stable Deployment runs; null while it has the tag that it was applied with. */
  running: string | null;
  /** Fence of the last promotion. */
  fence: number;
  /** A promotion to a version that nobody has promoted before. */
  promote(version: string, wish?: Wish): Run;
  /** The Deployment, once its pods are as it asks for. */
  settled(name: string): Promise<Fields>;
  /** Stable runs this at its full strength, and the canary nothing. */
  expectRunning(digest: string | null): Promise<void>;
  /** Weights of stable and canary in the route. */
  weights(): Promise<number[]>;
  editByHand(name: string, replicas: number): Promise<void>;
  weighByHand(track: 'stable' | 'canary', weight: number): Promise<void>;
  stop(): Promise<void>;
}

/** `secrets` is what references of the configuration are resolved by. */
export async function openProduction(programs: Programs, secrets: Map<string, string>): Promise<Production> {
  const plane = await startControlPlane(programs);
  try {
    await installGatewayApi(plane, programs);
    await plane.apply(...FILES.map((name) => join(MANIFESTS, `${name}.yaml`)));
    for (const object of ADOPT_ACCOUNT) expect((await plane.call('POST', collectionOf(object), object)).status).toBe(201);
    secrets.set('secret:kubeconfig', plane.kubeconfig(await plane.tokenOf('prod', 'greenlight')));
    secrets.set('secret:kubeconfig-of-adopt', plane.kubeconfig(await plane.tokenOf('prod', 'adopt')));
    const production = productionOf(plane, await startNodeAgent(plane, 'prod', NAME));
    await production.settled(`${NAME}-stable`);
    return production;
  } catch (error) {
    await plane.stop();
    throw error;
  }
}

function productionOf(plane: ControlPlane, node: NodeAgent): Production {
  const production: Production = {
    plane,
    node,
    running: null,
    fence: 0,
    promote(version, { provider, weights = [10, 50, 100] } = {}) {
      const rollout: Plan['rollout'] = {
        ...{ strategy: 'canary', weights, bakeSeconds: 0, smoke: true, cluster: 'main', namespace: 'prod', workload: NAME },
        ...(provider ? { traffic: routeSplitOf(WORKLOAD) } : {}),
      };
      const fence = ++production.fence;
      return openRun({
        ...{ requestId: `PR-2026-${String(fence).padStart(4, '0')}`, fence },
        ...{ digest: digestOf(version), rollbackTarget: production.running, rollout },
        ...{ workload: provider ? { ...WORKLOAD, smokeOrigin: node.gatewayOrigin } : WORKLOAD, cluster: MAIN },
        ...{ connect: connectCluster, pauseMs: 150 },
      });
    },
    settled: (name) =>
      vi.waitFor(
        async () => {
          const { body } = await plane.call('GET', `${DEPLOYMENTS}/${name}`);
          const { spec, status, metadata } = body;
          const counts = [status.replicas, status.updatedReplicas, status.readyReplicas].map((count) => count ?? 0);
          expect([status.observedGeneration, ...counts]).toEqual([metadata.generation, spec.replicas, spec.replicas, spec.replicas]);
          return body;
        },
        { timeout: 60_000, interval: 200 },
      ),
    async expectRunning(digest) {
      const image = digest === null ? `registry.example.com/${NAME}:1.0.0` : `registry.example.com/${NAME}@${digest}`;
      expect((await production.settled(`${NAME}-stable`))['spec'].template.spec.containers[0].image).toBe(image);
      expect((await production.settled(`${NAME}-canary`))['spec'].replicas).toBe(0);
    },
    async weights() {
      const { body } = await plane.call('GET', ROUTE);
      return (body.spec.rules[0].backendRefs as { weight: number }[]).map(({ weight }) => weight);
    },
    async editByHand(name, replicas) {
      expect((await plane.call('PATCH', `${DEPLOYMENTS}/${name}`, { spec: { replicas } }, MERGE)).status).toBe(200);
    },
    async weighByHand(track, weight) {
      const { rules } = (await plane.call('GET', ROUTE)).body.spec;
      rules[0].backendRefs[track === 'stable' ? 0 : 1].weight = weight;
      expect((await plane.call('PATCH', ROUTE, { spec: { rules } }, MERGE)).status).toBe(200);
    },
    async stop() {
      await node.stop();
      await plane.stop();
    },
  };
  return production;
}
