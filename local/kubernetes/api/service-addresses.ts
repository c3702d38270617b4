/** Cluster IPs and node ports of Services. They are identifiers only: nothing listens there; LoadBalancer Services listen on 127.0.0.1. */
import { invalid } from '../kube-error.ts';
import type { Fields, KubeObject } from '../kube-object.ts';
import type { ObjectStore } from '../object-store.ts';
import { SERVICES } from '../resource-kinds.ts';

const LOWEST_NODE_PORT = 30_000;
const HIGHEST_NODE_PORT = 32_767;
/** Addresses of 10.96.0.0/16, .0.1 being the API server's. */
const CLUSTER_IPS = 65_000;

export class ServiceAddresses {
  readonly #store: ObjectStore;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  clusterIp(): string {
    const used = new Set(this.#specs().map((spec) => spec.clusterIP));
    for (let number = 10; number < CLUSTER_IPS; number++) {
      const address = `10.96.${number >> 8}.${number & 255}`;
      if (!used.has(address)) return address;
    }
    throw new Error('no cluster IP is left');
  }

  usedNodePorts(except: KubeObject): Set<number> {
    const others = this.#store.list(SERVICES).filter((service) => service.metadata.uid !== except.metadata.uid);
    return new Set(others.flatMap((service) => (service.spec?.ports ?? []) as Fields[]).map((port) => port.nodePort));
  }

  #specs(): Fields[] {
    return this.#store.list(SERVICES).map((service) => service.spec ?? {});
  }
}

/** Gives a Service its cluster IP and node ports, in place. Does nothing for other kinds. */
export function allocateService(addresses: ServiceAddresses, service: KubeObject): void {
  if (service.kind !== 'Service' || !service.spec || service.spec.type === 'ExternalName') return;
  const { spec } = service;
  if (!spec.clusterIP) spec.clusterIP = addresses.clusterIp();
  spec.clusterIPs = [spec.clusterIP];
  if (spec.type !== 'NodePort' && spec.type !== 'LoadBalancer') return;
  const used = addresses.usedNodePorts(service);
  for (const [index, port] of (spec.ports as Fields[]).entries()) {
    if (port.nodePort && used.has(port.nodePort)) {
      const message = `Invalid value: ${port.nodePort}: provided port is already allocated`;
      throw invalid(SERVICES, service.metadata.name, [{ reason: 'FieldValueInvalid', message, field: `spec.ports[${index}].nodePort` }]);
    }
    port.nodePort ??= lowestFree(used);
    used.add(port.nodePort);
  }
}

function lowestFree(used: Set<number>): number {
  for (let port = LOWEST_NODE_PORT; port <= HIGHEST_NODE_PORT; port++) if (!used.has(port)) return port;
  throw new Error('no node port is left');
}
