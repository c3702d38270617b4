/** A cluster that is killed in the middle of a rollout, and the virtual clock moved over one that runs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Fields } from '../../../local/kubernetes/kube-object.ts';
import { DEPLOYMENTS, PODS, rolledOut, startCluster, startRegistry, type TestCluster, type TestRegistry } from './test-cluster.ts';

let registry: TestRegistry;
let cluster: TestCluster | undefined;

beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(async () => {
  await cluster?.dispose();
  await registry.close();
});

it('finishes the rollout after kill -9, with the same objects and the wanted number of pods', async () => {
  const data = mkdtempSync(join(tmpdir(), 'greenlight-killed-'));
  const image = registry.add('payment-api', {});
  const script = fileURLToPath(new URL('./run-cluster.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, data, image], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  child.kill('SIGKILL');
  await once(child, 'exit');
  cluster = await startCluster({ data });
  const done = await rolledOut(cluster, 'stable');
  expect(line.toString().trim()).toBe(`rolling ${done.metadata.uid}`);
  const pods = (await cluster.call('GET', PODS)).body.items as Fields[];
  expect(pods).toHaveLength(4);
  expect((await fetch(`${cluster.eks.apps()['prod/payment-api']}/api/health`)).status).toBe(200);
});

it('lets hours of virtual time pass without stopping at each probe', async () => {
  const before = cluster!.context.clock.now();
  await cluster!.context.clock.advance(24 * 3_600_000);
  expect(cluster!.context.clock.now() - before).toBeGreaterThanOrEqual(24 * 3_600_000);
  const { body } = await cluster!.call('GET', `${DEPLOYMENTS}/stable`);
  expect(body.status.availableReplicas).toBe(4);
});
