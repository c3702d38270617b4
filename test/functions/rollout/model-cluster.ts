/**
 * A cluster in memory, for many rollouts with every kind of bad luck: Deployments with a rolling update, pods that take their time, a Gateway that does
 * too, an API that refuses, answers late or loses its answers, and a process that dies at any call. Time is a number that sleeping moves.
 */
import { Fault } from '../../../core/errors.ts';
import type { Cluster, SmokeProbe } from '../../../core/rollout/ports.ts';
import { splitOf } from '../../../core/rollout/replicas.ts';
import type { HttpRoute, RoutePatch } from '../../../core/rollout/route.ts';
import type { Deployment, DeploymentPatch, Pod } from '../../../core/rollout/workload.ts';
import { REPLICAS } from './promotion-of-lab.ts';

export const CONTAINER = 'app';
/** As `greenlight.demo.healthy` of the demo's images. */
export type Health = 'true' | 'false' | 'after-50' | 'crash';

/** Ends a task as `kill -9` does. */
export class Killed extends Error {}

export interface Luck {
  seed: number;
  /** Shares of the attempts at the API that are refused, or lost or late with their effect or without. */
  refused: number;
  lost: number;
  late: number;
  /** Share of the writes to the table whose answer is lost, half of them without effect. */
  tableLost: number;
  /** Calls, counted over the whole rollout, before or after whose effect the process dies. */
  kills: { call: number; when: 'before' | 'after' }[];
}

/** As `apiCaller` tries. */
const ATTEMPTS = 9;
const LATE_MS = 5_000;
const LONGEST_PAUSE_MS = 2_000;
const TOTAL_MS = 30_000;
const TICK_MS = 100;

interface ModelPod {
  name: string;
  image: string;
  readyAt: number;
}

interface ModelDeployment {
  name: string;
  image: string;
  replicas: number;
  generation: number;
  observed: number;
  version: number;
  annotations: Record<string, string>;
  pods: ModelPod[];
  /** Ready pods as its status says. */
  ready: number;
}

/** A Gateway serves what it has accepted, a moment after it was written. */
interface ModelRoute {
  canaryWeight: number;
  generation: number;
  version: number;
  annotations: Record<string, string>;
  accepted: number;
  acceptsAt: number;
  servedWeight: number;
}

const STABLE = 'payment-api-stable';
const CANARY = 'payment-api-canary';

