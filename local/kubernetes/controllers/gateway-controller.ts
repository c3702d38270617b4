/**
 * Gateways of the class `local`: a loopback listener per HTTP listener, on the port that it names, which hands requests to the ready pods behind the
 * Services of the attached HTTPRoutes, by their weights; and the status of both. Matches: path prefixes and exact paths; filters are not applied.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Listeners } from '../../listeners.ts';
import type { ObjectApi } from '../api/object-api.ts';
import { type Fields, type KubeObject, kubeTime, sameJson } from '../kube-object.ts';
import { GATEWAY_CLASSES, GATEWAYS, HTTP_ROUTES, PODS, SERVICES } from '../resource-kinds.ts';
import { isBehind, targetPort } from './endpoints-controller.ts';
import { isReady } from './replica-set-controller.ts';

const CONTROLLER = 'local-cloud/gateway';

export interface GatewayOptions {
  api: ObjectApi;
  listeners: Listeners;
  /** Hands a request to the container of the pod that has the port; false when it does not run. */
  serve(pod: KubeObject, port: number, request: IncomingMessage, response: ServerResponse): boolean;
  onError(key: string, error: unknown): void;
}

export class GatewayController {
  readonly #options: GatewayOptions;
  /** By `namespace/gateway/listener`. */
  readonly #open = new Map<string, Server>();
  /** What each backend still has to its credit: smooth weighted round robin, so that n requests meet the weights exactly. */
  readonly #credit = new Map<string, number>();
  #turn: Promise<void> = Promise.resolve();
  #next = 0;
  #closed = false;

  constructor(options: GatewayOptions) {
    this.#options = options;
    options.api.store.onChange(({ kind }) => {
      if (kind === GATEWAYS || kind === HTTP_ROUTES || kind === SERVICES || kind === GATEWAY_CLASSES) void this.settle();
    });
  }

