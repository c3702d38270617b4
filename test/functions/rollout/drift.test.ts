/** What the watch says of a canary that no promotion owns, over a cluster that answers what the test wants. */
import { expect, it } from 'vitest';
import type { Configuration } from '../../../core/environment/configuration.ts';
import type { Watch } from '../../../core/environment/watch.ts';
import { Fault } from '../../../core/errors.ts';
import type { Cluster } from '../../../core/rollout/ports.ts';
import type { Deployment } from '../../../core/rollout/workload.ts';
import { watchAll } from '../../../functions/rollout/watch-environments.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

function deployment(name: string, replicas: number): Deployment {
  const containers = [{ name: 'app', image: `registry.example.com/shop@${DIGEST}` }];
  return {
    metadata: { name, resourceVersion: '1' },
    spec: { replicas, selector: { matchLabels: { app: 'shop' } }, template: { spec: { containers } } },
  };
}

async function driftOf(strategy: string, canary: () => Promise<Deployment>): Promise<Watch['drift']> {
  const seen: Watch[] = [];
  const workload = { name: 'shop', container: 'app', replicas: 2, smoke: [] };
  const configuration = {
    clusters: { main: { name: 'main', kind: 'platform_managed' } },
    environments: { prod: { name: 'prod', cluster: 'main', namespace: 'prod', registries: [], gates: [], rollout: { strategy } } },
    artifacts: { shop: { name: 'shop', tenant: 'a', workload } },
  } as unknown as Configuration;
  const cluster: Partial<Cluster> = {
    deployment: async (_namespace, name) => (name === 'shop-canary' ? canary() : deployment(name, 2)),
    pods: async () => [],
  };
  const current = { version: '1.0.0', digest: DIGEST, requestId: 'PR-2026-0001', at: '2026-01-01T00:00:00.000Z' };
  await watchAll({
    configuration: async () => configuration,
    environments: { get: async () => ({ environment: 'prod', artifact: 'shop', current }) as never, history: async () => [] },
    promotions: { list: async () => ({ items: [] }) as never },
    watches: {
      get: async () => undefined,
      put: async (_environment: string, _artifact: string, watch: Watch) => void seen.push(watch),
    } as never,
    clock: { now: () => new Date(0) },
    connect: async () => cluster as Cluster,
    lackOf: async () => undefined,
    unsigned: async () => undefined,
    refused: async () => undefined,
    alert: async () => undefined,
  });
  return seen[0]!.drift;
}

const forbidden = async (): Promise<Deployment> => {
  throw new Fault('CLUSTER_REFUSED', 'the cluster refuses: Deployment prod/shop-canary: 403');
};

it('a canary that runs is drift, and one that may not be read is not taken for none', async () => {
  expect(await driftOf('canary', async () => deployment('shop-canary', 0))).toEqual({ status: 'none' });
  expect(await driftOf('canary', async () => deployment('shop-canary', 1))).toMatchObject({ status: 'drifted' });
  expect(await driftOf('canary', forbidden)).toMatchObject({ status: 'unknown', why: expect.stringContaining('403') });
});

it('where all pods are replaced at once there need be no canary', async () => {
  expect(await driftOf('direct', forbidden)).toEqual({ status: 'none' });
});
