/** One cluster: store, API server, controllers and node, put together and started. It knows nothing of what its containers do. */
import { join } from 'node:path';
import type { CloudContext } from '../service.ts';
import { ApiServer } from './api/api-server.ts';
import { type AccessEntry, Authenticator } from './api/authenticate.ts';
import { decodeObject } from './api/decode-object.ts';
import { ObjectApi } from './api/object-api.ts';
import { RoleBasedAccess } from './api/role-based-access.ts';
import { ServiceAddresses } from './api/service-addresses.ts';
import { bootstrapObjects, nodeStatus } from './bootstrap-objects.ts';
import { DeploymentController } from './controllers/deployment-controller.ts';
import { EndpointsController } from './controllers/endpoints-controller.ts';
import { GarbageCollector } from './controllers/garbage-collector.ts';
import { GatewayController } from './controllers/gateway-controller.ts';
import { LoadBalancers } from './controllers/load-balancer.ts';
import { ReplicaSetController } from './controllers/replica-set-controller.ts';
import { type KubeObject, kubeTime } from './kube-object.ts';
import type { RunContainer } from './node/container.ts';
import { ImageStore } from './node/image-store.ts';
import { NodeAgent } from './node/node-agent.ts';
import { ObjectStore } from './object-store.ts';
import { NAMESPACES, NODES, resourceOf } from './resource-kinds.ts';

export interface ClusterOptions {
  context: CloudContext;
  name: string;
  /** Folder of this cluster alone. */
  folder: string;
  tls: { key: string; cert: string };
  /** Static bearer token of the administrator. */
  adminToken: string;
  accessEntries: () => readonly AccessEntry[];
  stsOrigin: () => string;
  runContainer: RunContainer;
  /** Created at the first start, in order, as the administrator would. */
  manifests?: readonly object[];
}

export interface Cluster {
  /** `https://127.0.0.1:PORT`; it serves already. */
  origin: string;
  /** Creates the manifests (at the first start), starts controllers and node, opens the LoadBalancer Services. */
  start(): Promise<void>;
  /** Addresses of the LoadBalancer Services, by `namespace/name`. */
  apps(): Record<string, string>;
  close(): Promise<void>;
}

/** Opens the cluster of a folder, or makes a new one there. Pods of an earlier start go on with `start`. */
export async function createCluster(options: ClusterOptions): Promise<Cluster> {
  const { context, folder, runContainer } = options;
  const { clock, listeners } = context;
  const store = new ObjectStore(folder);
  const api = new ObjectApi(store, clock, new ServiceAddresses(store));
  const access = new RoleBasedAccess(store);
  const authenticator = new Authenticator({ ...options, clock, clusterName: options.name });
  const server = new ApiServer({ context, api, access, authenticator });
  const onError = (key: string, error: unknown) =>
    context.log('kubernetes controller failed', { key, error: String((error as Error).stack) });

  const node = new NodeAgent({ api, images: new ImageStore(join(folder, 'images')), runContainer, onError });
  const controllers = [
    new DeploymentController(api, onError),
    new ReplicaSetController(api, onError),
    new EndpointsController(api, onError),
    new GarbageCollector(api, onError),
    node,
  ];
  const serve: NodeAgent['serve'] = (pod, port, request, response) => node.serve(pod, port, request, response);
  const balancers = new LoadBalancers({ api, listeners, serve, onError });
  const gateways = new GatewayController({ api, listeners, serve, onError });
  ensure(api, bootstrapObjects());
  const listening = await listeners.listen(`kubernetes-${options.name}`, (request, response) => void server.handle(request, response), {
    tls: options.tls,
    now: () => clock.date(),
  });
  return {
    origin: listening.origin,
    async start() {
      applyManifests(api, options.manifests ?? []);
      for (const controller of controllers) controller.start();
      await balancers.settle();
      await gateways.settle();
    },
    apps: () => balancers.addresses(),
    async close() {
      for (const controller of controllers) controller.close();
      await balancers.close();
      await gateways.close();
      listening.server.close();
      listening.server.closeAllConnections();
      store.close();
    },
  };
}

/** On the namespace kube-system, once all manifests are there: a start that was killed before goes on where it stopped. */
const MANIFESTS_APPLIED = 'local-cloud/manifests-applied';

function applyManifests(api: ObjectApi, manifests: readonly object[]): void {
  const system = api.get(NAMESPACES, undefined, 'kube-system');
  if (system.metadata.annotations?.[MANIFESTS_APPLIED]) return;
  ensure(api, manifests);
  const annotate = (copy: KubeObject) => (copy.metadata.annotations = { ...copy.metadata.annotations, [MANIFESTS_APPLIED]: 'true' });
  api.change(NAMESPACES, system, annotate);
  api.store.flush();
}

/** Creates what is missing, strictly checked as what a client sends. */
function ensure(api: ObjectApi, drafts: readonly object[]): void {
  for (const draft of drafts as KubeObject[]) {
    const kind = resourceOf(draft.apiVersion, draft.kind);
    if (!kind) throw new Error(`this cluster does not serve ${draft.apiVersion} ${draft.kind}`);
    const namespace = kind.namespaced ? (draft.metadata.namespace ?? 'default') : undefined;
    if (api.store.get(kind, namespace, draft.metadata.name)) continue;
    const created = api.create(kind, namespace, decodeObject(kind, draft, 'Strict').object);
    if (kind === NODES) api.change(kind, created, (copy) => (copy.status = nodeStatus(kubeTime(api.clock.now()))), 'status');
  }
}