  settle(): Promise<void> {
    this.#turn = this.#turn
      .then(async () => {
        if (!this.#closed) await this.#reconcile();
      })
      .catch((error: unknown) => this.#options.onError('gateways', error));
    return this.#options.api.clock.track(this.#turn);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#turn;
    for (const key of [...this.#open.keys()]) this.#shut(key);
  }

  async #reconcile(): Promise<void> {
    const { api, listeners } = this.#options;
    const gateways = api.store.list(GATEWAYS).filter((gateway) => isOurs(api, gateway) && !gateway.metadata.deletionTimestamp);
    const wanted = new Map<string, { gateway: KubeObject; listener: Fields }>();
    for (const gateway of gateways)
      for (const listener of gateway.spec!.listeners as Fields[])
        if (listener.protocol === 'HTTP') wanted.set(keyOf(gateway, listener), { gateway, listener });
    for (const key of [...this.#open.keys()]) if (!wanted.has(key)) this.#shut(key);
    for (const [key, { gateway, listener }] of wanted) {
      if (this.#open.has(key)) continue;
      const { namespace, name } = gateway.metadata;
      const listening = await listeners.listen(
        `gateway-${key.replaceAll('/', '-')}`,
        (request, response) => this.#route(namespace!, name, listener.name, request, response),
        { port: listener.port },
      );
      this.#open.set(key, listening.server);
    }
    for (const route of api.store.list(HTTP_ROUTES)) this.#reportRoute(route, gateways);
    for (const gateway of gateways) this.#reportGateway(gateway);
  }

  #routesOf(namespace: string, gateway: string, listener: string): KubeObject[] {
    return this.#options.api.store
      .list(HTTP_ROUTES)
      .filter((route) =>
        ((route.spec?.parentRefs ?? []) as Fields[]).some(
          (parent) =>
            parent.name === gateway &&
            (parent.namespace ?? route.metadata.namespace) === namespace &&
            (parent.sectionName ?? listener) === listener,
        ),
      );
  }

  #route(namespace: string, gateway: string, listener: string, request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? '/').split('?')[0]!;
    for (const route of this.#routesOf(namespace, gateway, listener)) {
      const rule = ((route.spec?.rules ?? []) as Fields[]).find(({ matches }) =>
        (matches as Fields[]).some((match) => isMatch(match.path, path)),
      );
      if (!rule) continue;
      const ref = this.#choose(`${namespace}/${route.metadata.name}`, (rule.backendRefs ?? []) as Fields[]);
      if (ref && this.#serve(route.metadata.namespace!, ref, request, response)) return;
      // As the API demands of references that lead nowhere, and of weights that are all zero.
      const status = ref === undefined || !this.#service(route.metadata.namespace!, ref) ? 500 : 503;
      return void response.writeHead(status, { 'content-type': 'text/plain' }).end('no backend\n');
    }
    response.writeHead(404, { 'content-type': 'text/plain' }).end('no route\n');
  }

  #choose(key: string, refs: Fields[]): Fields | undefined {
    const total = refs.reduce((sum, { weight }) => sum + weight, 0);
    if (total === 0) return undefined;
    const credit = (ref: Fields) => this.#credit.get(`${key}/${ref.name}`) ?? 0;
    for (const ref of refs) this.#credit.set(`${key}/${ref.name}`, ref.weight === 0 ? 0 : credit(ref) + ref.weight);
    const chosen = refs.filter(({ weight }) => weight > 0).reduce((best, ref) => (credit(ref) > credit(best) ? ref : best));
    this.#credit.set(`${key}/${chosen.name}`, credit(chosen) - total);
    return chosen;
  }

  #service(namespace: string, ref: Fields): KubeObject | undefined {
    return this.#options.api.store.get(SERVICES, ref.namespace ?? namespace, ref.name);
  }

  #serve(namespace: string, ref: Fields, request: IncomingMessage, response: ServerResponse): boolean {
    const { api, serve } = this.#options;
    const service = this.#service(namespace, ref);
    const port = ((service?.spec?.ports ?? []) as Fields[]).find((each) => each.port === ref.port);
    if (!service || !port) return false;
    const pods = api.store.list(PODS, service.metadata.namespace).filter((pod) => isBehind(service, pod) && isReady(pod));
    return pods.some(() => {
      const pod = pods[this.#next++ % pods.length]!;
      return serve(pod, targetPort(port, pod), request, response);
    });
  }

  #reportRoute(route: KubeObject, gateways: KubeObject[]): void {
    const parents = ((route.spec?.parentRefs ?? []) as Fields[]).flatMap((parentRef) => {
      const namespace = parentRef.namespace ?? route.metadata.namespace;
      const gateway = gateways.find(({ metadata }) => metadata.name === parentRef.name && metadata.namespace === namespace);
      if (!gateway) return [];
      const listens = (gateway.spec!.listeners as Fields[]).some(({ name }) => (parentRef.sectionName ?? name) === name);
      const missing = ((route.spec?.rules ?? []) as Fields[])
        .flatMap(({ backendRefs }) => (backendRefs ?? []) as Fields[])
        .find((ref) => !this.#service(route.metadata.namespace!, ref));
      return [
        {
          parentRef,
          controllerName: CONTROLLER,
          conditions: [
            this.#condition(route, 'Accepted', listens, listens ? 'Accepted' : 'NoMatchingParent'),
            this.#condition(route, 'ResolvedRefs', !missing, missing ? 'BackendNotFound' : 'ResolvedRefs'),
          ],
        },
      ];
    });
    if (!sameJson(withoutTimes(route.status?.parents ?? []), withoutTimes(parents)))
      this.#options.api.change(HTTP_ROUTES, route, (copy) => (copy.status = { parents }), 'status');
  }

  #reportGateway(gateway: KubeObject): void {
    const { namespace, name } = gateway.metadata;
    const listeners = (gateway.spec!.listeners as Fields[]).map((listener) => ({
      name: listener.name,
      supportedKinds: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute' }],
      attachedRoutes: this.#routesOf(namespace!, name, listener.name).length,
      conditions: [this.#condition(gateway, 'Accepted', true, 'Accepted'), this.#condition(gateway, 'Programmed', true, 'Programmed')],
    }));
    const status = {
      addresses: [{ type: 'IPAddress', value: '127.0.0.1' }],
      conditions: [this.#condition(gateway, 'Accepted', true, 'Accepted'), this.#condition(gateway, 'Programmed', true, 'Programmed')],
      listeners,
    };
    if (!sameJson(withoutTimes(gateway.status ?? {}), withoutTimes(status)))
      this.#options.api.change(GATEWAYS, gateway, (copy) => (copy.status = status), 'status');
  }

  #condition(object: KubeObject, type: string, holds: boolean, reason: string): Fields {
    return {
      type,
      status: holds ? 'True' : 'False',
      reason,
      message: '',
      observedGeneration: object.metadata.generation,
      lastTransitionTime: kubeTime(this.#options.api.clock.now()),
    };
  }

  #shut(key: string): void {
    const server = this.#open.get(key)!;
    this.#open.delete(key);
    server.close();
    server.closeAllConnections();
  }
}

function isOurs(api: ObjectApi, gateway: KubeObject): boolean {
  return api.store.get(GATEWAY_CLASSES, undefined, gateway.spec?.gatewayClassName)?.spec?.controllerName === CONTROLLER;
}

function keyOf(gateway: KubeObject, listener: Fields): string {
  return `${gateway.metadata.namespace}/${gateway.metadata.name}/${listener.name}`;
}

function isMatch({ type, value }: Fields, path: string): boolean {
  if (type === 'Exact') return path === value;
  return type === 'PathPrefix' && (value === '/' || path === value || path.startsWith(`${String(value).replace(/\/$/, '')}/`));
}

function withoutTimes(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, each) => (key === 'lastTransitionTime' ? undefined : each)));
}
