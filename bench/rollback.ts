/**
 * How long the way back takes: bad versions go into the demo's staging by a canary in a local cloud at real pace, some fail at 10 %, some at 50 %, some
 * when all pods run them, and each is timed from the moment that its failure is recorded until the environment is restored and free. Held against the
 * same cluster: the same Deployments brought back by plain writes, and nothing else. The difference is what we add: reading, fences, checks, commits.
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
  // Stable runs it, and every pod of it has to be replaced again.
  { healthy: 'after-100', weight: 100, canary: 0 },
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
    const done: Way[] = [];
    for (let round = 0; round < ways; round++) {
      for (const { healthy, weight, canary } of KINDS) {
        const version = `9.${weight}.${round}`;
        const to = { address: endpoints.registries.dev, name: WORKLOAD };
        const image = await buildPaymentImage(version, healthy);
        await pushImage(to, image, [version]);
        const end = await developer.until(await request(developer, version), 'rolled_back');
        expectFailedAt(end, weight);
        const bare = weight === 100 ? await plainWayBackOfImage(cluster, image.digest) : await plainWayBack(cluster, canary);
        done.push({ weight, ours: secondsBetween(end, 'rolling_back', 'rolled_back'), bare });
      }
    }
    return { name: 'rollback', figures: figuresOf(done) };
  } finally {
    await cloud.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Seconds of one way back, and of the cluster alone. */
interface Way {
  weight: number;
  ours: number;
  bare: number;
}

function figuresOf(ways: readonly Way[]) {
  const ours = ways.map((way) => way.ours);
  const added = ways.map((way) => way.ours - way.bare);
  const perWeight = KINDS.flatMap(({ weight }) => {
    const there = ways.filter((way) => way.weight === weight);
    const middle = (values: number[]) => round(at(values, 0.5));
    return [
      informing(`way back from ${weight} %, p50`, middle(there.map((way) => way.ours)), 's'),
      informing(`the cluster alone from ${weight} %, p50`, middle(there.map((way) => way.bare)), 's'),
    ];
  });
  return [
    ...[0.5, 0.9].map((share) => informing(`way back, p${share * 100} of ${ours.length}`, round(at(ours, share)), 's')),
    limited('way back, p100', round(at(ours, 1)), 's', 'the reserve', LONGEST_SECONDS),
    ...perWeight,
    limited('added to what the cluster needs, p50', round(at(added, 0.5)), 's', "the project's limit", MOST_OVERHEAD_SECONDS),
    informing('added to what the cluster needs, p100', round(at(added, 1)), 's'),
  ];
}

/** Staging judges a canary and asks nobody. */
function withCanary(): string {
  const document = parseDocument(readFileSync(join(ROOT, 'greenlight.yaml'), 'utf8'));
  document.setIn(['environments', 'staging', 'approvals'], []);
  document.setIn(['environments', 'staging', 'smoke'], true);
  document.setIn(['environments', 'staging', 'rollout'], { canary: KINDS.map(({ weight }) => weight), bake: '1s' });
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

/** A version that failed elsewhere would be timed as what it is not. */
function expectFailedAt({ status }: DemoRequest, weight: number): void {
  const { step } = status.failure ?? {};
  if (step !== `canary:${weight}`) throw new Error(`failed at ${step ?? 'no step'} instead of ${weight} %`);
}

const STABLE = `${WORKLOAD}-stable`;
const CANARY = `${WORKLOAD}-canary`;

/** From the split that a canary has to the full strength of stable, by two writes. */
async function plainWayBack(cluster: KubernetesAdmin, canary: number): Promise<number> {
  await split(cluster, REPLICAS - canary, canary);
  return timed(() => split(cluster, REPLICAS, 0));
}

/** From a stable Deployment that runs another digest to what it ran before, by one write. */
async function plainWayBackOfImage(cluster: KubernetesAdmin, digest: string): Promise<number> {
  const before = (await read(cluster, STABLE)).spec.template.spec.containers[0]!.image;
  const run = async (image: string) => {
    await cluster.setImage('staging', STABLE, WORKLOAD, image);
    await untilReady(cluster, { [STABLE]: REPLICAS });
  };
  await run(before.replace(/@.*$/, `@${digest}`));
  return timed(() => run(before));
}

async function timed(act: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await act();
  return (performance.now() - began) / 1000;
}

async function split(cluster: KubernetesAdmin, stable: number, canary: number): Promise<void> {
  const wanted = { [STABLE]: stable, [CANARY]: canary };
  for (const [name, replicas] of Object.entries(wanted)) await cluster.scale('staging', name, replicas);
  await untilReady(cluster, wanted);
}

async function untilReady(cluster: KubernetesAdmin, wanted: Record<string, number>): Promise<void> {
  for (;;) {
    const ready = await Promise.all(
      Object.entries(wanted).map(async ([name, replicas]) => {
        const { metadata, status = {} } = await read(cluster, name);
        const counts = [status.replicas, status.updatedReplicas, status.readyReplicas].map((count) => count ?? 0);
        return (status.observedGeneration ?? 0) >= metadata.generation && counts.every((count) => count === replicas);
      }),
    );
    if (ready.every(Boolean)) return;
    await sleep(50);
  }
}

interface Seen {
  metadata: { generation: number };
  spec: { template: { spec: { containers: { image: string }[] } } };
  status?: { observedGeneration?: number; replicas?: number; updatedReplicas?: number; readyReplicas?: number };
}

async function read(cluster: KubernetesAdmin, name: string): Promise<Seen> {
  return (await cluster.get<Seen>('apps/v1', 'Deployment', 'staging', name))!;
}

function at(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