export class ModelCluster {
  nowMs = 0;
  calls = 0;
  /** The first moment at which the Gateway sent requests to fewer pods than they need. */
  overload: string | undefined;
  /** Fewest pods that were ready at once, of all versions. */
  fewestReady = Number.POSITIVE_INFINITY;
  readonly dice: () => number;
  readonly #deployments: Record<string, ModelDeployment>;
  readonly #luck: Luck;
  readonly #hasGateway: boolean;
  readonly #route: ModelRoute = {
    ...{ canaryWeight: 0, generation: 1, version: 1, annotations: {}, accepted: 1, acceptsAt: 0, servedWeight: 0 },
  };
  readonly #health: (image: string) => Health;
  #born = 0;

  constructor(luck: Luck, image: string, health: (image: string) => Health, hasGateway: boolean) {
    this.#luck = luck;
    this.#hasGateway = hasGateway;
    this.#health = health;
    this.dice = randomOf(luck.seed);
    const of = (name: string, replicas: number): ModelDeployment => ({
      ...{ name, image, replicas, generation: 1, observed: 1, version: 1, annotations: {} },
      pods: Array.from({ length: replicas }, () => this.#pod(image, 0)),
      ready: replicas,
    });
    this.#deployments = { [STABLE]: of(STABLE, REPLICAS), [CANARY]: of(CANARY, 0) };
  }

  /** Time passes, and the controllers do their work: every tenth of a second, and whenever something was written. */
  pass(ms: number): void {
    const end = this.nowMs + ms;
    while (this.nowMs < end) {
      this.nowMs = Math.min(end, (Math.floor(this.nowMs / TICK_MS) + 1) * TICK_MS);
      if (this.nowMs % TICK_MS !== 0) continue;
      for (const each of Object.values(this.#deployments)) this.#reconcile(each);
      this.fewestReady = Math.min(this.fewestReady, this.#ready().length);
      if (this.#hasGateway) this.#serve();
    }
  }

  deployment(name: string): { image: string; replicas: number; ready: number } {
    const { image, replicas, pods } = this.#deployments[name]!;
    return { image, replicas, ready: pods.filter((pod) => pod.image === image && this.#isReady(pod)).length };
  }

  readonly api: Cluster = {
    deployment: (_namespace, name) => this.#wire(() => this.#read(name)),
    patchDeployment: (_namespace, name, patch) => this.#wire(() => this.#patch(name, patch)),
    httpRoute: () => this.#wire(() => this.#readRoute()),
    patchHttpRoute: (_namespace, _name, patch) => this.#wire(() => this.#patchRoute(patch)),
    pods: (_namespace, labels) => this.#wire(() => this.#deployments[labels['track']!]!.pods.map((pod) => this.#podOf(pod))),
  } as Partial<Cluster> as Cluster;

  readonly probe: SmokeProbe = async (_origin, { path }) => {
    this.pass(10);
    const ready = this.#hasGateway ? this.#readyOf(this.dice() * 100 < this.#route.servedWeight ? CANARY : STABLE) : this.#ready();
    const met = ready[Math.floor(this.dice() * ready.length)];
    if (!met) return { kind: 'lost', reason: 'no pod' };
    const health = this.#health(met.image);
    const share = ready.filter(({ image }) => image === met.image).length / ready.length;
    const bad = path === '/api/health' && (health === 'false' || (health === 'after-50' && share >= 0.5));
    return { kind: 'answer', status: bad ? 500 : 200, body: '{"status":"ok"}' };
  };

  /** A write to the table. */
  async table<Result>(write: () => Result): Promise<Result> {
    this.#count('before');
    const lost = this.dice() < this.#luck.tableLost;
    if (lost && this.dice() < 0.5) throw new Fault('UNAVAILABLE', 'the table does not answer');
    const result = write();
    this.#count('after');
    if (lost) throw new Fault('UNAVAILABLE', 'the table did not answer');
    return result;
  }

  /** A call is tried again as the client of the API does; only then it fails. */
  async #wire<Result>(act: () => Result): Promise<Result> {
    const { refused, lost, late } = this.#luck;
    const end = this.nowMs + TOTAL_MS;
    this.#count('before');
    for (let attempt = 1; attempt <= ATTEMPTS && this.nowMs < end; attempt++) {
      this.pass(5);
      const fate = this.dice();
      const fails = fate < refused + lost + late;
      const hasEffect = !fails || (fate >= refused && this.dice() < 0.5);
      const result = hasEffect ? act() : undefined;
      if (!fails) {
        this.#count('after');
        return result as Result;
      }
      if (fate >= refused + lost) this.pass(LATE_MS);
      this.pass(Math.min(LONGEST_PAUSE_MS, 100 * 2 ** attempt) * this.dice());
    }
    throw new Fault('UNAVAILABLE', "the cluster's API does not answer");
  }

  #count(when: 'before' | 'after'): void {
    if (when === 'before') this.calls++;
    const kill = this.#luck.kills.findIndex((each) => each.call === this.calls && each.when === when);
    if (kill < 0) return;
    this.#luck.kills.splice(kill, 1);
    throw new Killed();
  }

  #read(name: string): Deployment {
    const { image, replicas, generation, observed, version, annotations, pods } = this.#deployments[name]!;
    const ready = pods.filter((pod) => this.#isReady(pod)).length;
    const updatedReplicas = pods.filter((pod) => pod.image === image).length;
    return {
      metadata: { name, resourceVersion: String(version), generation, annotations: { ...annotations } },
      spec: { replicas, selector: { matchLabels: { track: name } }, template: { spec: { containers: [{ name: CONTAINER, image }] } } },
      status: { observedGeneration: observed, replicas: pods.length, updatedReplicas, readyReplicas: ready, availableReplicas: ready },
    };
  }

  /** Undefined is the API's 409. */
  #patch(name: string, { metadata, spec }: DeploymentPatch): Deployment | undefined {
    const deployment = this.#deployments[name]!;
    if (metadata.resourceVersion !== String(deployment.version)) return undefined;
    const { image } = spec.template.spec.containers[0]!;
    // A Deployment counts its annotations too.
    const annotated = Object.entries(metadata.annotations).some(([key, value]) => deployment.annotations[key] !== value);
    if (annotated || image !== deployment.image || spec.replicas !== deployment.replicas) deployment.generation++;
    Object.assign(deployment, { image, replicas: spec.replicas, version: deployment.version + 1 });
    Object.assign(deployment.annotations, metadata.annotations);
    return this.#read(name);
  }

  /** A rolling update with `maxUnavailable: 0` and `maxSurge: 50%`. */
  #reconcile(deployment: ModelDeployment): void {
    const { image, replicas, pods } = deployment;
    const ready = pods.filter((pod) => this.#isReady(pod)).length;
    let changed = deployment.observed !== deployment.generation || deployment.ready !== ready;
    deployment.observed = deployment.generation;
    deployment.ready = ready;
    const remove = (pod: ModelPod) => {
      pods.splice(pods.indexOf(pod), 1);
      changed = true;
    };
    let spare = ready - replicas;
    for (const pod of pods.filter((each) => each.image !== image)) {
      const isReady = this.#isReady(pod);
      if (isReady && spare <= 0) continue;
      if (isReady) spare--;
      remove(pod);
    }
    const current = pods.filter((pod) => pod.image === image).sort((left, right) => right.readyAt - left.readyAt);
    for (const pod of current.slice(0, Math.max(0, current.length - replicas))) remove(pod);
    const most = replicas + Math.ceil(replicas / 2);
    for (let missing = replicas - current.length; missing > 0 && pods.length < most; missing--) {
      pods.push(this.#pod(image, this.nowMs + 200 + this.dice() * 1_500));
      changed = true;
    }
    // Controllers write the status, and a version that was read before is old.
    if (changed) deployment.version++;
  }

  /** A Service behind a route has the pods for its share, or users wait. */
  #serve(): void {
    const route = this.#route;
    if (route.accepted < route.generation && this.nowMs >= route.acceptsAt) {
      Object.assign(route, { accepted: route.generation, servedWeight: route.canaryWeight, version: route.version + 1 });
    }
    const weight = route.servedWeight;
    const [stable, canary] = [this.#readyOf(STABLE).length, this.#readyOf(CANARY).length];
    const needed = weight === 0 ? 0 : splitOf(weight, REPLICAS).canary;
    if (stable < REPLICAS || canary < needed)
      this.overload ??= `at ${this.nowMs} ms ${weight} % go to ${canary} pods of the canary, the rest to ${stable} of stable`;
  }

  #readRoute(): HttpRoute {
    const { canaryWeight, generation, version, annotations, accepted } = this.#route;
    const backendRefs = [
      { name: STABLE, port: 80, weight: 100 - canaryWeight },
      { name: CANARY, port: 80, weight: canaryWeight },
    ];
    const conditions = ['Accepted', 'ResolvedRefs'].map((type) => ({ type, status: 'True', observedGeneration: accepted }));
    return {
      metadata: { name: 'payment-api', resourceVersion: String(version), generation, annotations: { ...annotations } },
      spec: { parentRefs: [{ name: 'front' }], rules: [{ backendRefs }] },
      status: { parents: [{ controllerName: 'front', conditions }] },
    };
  }

  /** Undefined is the API's 409. */
  #patchRoute({ metadata, spec }: RoutePatch): HttpRoute | undefined {
    const route = this.#route;
    if (metadata.resourceVersion !== String(route.version)) return undefined;
    const weight = spec.rules[0]!.backendRefs!.find(({ name }) => name === CANARY)!.weight!;
    if (weight !== route.canaryWeight) {
      route.generation++;
      route.acceptsAt = this.nowMs + this.dice() * 1_500;
    }
    Object.assign(route, { canaryWeight: weight, version: route.version + 1 });
    Object.assign(route.annotations, metadata.annotations);
    return this.#readRoute();
  }

  #readyOf(name: string): ModelPod[] {
    return this.#deployments[name]!.pods.filter((pod) => this.#isReady(pod));
  }

  #pod(image: string, readyAt: number): ModelPod {
    return { name: `pod-${++this.#born}`, image, readyAt };
  }

  #isReady({ image, readyAt }: ModelPod): boolean {
    return this.#health(image) !== 'crash' && readyAt <= this.nowMs;
  }

  #ready(): ModelPod[] {
    return [...this.#readyOf(STABLE), ...this.#readyOf(CANARY)];
  }

  #podOf(pod: ModelPod): Pod {
    const ready = this.#isReady(pod);
    const crashes = this.#health(pod.image) === 'crash' && pod.readyAt <= this.nowMs;
    return {
      metadata: { name: pod.name, resourceVersion: '1' },
      spec: { containers: [{ name: CONTAINER, image: pod.image }] },
      status: {
        conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
        containerStatuses: [
          {
            ...{ name: CONTAINER, ready, restartCount: 0, imageID: pod.image },
            ...(crashes ? { state: { waiting: { reason: 'CrashLoopBackOff' } } } : {}),
          },
        ],
      },
    };
  }
}

/** Mulberry32: the same luck for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
