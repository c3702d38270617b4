/** Endpoints and one EndpointSlice per Service with a selector: ready pods, and those that are not. */
import type { ObjectApi } from '../api/object-api.ts';
import { type Fields, type KubeObject, sameJson } from '../kube-object.ts';
import { ENDPOINT_SLICES, ENDPOINTS, PODS, type ResourceKind, SERVICES } from '../resource-kinds.ts';
import { matchServiceSelector } from '../selectors.ts';
import { isReady } from './replica-set-controller.ts';
import { keyOf, splitKey, WorkQueue } from './work-queue.ts';

export class EndpointsController {
  readonly #api: ObjectApi;
  readonly #queue: WorkQueue;

  constructor(api: ObjectApi, onError: (key: string, error: unknown) => void) {
    this.#api = api;
    this.#queue = new WorkQueue(api.clock, (key) => this.#reconcile(key), onError);
    api.store.onChange(({ kind, object }) => {
      if (kind === SERVICES) this.#queue.add(keyOf(object));
      if (kind !== PODS) return;
      for (const service of api.store.list(SERVICES, object.metadata.namespace)) this.#queue.add(keyOf(service));
    });
  }

  start(): void {
    for (const service of this.#api.store.list(SERVICES)) this.#queue.add(keyOf(service));
  }

  close(): void {
    this.#queue.close();
  }

  #reconcile(key: string): void {
    const [namespace, name] = splitKey(key);
    const service = this.#api.store.get(SERVICES, namespace, name);
    if (!service) {
      for (const kind of [ENDPOINTS, ENDPOINT_SLICES]) {
        const left = this.#api.store.get(kind, namespace, name);
        if (left) this.#api.finish(kind, left);
      }
      return;
    }
    if (!service.spec?.selector || service.metadata.deletionTimestamp) return;
    const pods = this.#api.store.list(PODS, namespace).filter((pod) => isBehind(service, pod) && pod.status?.podIP);
    const ports = (service.spec.ports ?? []) as Fields[];
    this.#keep(ENDPOINTS, service, { subsets: subsetsOf(pods, ports) });
    this.#keep(ENDPOINT_SLICES, service, {
      addressType: 'IPv4',
      endpoints: pods.map(sliceEndpoint),
      ports: ports.map((port) => ({
        name: port.name ?? '',
        protocol: port.protocol,
        port: pods[0] ? targetPort(port, pods[0]) : port.port,
      })),
    });
  }

  #keep(kind: ResourceKind, service: KubeObject, content: Fields): void {
    const { name, namespace, uid } = service.metadata;
    const existing = this.#api.store.get(kind, namespace, name);
    if (existing) {
      const current = Object.fromEntries(Object.keys(content).map((field) => [field, existing[field]]));
      if (!sameJson(current, content)) this.#api.change(kind, existing, (copy) => Object.assign(copy, content));
      return;
    }
    const labels = { ...service.metadata.labels, ...(kind === ENDPOINT_SLICES ? { 'kubernetes.io/service-name': name } : {}) };
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Service', name, uid, controller: true, blockOwnerDeletion: true }];
    const metadata = { name, labels, ...(kind === ENDPOINT_SLICES ? { ownerReferences } : {}) } as unknown as KubeObject['metadata'];
    const apiVersion = kind === ENDPOINTS ? 'v1' : 'discovery.k8s.io/v1';
    this.#api.create(kind, namespace, { apiVersion, kind: kind.kind, metadata, ...content });
  }
}

/** True for pods that a Service selects and that are not on their way out. */
export function isBehind(service: KubeObject, pod: KubeObject): boolean {
  return !pod.metadata.deletionTimestamp && matchServiceSelector(service.spec?.selector)(pod.metadata.labels);
}

/** The container port that a Service port leads to; a name is looked up among the pod's ports. */
export function targetPort(port: Fields, pod: KubeObject): number {
  if (typeof port.targetPort === 'number') return port.targetPort;
  const ports = ((pod.spec?.containers ?? []) as Fields[]).flatMap((container) => (container.ports ?? []) as Fields[]);
  return ports.find((each) => each.name === port.targetPort)?.containerPort ?? port.port;
}

function addressOf(pod: KubeObject): Fields {
  const { name, namespace, uid } = pod.metadata;
  return { ip: pod.status!.podIP, nodeName: pod.spec!.nodeName, targetRef: { kind: 'Pod', name, namespace, uid } };
}

function subsetsOf(pods: KubeObject[], ports: Fields[]): Fields[] {
  if (pods.length === 0) return [];
  const addresses = pods.filter(isReady).map(addressOf);
  const notReadyAddresses = pods.filter((pod) => !isReady(pod)).map(addressOf);
  return [
    {
      ...(addresses.length > 0 ? { addresses } : {}),
      ...(notReadyAddresses.length > 0 ? { notReadyAddresses } : {}),
      ports: ports.map((port) => ({
        ...(port.name ? { name: port.name } : {}),
        port: targetPort(port, pods[0]!),
        protocol: port.protocol,
      })),
    },
  ];
}

function sliceEndpoint(pod: KubeObject): Fields {
  const { ip, nodeName, targetRef } = addressOf(pod);
  const ready = isReady(pod);
  return { addresses: [ip], conditions: { ready, serving: ready, terminating: false }, nodeName, targetRef };
}
