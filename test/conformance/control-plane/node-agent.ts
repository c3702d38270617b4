/**
 * Plays scheduler, kubelet, load balancer and gateway controller for one namespace, through the API alone: it binds pods, says that they run and by which
 * digest, ends those that are deleted, and answers for them over HTTP. No container runs.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fields } from '../../../local/kubernetes/kube-object.ts';
import { type Answer, type Caller, callerOf } from '../../local/kubernetes/test-cluster.ts';

/** How the pods of an image fare. */
export interface Fate {
  /** Reason why its container waits, e.g. ImagePullBackOff: it never runs. */
  waiting?: string;
  /** Digest that the node reports instead of that of the reference. */
  imageDigest?: string;
  /** Status of its health checks; 200 unless named. */
  health?: number;
}

export interface NodeAgent {
  /** By the digest of the image's reference; absent: its pods become ready and answer well. */
  fates: Map<string, Fate>;
  /** Origin of the load balancer before the Service of both versions. */
  origin: string;
  /** Origin of the Gateway: requests go by the weights of the route. */
  gatewayOrigin: string;
  /** Fewest ready pods of the label `app` that were seen since this was set. */
  fewest: number;
  /** What went wrong in its calls, a line each. */
  problems: string[];
  stop(): Promise<void>;
}

const NODE = 'node-1';
const LOOK_EVERY_MS = 60;
/** How long its containers take to end. */
const ENDING_MS = 500;
const GATEWAY_API = 'gateway.networking.k8s.io';
const MERGE = { contentType: 'application/merge-patch+json' };

