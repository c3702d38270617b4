/** The official JavaScript client against the cluster: reads, patches, watches, informers. */
import * as k8s from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { deployment, NAMESPACE, startCluster, startRegistry, type TestCluster, type TestRegistry, until } from './test-cluster.ts';

let cluster: TestCluster;
let registry: TestRegistry;
let config: k8s.KubeConfig;

beforeAll(async () => {
  registry = await startRegistry();
  const image = registry.add('payment-api', {});
  cluster = await startCluster({ clusters: [{ name: 'demo', accessEntries: [], manifests: [NAMESPACE, deployment('stable', image, 1)] }] });
  config = new k8s.KubeConfig();
  config.loadFromFile(cluster.eks.kubeconfig);
});
afterAll(async () => {
  await cluster.dispose();
  await registry.close();
});

it('reads, scales and patches a Deployment', async () => {
  const apps = config.makeApiClient(k8s.AppsV1Api);
  const at = { name: 'stable', namespace: 'prod' };
  expect((await apps.readNamespacedDeployment(at)).spec?.replicas).toBe(1);
  const scale = await apps.readNamespacedDeploymentScale(at);
  await apps.replaceNamespacedDeploymentScale({ ...at, body: { ...scale, spec: { replicas: 2 } } });
  const body = { metadata: { annotations: { lock: 'mine' } } };
  const patched = await apps.patchNamespacedDeployment({ ...at, body }, k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.MergePatch));
  expect([patched.spec?.replicas, patched.metadata?.annotations?.lock]).toEqual([2, 'mine']);
  await expect(apps.readNamespacedDeployment({ ...at, name: 'none' })).rejects.toMatchObject({ code: 404 });
});

it('watches from a version, and an informer sees pods become ready', async () => {
  const core = config.makeApiClient(k8s.CoreV1Api);
  const informer = k8s.makeInformer(config, '/api/v1/namespaces/prod/pods', () => core.listNamespacedPod({ namespace: 'prod' }));
  const ready = new Set<string>();
  const note = (pod: k8s.V1Pod) => {
    if (pod.status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True')) ready.add(pod.metadata!.name!);
  };
  for (const event of ['add', 'update'] as const) informer.on(event, note);
  await informer.start();
  await until(async () => ready.size === 2);
  await informer.stop();

  const list = await core.listNamespacedConfigMap({ namespace: 'prod' });
  const events: string[] = [];
  const query = { resourceVersion: list.metadata!.resourceVersion!, allowWatchBookmarks: true };
  const request = await new k8s.Watch(config).watch(
    '/api/v1/namespaces/prod/configmaps',
    query,
    (type, object) => events.push(`${type} ${object.metadata?.name}`),
    () => {},
  );
  await core.createNamespacedConfigMap({ namespace: 'prod', body: { metadata: { name: 'seen' } } });
  await core.deleteNamespacedConfigMap({ namespace: 'prod', name: 'seen' });
  await until(async () => events.includes('DELETED seen'));
  expect(events.filter((event) => !event.startsWith('BOOKMARK'))).toEqual(['ADDED seen', 'DELETED seen']);
  request.abort();
});
