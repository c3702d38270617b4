/** Rollouts, pods and load balancing as a cluster's users see them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
} from './test-cluster.ts';

const MERGE = { contentType: 'application/merge-patch+json' };
const STRATEGIC = { contentType: 'application/strategic-merge-patch+json' };

let cluster: TestCluster;
let registry: TestRegistry;
const images: Record<string, string> = {};

beforeAll(async () => {
  registry = await startRegistry();
  for (const healthy of ['true', 'false', 'after-50', 'crash'])
    images[healthy] = registry.add('payment-api', { 'greenlight.demo.healthy': healthy });
  const clusters = [
    {
      name: 'demo',
      accessEntries: [],
      manifests: [NAMESPACE, SERVICE, deployment('stable', images.true!, 3), deployment('canary', images.true!, 0)],
    },
  ];
  cluster = await startCluster({ clusters });
  await rolledOut(cluster, 'stable');
});
afterAll(async () => {
  await cluster.dispose();
  await registry.close();
});

const pods = async (track: string): Promise<Fields[]> => (await cluster.call('GET', `${PODS}?labelSelector=track%3D${track}`)).body.items;
const app = (path: string, headers: Record<string, string> = {}) => fetch(`${cluster.eks.apps()['prod/payment-api']}${path}`, { headers });
const setImage = (name: string, image: string) =>
  cluster.call('PATCH', `${DEPLOYMENTS}/${name}`, { spec: { template: { spec: { containers: [{ name: 'app', image }] } } } }, STRATEGIC);

describe('pods', () => {
  it('run the image that the registry serves, with its digest in the status', async () => {
    const [pod] = await pods('stable');
    expect(pod!.status).toMatchObject({ phase: 'Running', podIP: expect.stringMatching(/^10\.244\./) });
    expect(pod!.status.containerStatuses[0]).toMatchObject({
      imageID: images.true,
      ready: true,
      started: true,
      restartCount: 0,
      state: { running: {} },
    });
    expect(pod!.status.conditions.find((each: Fields) => each.type === 'Ready').status).toBe('True');
    expect(pod!.metadata.ownerReferences[0]).toMatchObject({ kind: 'ReplicaSet', controller: true });
    // The arm64 child comes first in the index: the platform was chosen, not the position.
    expect(registry.requests.some((path) => path.includes('/manifests/sha256:'))).toBe(true);
  });

  it('stay waiting while their image cannot be pulled, and say why', async () => {
    await cluster.call('POST', DEPLOYMENTS, deployment('missing', `${registry.host}/payment-api:none`, 1));
    const pod = await until(async () =>
      (await pods('missing')).find((each) => each.status.containerStatuses?.[0].state.waiting?.reason === 'ImagePullBackOff'),
    );
    expect(pod.status.phase).toBe('Pending');
    expect(pod.status.containerStatuses[0].state.waiting.message).toContain('not found');
    const events = (await cluster.call('GET', `/api/v1/namespaces/prod/events?fieldSelector=involvedObject.name%3D${pod.metadata.name}`))
      .body.items;
    expect(events.map((event: Fields) => event.reason)).toEqual(expect.arrayContaining(['Scheduled', 'Pulling', 'Failed', 'BackOff']));
    await cluster.call('DELETE', `${DEPLOYMENTS}/missing`);
  });

  it('never pull from another host than this machine', async () => {
    await cluster.call('POST', DEPLOYMENTS, deployment('remote', 'example.com/payment-api:1', 1));
    const pod = await until(async () => (await pods('remote')).find((each) => each.status.containerStatuses?.[0].state.waiting?.message));
    expect(pod.status.containerStatuses[0].state.waiting.message).toContain('pulls from registries on 127.0.0.1 only');
    await cluster.call('DELETE', `${DEPLOYMENTS}/remote`);
  });

  it('crash with back-off, and the rollout misses its deadline', async () => {
    await cluster.call('POST', DEPLOYMENTS, deployment('crashing', images.crash!, 1, { progressDeadlineSeconds: 30 }));
    const pod = await until(async () =>
      (await pods('crashing')).find((each) => each.status.containerStatuses?.[0].state.waiting?.reason === 'CrashLoopBackOff'),
    );
    expect(pod.status.containerStatuses[0].restartCount).toBeGreaterThan(0);
    expect(pod.status.containerStatuses[0].lastState.terminated).toMatchObject({ exitCode: 1, reason: 'Error' });
    const conditions = await until(async () => {
      const { body } = await cluster.call('GET', `${DEPLOYMENTS}/crashing`);
      return body.status.conditions?.some((each: Fields) => each.reason === 'ProgressDeadlineExceeded') && body.status.conditions;
    });
    expect(conditions).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: 'Progressing', status: 'False' }),
        expect.objectContaining({ type: 'Available', status: 'False', reason: 'MinimumReplicasUnavailable' }),
      ]),
    );
    await cluster.call('DELETE', `${DEPLOYMENTS}/crashing`);
  });

  it('are replaced when they are deleted, and go with their Deployment', async () => {
    const [victim] = await pods('stable');
    await cluster.call('DELETE', `${PODS}/${victim!.metadata.name}`);
    await until(async () => (await pods('stable')).every((pod) => pod.metadata.name !== victim!.metadata.name));
    await rolledOut(cluster, 'stable');
    await cluster.call('POST', DEPLOYMENTS, deployment('short', images.true!, 2));
    await rolledOut(cluster, 'short');
    await cluster.call('DELETE', `${DEPLOYMENTS}/short`, { kind: 'DeleteOptions', propagationPolicy: 'Foreground' });
    await until(async () => (await pods('short')).length === 0 && (await cluster.call('GET', `${DEPLOYMENTS}/short`)).status === 404);
  });
});

describe('rolling updates', () => {
  it('keep availability within the strategy, number revisions and return to an old template', async () => {
    const strategy = { strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } };
    await cluster.call('POST', DEPLOYMENTS, deployment('rolling', images.true!, 3, strategy));
    await rolledOut(cluster, 'rolling');
    const next = registry.add('payment-api', { version: '2' });
    let least = 3;
    let most = 0;
    await setImage('rolling', next);
    const done = await until(async () => {
      const { body } = await cluster.call('GET', `${DEPLOYMENTS}/rolling`);
      if (body.status.observedGeneration < body.metadata.generation) return undefined;
      least = Math.min(least, body.status.availableReplicas ?? 0);
      most = Math.max(most, body.status.replicas ?? 0);
      return body.status.updatedReplicas === 3 && body.status.replicas === 3 && body.status.availableReplicas === 3 && body;
    });
    expect([least, most <= 4]).toEqual([3, true]);
    expect(done.metadata.annotations['deployment.kubernetes.io/revision']).toBe('2');
    expect(done.status.conditions.find((each: Fields) => each.type === 'Progressing')).toMatchObject({
      reason: 'NewReplicaSetAvailable',
      status: 'True',
    });
    expect((await pods('rolling')).map((pod) => pod.status.containerStatuses[0].imageID)).toEqual([next, next, next]);
    await setImage('rolling', images.true!);
    const back = await rolledOut(cluster, 'rolling');
    expect(back.metadata.annotations['deployment.kubernetes.io/revision']).toBe('3');
    const sets = (await cluster.call('GET', '/apis/apps/v1/namespaces/prod/replicasets?labelSelector=track%3Drolling')).body.items;
    expect(sets).toHaveLength(2);
    await cluster.call('DELETE', `${DEPLOYMENTS}/rolling`);
  });

  it('do not move a paused Deployment', async () => {
    await cluster.call('POST', DEPLOYMENTS, deployment('paused', images.true!, 1));
    await rolledOut(cluster, 'paused');
    await cluster.call('PATCH', `${DEPLOYMENTS}/paused`, { spec: { paused: true } }, MERGE);
    await setImage('paused', images.false!);
    const { body } = await cluster.call('PATCH', `${DEPLOYMENTS}/paused`, { spec: { replicas: 2 } }, MERGE);
    const after = await until(async () => {
      const now = (await cluster.call('GET', `${DEPLOYMENTS}/paused`)).body;
      return now.status.observedGeneration === body.metadata.generation && now.status.availableReplicas === 2 && now;
    });
    expect(after.status.updatedReplicas).toBeUndefined();
    await cluster.call('DELETE', `${DEPLOYMENTS}/paused`);
  });
});

describe('a LoadBalancer Service', () => {
  it('serves the smoke endpoints at the address in its status', async () => {
    const { body } = await cluster.call('GET', '/api/v1/namespaces/prod/services/payment-api');
    const [{ ip, ports }] = body.status.loadBalancer.ingress;
    expect(cluster.eks.apps()['prod/payment-api']).toBe(`http://${ip}:${ports[0].port}`);
    expect(await (await app('/api/health')).json()).toEqual({ status: 'ok' });
    expect(await (await app('/api/ready')).json()).toEqual({ status: 'ready' });
    expect(await (await app('/login')).text()).toContain('Sign In');
    expect((await app('/api/v1/user/me')).status).toBe(401);
    expect(await (await app('/api/v1/user/me', { authorization: 'Bearer token' })).json()).toEqual({ id: expect.any(String) });
    expect(await (await app('/version')).json()).toMatchObject({ digest: images.true!.split('@')[1] });
  });

  it('spreads requests over all ready pods', async () => {
    await rolledOut(cluster, 'stable');
    const names = await Promise.all(Array.from({ length: 9 }, async () => ((await (await app('/version')).json()) as { pod: string }).pod));
    expect(new Set(names).size).toBe(3);
  });

  it('shows a version that fails from half of the pods on', async () => {
    await setImage('canary', images['after-50']!);
    await cluster.call('PATCH', `${DEPLOYMENTS}/canary/scale`, { spec: { replicas: 1 } }, MERGE);
    await rolledOut(cluster, 'canary');
    const statuses = async () => Promise.all(Array.from({ length: 12 }, async () => (await app('/api/health')).status));
    expect(new Set(await statuses())).toEqual(new Set([200]));
    await cluster.call('PATCH', `${DEPLOYMENTS}/canary/scale`, { spec: { replicas: 3 } }, MERGE);
    await rolledOut(cluster, 'canary');
    expect(new Set(await statuses())).toEqual(new Set([200, 500]));
    await cluster.call('PATCH', `${DEPLOYMENTS}/canary/scale`, { spec: { replicas: 0 } }, MERGE);
    await rolledOut(cluster, 'canary');
  });

  it('answers 503 while no pod is ready', async () => {
    await cluster.call('PATCH', `${DEPLOYMENTS}/stable/scale`, { spec: { replicas: 0 } }, MERGE);
    await until(async () => (await app('/api/health')).status === 503);
    await cluster.call('PATCH', `${DEPLOYMENTS}/stable/scale`, { spec: { replicas: 3 } }, MERGE);
    await until(async () => (await app('/api/health')).status === 200);
  });
});

describe('after a restart', () => {
  it('pods, objects, addresses and the administrator go on as they were', async () => {
    await rolledOut(cluster, 'stable');
    const before = {
      token: cluster.eks.adminToken,
      origin: cluster.eks.kubernetesOrigin,
      apps: cluster.eks.apps(),
      pods: (await pods('stable')).map((pod) => pod.metadata.uid),
    };
    const { data } = cluster.context;
    await cluster.stop();
    // The images are on the node: the registry is not needed.
    await registry.close();
    cluster = await startCluster({ data });
    expect({ token: cluster.eks.adminToken, origin: cluster.eks.kubernetesOrigin, apps: cluster.eks.apps() }).toEqual({
      token: before.token,
      origin: before.origin,
      apps: before.apps,
    });
    expect(
      (await fetch(`${before.apps['prod/payment-api']}/api/health`, { headers: { connection: 'close' } }).catch(() => app('/api/health')))
        .status,
    ).toBe(200);
    const after = await pods('stable');
    expect(after.map((pod) => pod.metadata.uid)).toEqual(before.pods);
    expect(after.every((pod) => pod.status.containerStatuses[0].restartCount === 0)).toBe(true);
  });
});
