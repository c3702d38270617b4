/**
 * How long the way back takes: bad versions go into the demo's staging by a canary in a local cloud at real pace, some fail at 10 %, some at 50 %, and
 * each is timed from the moment that its failure is recorded until the environment is restored and free. Held against the same cluster: the same
 * Deployments brought back to their replicas by two plain writes, and nothing else. The difference is what we add: reading, fences, checks, commits.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseDocument } from 'yaml';
import { DemoApi, type DemoRequest } from '../local/demo/demo-api.ts';
import { ROOT, startDemoCloud } from '../local/demo/demo-cloud.ts';
import { KubernetesAdmin } from '../local/demo/kubernetes-admin.ts';
import { buildPaymentImage } from '../local/demo/payment-image.ts';
import { pushImage } from '../local/demo/push-image.ts';
import { WORKLOAD } from '../local/demo/workload.ts';
import { type Benchmark, informing, limited } from './figure.ts';

/** What the project promises: seconds of cluster time in which every way back is over, and what we may add to the cluster's own. */
const LONGEST_SECONDS = 120;
const MOST_OVERHEAD_SECONDS = 5;
const REPLICAS = 10;
/** Where a version fails, by its label, and the pods of the canary there. */
const KINDS = [
  { healthy: 'false', weight: 10, canary: 1 },
  { healthy: 'after-50', weight: 50, canary: 5 },
] as const;

export interface RollbackSize {
  /** Bad versions of each kind. */
  ways: number;
}
export const ROLLBACK: RollbackSize = { ways: 5 };

export async function rollback({ ways }: RollbackSize): Promise<Benchmark> {
  const folder = mkdtempSync(join(tmpdir(), 'greenlight-rollback-'));
  const configuration = join(folder, 'greenlight.yaml');
  writeFileSync(configuration, withCanary());
  const cloud = await startDemoCloud(folder, 1, new AbortController().signal, '--config', configuration);
  try {
    const { endpoints, dataFolder } = cloud;
    const developer = await DemoApi.signIn(endpoints.api, dataFolder, 'dev@example.com');
    const cluster = new KubernetesAdmin(endpoints.kubeconfig);
    const ours: number[] = [];
    const bare: number[] = [];
    for (let round = 0; round < ways; round++) {
      for (const { healthy, weight, canary } of KINDS) {
        const version = `9.${weight}.${round}`;
        const to = { address: endpoints.registries.dev, name: WORKLOAD };
        await pushImage(to, await buildPaymentImage(version, healthy), [version]);
        const end = await developer.until(await request(developer, version), 'rolled_back');
        ours.push(secondsBetween(end, 'rolling_back', 'rolled_back'));
        bare.push(await plainWayBack(cluster, canary));
      }
    }
    return { name: 'rollback', figures: figuresOf(ours, bare) };
  } finally {
    await cloud.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function figuresOf(ours: readonly number[], bare: readonly number[]) {
  const overhead = at(ours, 0.5) - at(bare, 0.5);
  return [
    ...[0.5, 0.9].map((share) => informing(`way back, p${share * 100} of ${ours.length}`, round(at(ours, share)), 's')),
    limited('way back, p100', round(at(ours, 1)), 's', 'the reserve', LONGEST_SECONDS),
    informing('the cluster alone, p50', round(at(bare, 0.5)), 's'),
    informing('the cluster alone, p100', round(at(bare, 1)), 's'),
    limited('added to what the cluster needs, p50', round(overhead), 's', "the project's limit", MOST_OVERHEAD_SECONDS),
  ];
}

/** Staging judges a canary and asks nobody. */
function withCanary(): string {
  const document = parseDocument(readFileSync(join(ROOT, 'greenlight.yaml'), 'utf8'));
  document.setIn(['environments', 'staging', 'approvals'], []);
  document.setIn(['environments', 'staging', 'smoke'], true);
  document.setIn(['environments', 'staging', 'rollout'], { canary: KINDS.map(({ weight }) => weight).concat(100 as never), bake: '1s' });
  return document.toString();
}

function request(developer: DemoApi, version: string): Promise<DemoRequest> {
  return developer.post<DemoRequest>('/v1/requests/staging', {
    target: { type: 'api', name: WORKLOAD, version },
    request: {
      justification: 'A version that fails on purpose, to see how soon it is gone',
      releaseNotes: 'none',
      impactAssessment: 'low',
      rollbackPlan: 'automatic',
    },
    preChecks: {
      stagingTestsPassed: true,
      securityScanPassed: true,
      performanceTestsPassed: true,
      testEvidenceUrl: 'https://ci.example.com/1',
    },
  });
}

function secondsBetween({ status }: DemoRequest, from: string, to: string): number {
  const time = (action: string) => Date.parse(status.history.find((entry) => entry.action === action)!.at);
  return (time(to) - time(from)) / 1000;
}

/** From the split that a canary has to the full strength of stable, by two writes. */
async function plainWayBack(cluster: KubernetesAdmin, canary: number): Promise<number> {
  await split(cluster, REPLICAS - canary, canary);
  const began = performance.now();
  await split(cluster, REPLICAS, 0);
  return (performance.now() - began) / 1000;
}

async function split(cluster: KubernetesAdmin, stable: number, canary: number): Promise<void> {
  const wanted = { [`${WORKLOAD}-stable`]: stable, [`${WORKLOAD}-canary`]: canary };
  for (const [name, replicas] of Object.entries(wanted)) await cluster.scale('staging', name, replicas);
  for (;;) {
    const ready = await Promise.all(
      Object.entries(wanted).map(async ([name, replicas]) => {
        const { status = {} } = (await cluster.get<{ status?: { replicas?: number; readyReplicas?: number } }>(
          'apps/v1',
          'Deployment',
          'staging',
          name,
        ))!;
        return (status.replicas ?? 0) === replicas && (status.readyReplicas ?? 0) === replicas;
      }),
    );
    if (ready.every(Boolean)) return;
    await sleep(50);
  }
}

function at(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