export async function startNodeAgent(plane: Caller, namespace: string, app: string): Promise<NodeAgent> {
  const { call } = callerOf(plane.origin, plane.ca, plane.token, new Agent({ keepAlive: true }));
  const core = `/api/v1/namespaces/${namespace}`;
  const gateways = `/apis/${GATEWAY_API}/v1/namespaces/${namespace}`;
  let ready: Fields[] = [];
  let route: Fields | undefined;
  const ending = new Map<string, number>();
  let turn = 0;
  let address = 0;

  /** A ready pod of one Service behind the route, by its weights, or one of all in turn. */
  const choose = (byRoute: boolean): Fields | undefined => {
    const refs = (byRoute ? (route?.spec.rules[0].backendRefs ?? []) : []) as { name: string; weight: number }[];
    const all = refs.reduce((sum, { weight }) => sum + weight, 0);
    // 37 shares no factor with 100: every hundred requests meet each weight as often as it says.
    let place = all === 0 ? 0 : (turn * 37) % all;
    const chosen = refs.find(({ weight }) => {
      place -= weight;
      return place < 0;
    });
    const track = chosen?.name.slice(app.length + 1);
    const behind = track === undefined ? ready : ready.filter(({ metadata }) => metadata.labels.track === track);
    return behind[turn++ % Math.max(1, behind.length)];
  };
  const answer = (byRoute: boolean) => (request: IncomingMessage, response: ServerResponse) => {
    const pod = choose(byRoute);
    const { health = 200 } = agent.fates.get(digestOf(pod)) ?? {};
    const status = pod === undefined ? 503 : request.url === '/api/health' ? health : 404;
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
    response.end(JSON.stringify({ status: status === 200 ? 'ok' : 'failing' }));
  };
  const fronts = [createServer(answer(false)), createServer(answer(true))];
  const ports: number[] = [];
  for (const front of fronts) {
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    ports.push((front.address() as AddressInfo).port);
  }
  const [port, gatewayPort] = ports;
  const agent: NodeAgent = {
    fates: new Map(),
    origin: `http://127.0.0.1:${port}`,
    gatewayOrigin: `http://127.0.0.1:${gatewayPort}`,
    fewest: Number.POSITIVE_INFINITY,
    problems: [],
    stop,
  };

  const wanted = (answer: Answer, what: string, ...statuses: number[]): boolean => {
    if (statuses.includes(answer.status)) return true;
    agent.problems.push(`${what}: ${answer.status} ${answer.body.message}`);
    return false;
  };
  const tend = async (pod: Fields): Promise<void> => {
    const { name, deletionTimestamp } = pod.metadata;
    const at = `${core}/pods/${name}`;
    if (deletionTimestamp) {
      // A pod that ends counts against the quota until it is gone.
      const end = ending.get(name) ?? performance.now() + ENDING_MS;
      ending.set(name, end);
      if (performance.now() >= end) wanted(await call('DELETE', `${at}?gracePeriodSeconds=0`), `delete ${name}`, 200, 404);
    } else if (!pod.spec.nodeName) {
      const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name }, target: { apiVersion: 'v1', kind: 'Node', name: NODE } };
      wanted(await call('POST', `${at}/binding`, binding), `bind ${name}`, 201, 404, 409);
    } else {
      const status = statusOf(pod, agent.fates.get(digestOf(pod)) ?? {}, `10.244.0.${(address++ % 250) + 2}`);
      if (status) wanted(await call('PATCH', `${at}/status`, { status }, MERGE), `status of ${name}`, 200, 404);
    }
  };
  const balance = async () => {
    const services = await call('GET', `${core}/services`);
    for (const { metadata, spec, status } of (services.body.items ?? []) as Fields[]) {
      if (spec.type !== 'LoadBalancer' || status.loadBalancer?.ingress) continue;
      const ingress = [{ ip: '127.0.0.1', ports: [{ port, protocol: 'TCP' }] }];
      wanted(
        await call('PATCH', `${core}/services/${metadata.name}/status`, { status: { loadBalancer: { ingress } } }, MERGE),
        'balance',
        200,
      );
    }
  };
  const steer = async () => {
    const found = await call('GET', `${gateways}/httproutes/${app}`);
    route = found.status === 200 ? found.body : undefined;
    if (!route) return;
    const { generation } = route.metadata;
    const seen = route.status?.parents?.[0]?.conditions?.[0]?.observedGeneration;
    if (seen === generation) return;
    const condition = (type: string) => ({
      ...{ type, status: 'True', reason: type, message: '', observedGeneration: generation },
      lastTransitionTime: new Date().toISOString().replace(/\.\d+/, ''),
    });
    const parents = [
      {
        controllerName: 'example.com/gateway',
        parentRef: route.spec.parentRefs[0],
        conditions: ['Accepted', 'ResolvedRefs'].map(condition),
      },
    ];
    wanted(await call('PATCH', `${gateways}/httproutes/${app}/status`, { status: { parents } }, MERGE), 'steer', 200, 404);
  };
  const look = async () => {
    const { body } = await call('GET', `${core}/pods?resourceVersion=0`);
    const pods = (body.items ?? []) as Fields[];
    ready = pods.filter((pod) => pod.metadata.labels?.app === app && !pod.metadata.deletionTimestamp && isReady(pod));
    agent.fewest = Math.min(agent.fewest, ready.length);
    await Promise.all([...pods.map(tend), balance(), steer()]);
  };

  wanted(await call('POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: NODE } }), 'node', 201, 409);
  let running = true;
  const loop = (async () => {
    while (running) {
      await look().catch((error: unknown) => agent.problems.push(String(error)));
      await sleep(LOOK_EVERY_MS);
    }
  })();
  async function stop(): Promise<void> {
    running = false;
    await loop;
    for (const front of fronts) {
      front.closeAllConnections();
      await new Promise((resolve) => front.close(resolve));
    }
  }
  return agent;
}

function isReady(pod: Fields): boolean {
  return (pod.status?.conditions ?? []).some(({ type, status }: Fields) => type === 'Ready' && status === 'True');
}

function digestOf(pod: Fields | undefined): string {
  return pod?.spec.containers[0].image.split('@')[1] ?? '';
}

/** What a kubelet writes once the container runs, or waits; undefined when that stands there already. */
function statusOf(pod: Fields, { waiting, imageDigest }: Fate, podIP: string): Fields | undefined {
  const [{ name, image }] = pod.spec.containers as [{ name: string; image: string }];
  const [now] = (pod.status?.containerStatuses ?? []) as Fields[];
  if (now && (waiting === undefined ? now.ready : now.state?.waiting?.reason === waiting)) return undefined;
  const at = new Date().toISOString().replace(/\.\d+/, '');
  const imageID = `${image.split('@')[0]!.replace(/:[^/]*$/, '')}@${imageDigest ?? image.split('@')[1] ?? `sha256:${'0'.repeat(64)}`}`;
  const ready = waiting === undefined;
  const state = ready ? { running: { startedAt: at } } : { waiting: { reason: waiting, message: 'as the test wants it' } };
  const conditions = ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
    type,
    status: ready || type === 'PodScheduled' || type === 'Initialized' ? 'True' : 'False',
    lastTransitionTime: at,
  }));
  return {
    phase: ready ? 'Running' : 'Pending',
    conditions,
    hostIP: '10.0.0.1',
    podIP,
    podIPs: [{ ip: podIP }],
    startTime: at,
    containerStatuses: [{ name, image, imageID: ready ? imageID : '', ready, started: ready, restartCount: 0, state }],
  };
}
