/** Services of type LoadBalancer: a real loopback listener per port, which hands requests round robin to the ready pods behind the Service. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Listeners } from '../../listeners.ts';
import type { ObjectApi } from '../api/object-api.ts';
import type { Fields, KubeObject } from '../kube-object.ts';
import { PODS, SERVICES } from '../resource-kinds.ts';
import { isBehind, targetPort } from './endpoints-controller.ts';
import { isReady } from './replica-set-controller.ts';

interface Balanced {
  server: Server;
  port: number;
  next: number;
}

export interface LoadBalancerOptions {
  api: ObjectApi;
  listeners: Listeners;
  /** Hands a request to the container of the pod that has the port; false when it does not run. */
  serve(pod: KubeObject, port: number, request: IncomingMessage, response: ServerResponse): boolean;
  onError(service: string, error: unknown): void;
}

export class LoadBalancers {
  readonly #options: LoadBalancerOptions;
  /** By listener name. */
  readonly #open = new Map<string, Balanced>();
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: LoadBalancerOptions) {
    this.#options = options;
    options.api.store.onChange(({ kind }) => {
      if (kind === SERVICES) void this.settle();
    });
  }

  /** Opens and closes listeners until they are as the Services say. */
  settle(): Promise<void> {
    this.#turn = this.#turn
      .then(async () => {
        if (!this.#closed) await this.#reconcile();
      })
      .catch((error: unknown) => this.#options.onError('load balancers', error));
    return this.#options.api.clock.track(this.#turn);
  }

  /** First address of each Service, by `namespace/name`. */
  addresses(): Record<string, string> {
    const services = this.#options.api.store.list(SERVICES);
    const pairs = services.map((service) => {
      const first = (service.spec?.ports ?? [])[0] as Fields | undefined;
      const balanced = first && this.#open.get(listenerName(service, first));
      return [`${service.metadata.namespace}/${service.metadata.name}`, balanced && `http://127.0.0.1:${balanced.port}`];
    });
    return Object.fromEntries(pairs.filter(([, address]) => address));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#turn;
    for (const name of [...this.#open.keys()]) this.#shut(name);
  }

  async #reconcile(): Promise<void> {
    const { api, listeners } = this.#options;
    const wanted = new Map<string, { service: KubeObject; port: Fields }>();
    for (const service of api.store.list(SERVICES)) {
      if (service.spec?.type !== 'LoadBalancer' || service.metadata.deletionTimestamp) continue;
      for (const port of service.spec.ports as Fields[])
        if (port.protocol === 'TCP') wanted.set(listenerName(service, port), { service, port });
    }
    for (const name of [...this.#open.keys()]) if (!wanted.has(name)) this.#shut(name);
    for (const [name, { service, port }] of wanted) {
      if (this.#open.has(name)) continue;
      const { namespace, name: serviceName } = service.metadata;
      const listening = await listeners.listen(name, (request, response) =>
        this.#balance(name, namespace!, serviceName, port.port, request, response),
      );
      this.#open.set(name, { server: listening.server, port: listening.port, next: 0 });
    }
    for (const service of api.store.list(SERVICES)) this.#report(service);
  }

  #report(service: KubeObject): void {
    const ports = ((service.spec?.ports ?? []) as Fields[])
      .map((port) => this.#open.get(listenerName(service, port)))
      .filter((each) => each !== undefined);
    const ingress =
      ports.length > 0
        ? { ingress: [{ ip: '127.0.0.1', ipMode: 'VIP', ports: ports.map(({ port }) => ({ port, protocol: 'TCP' })) }] }
        : {};
    this.#options.api.change(SERVICES, service, (copy) => (copy.status = { ...copy.status, loadBalancer: ingress }), 'status');
  }

  #balance(
    listener: string,
    namespace: string,
    name: string,
    servicePort: number,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const { api, serve } = this.#options;
    const balanced = this.#open.get(listener);
    const service = api.store.get(SERVICES, namespace, name);
    const port = ((service?.spec?.ports ?? []) as Fields[]).find((each) => each.port === servicePort);
    const pods = service && port ? api.store.list(PODS, namespace).filter((pod) => isBehind(service, pod) && isReady(pod)) : [];
    for (let tried = 0; balanced && port && tried < pods.length; tried++) {
      const pod = pods[balanced.next++ % pods.length]!;
      if (serve(pod, targetPort(port, pod), request, response)) return;
    }
    response.writeHead(503, { 'content-type': 'text/plain' });
    response.end('no endpoints available for service\n');
  }

  #shut(name: string): void {
    const { server } = this.#open.get(name)!;
    this.#open.delete(name);
    server.close();
    server.closeAllConnections();
  }
}

/** The first port has the plain name, so that its number stays when ports are added. */
function listenerName(service: KubeObject, port: Fields): string {
  const base = `service-${service.metadata.namespace}-${service.metadata.name}`;
  const first = (service.spec?.ports as Fields[] | undefined)?.[0];
  return first === port || first?.port === port.port ? base : `${base}-${port.port}`;
}
