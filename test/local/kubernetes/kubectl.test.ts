/** The cluster as kubectl sees it. Skipped, and said so, where kubectl is not installed. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { deployment, NAMESPACE, SERVICE, startCluster, startRegistry, type TestCluster, type TestRegistry, until } from './test-cluster.ts';

const installed = (() => {
  try {
    execFileSync('kubectl', ['version', '--client'], { stdio: 'ignore' });
    return true;
  } catch {
    console.warn('kubectl is not installed: its tests are skipped');
    return false;
  }
})();

describe.skipIf(!installed)('kubectl', () => {
  let cluster: TestCluster;
  let registry: TestRegistry;
  let home: string;
  let good: string;
  let crash: string;

  async function kubectl(...args: string[]): Promise<string> {
    const env = { PATH: process.env.PATH, HOME: home, KUBECONFIG: cluster.eks.kubeconfig };
    const { stdout, stderr } = await promisify(execFile)('kubectl', args, { env, timeout: 150_000 });
    return stdout + stderr;
  }

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'kubectl-home-'));
    registry = await startRegistry();
    good = registry.add('payment-api', { 'greenlight.demo.healthy': 'true' }, '1.0.0');
    crash = registry.add('payment-api', { 'greenlight.demo.healthy': 'crash' });
    cluster = await startCluster();
    writeFileSync(join(home, 'all.yaml'), [NAMESPACE, deployment('stable', good, 3), SERVICE].map((each) => stringify(each)).join('---\n'));
  });

  afterAll(async () => {
    await cluster.dispose();
    await registry.close();
    rmSync(home, { recursive: true });
  });

  it('applies manifests, waits for the rollout and prints the usual columns', async () => {
    expect(await kubectl('apply', '-f', join(home, 'all.yaml'))).toContain('deployment.apps/stable created');
    expect(await kubectl('rollout', 'status', 'deployment/stable', '-n', 'prod', '--timeout=120s')).toContain('successfully rolled out');
    const table = await kubectl('get', 'deploy,pods', '-A');
    expect(table).toMatch(/NAMESPACE\s+NAME\s+READY\s+UP-TO-DATE\s+AVAILABLE\s+AGE/);
    expect(table).toMatch(/prod\s+deployment.apps\/stable\s+3\/3\s+3\s+3/);
    expect(table).toMatch(/prod\s+pod\/stable-\S+\s+1\/1\s+Running\s+0/);
    expect(await kubectl('apply', '-f', join(home, 'all.yaml'))).toContain('deployment.apps/stable unchanged');
  });

  it('scales, sets an image, undoes it and keeps the history', async () => {
    expect(await kubectl('scale', 'deployment/stable', '--replicas=2', '-n', 'prod')).toContain('scaled');
    await kubectl('set', 'image', 'deployment/stable', `app=${registry.host}/payment-api:1.0.0`, '-n', 'prod');
    expect(await kubectl('rollout', 'status', 'deployment/stable', '-n', 'prod', '--timeout=120s')).toContain('successfully rolled out');
    await kubectl('rollout', 'undo', 'deployment/stable', '-n', 'prod');
    expect(await kubectl('rollout', 'status', 'deployment/stable', '-n', 'prod', '--timeout=120s')).toContain('successfully rolled out');
    expect(await kubectl('rollout', 'history', 'deployment/stable', '-n', 'prod')).toMatch(/\n3\s/);
    expect(await kubectl('get', 'deploy', 'stable', '-n', 'prod', '-o', 'jsonpath={.spec.template.spec.containers[0].image}')).toBe(good);
  });

  it('reports a rollout that cannot progress', async () => {
    const file = join(home, 'crash.yaml');
    writeFileSync(file, stringify(deployment('broken', crash, 1, { progressDeadlineSeconds: 60 })));
    await kubectl('apply', '-f', file);
    await expect(kubectl('rollout', 'status', 'deployment/broken', '-n', 'prod', '--timeout=120s')).rejects.toThrow(
      'exceeded its progress deadline',
    );
    await kubectl('delete', 'deployment', 'broken', '-n', 'prod');
    expect(await kubectl('get', 'deployments', '-n', 'prod')).not.toContain('broken');
  });

  it('describes what runs and refuses unknown fields', async () => {
    const text = await kubectl('describe', 'deployment', 'stable', '-n', 'prod');
    expect(text).toContain('ScalingReplicaSet');
    expect(text).toMatch(/Available\s+True\s+MinimumReplicasAvailable/);
    const file = join(home, 'typo.yaml');
    writeFileSync(file, stringify(deployment('typo', good, 1, { replica: 3 })));
    await expect(kubectl('apply', '-f', file)).rejects.toThrow('unknown field "spec.replica"');
  });

  it('creates objects by its typed commands, which speak protobuf', async () => {
    await kubectl('create', 'namespace', 'typed');
    await kubectl('create', 'deployment', 'web', `--image=${good}`, '--port=8080', '--replicas=2', '-n', 'typed');
    await kubectl('create', 'configmap', 'settings', '--from-literal=a=b', '-n', 'typed');
    await kubectl('create', 'role', 'reader', '--verb=get,list', '--resource=pods', '-n', 'typed');
    await kubectl('create', 'rolebinding', 'reader', '--role=reader', '--group=readers', '-n', 'typed');
    await kubectl('create', 'service', 'loadbalancer', 'web', '--tcp=80:8080', '-n', 'typed');
    expect(await kubectl('rollout', 'status', 'deployment/web', '-n', 'typed', '--timeout=120s')).toContain('successfully rolled out');
    const role = JSON.parse(await kubectl('get', 'role', 'reader', '-n', 'typed', '-o', 'json'));
    expect(role.rules).toEqual([{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }]);
    expect(await kubectl('get', 'configmap', 'settings', '-n', 'typed', '-o', 'jsonpath={.data.a}')).toBe('b');
    expect(await kubectl('get', 'service', 'web', '-n', 'typed', '-o', 'jsonpath={.spec.ports[0].targetPort}')).toBe('8080');
    await expect(kubectl('create', 'ingress', 'x', '--rule=a.example/=web:80', '-n', 'typed')).rejects.toThrow(
      'Ingress is read as JSON only',
    );
    await kubectl('delete', 'namespace', 'typed', '--timeout=120s');
  });

  it('watches, applies on the server side and deletes a namespace with all it holds', async () => {
    const env = { PATH: process.env.PATH, HOME: home, KUBECONFIG: cluster.eks.kubeconfig };
    const watching = spawn('kubectl', ['get', 'deploy', 'stable', '-n', 'prod', '-w'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let watched = '';
    watching.stdout.on('data', (part) => (watched += part));
    const file = join(home, 'apply.yaml');
    writeFileSync(file, stringify(deployment('stable', good, 4)));
    await expect(kubectl('apply', '--server-side', '--field-manager=other', '-f', file)).rejects.toThrow(
      /conflict with "kubectl" .*\.spec\.replicas|conflict/,
    );
    expect(await kubectl('apply', '--server-side', '--field-manager=other', '--force-conflicts', '-f', file)).toContain(
      'serverside-applied',
    );
    await until(async () => /stable\s+4\/4/.test(watched));
    watching.kill();
    expect(await kubectl('auth', 'can-i', 'create', 'deployments', '-n', 'prod')).toContain('yes');
    expect(await kubectl('delete', 'namespace', 'prod', '--timeout=120s')).toContain('deleted');
    expect(await kubectl('get', 'pods', '-A')).toContain('No resources found');
  });
});
