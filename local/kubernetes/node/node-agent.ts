/** The one node: schedules pods onto itself, runs them, and answers for their containers. */
import { randomInt } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ObjectApi } from '../api/object-api.ts';
import { isBehind } from '../controllers/endpoints-controller.ts';
import { EventRecorder } from '../controllers/event-recorder.ts';
import { keyOf, splitKey, WorkQueue } from '../controllers/work-queue.ts';
import type { Fields, KubeObject } from '../kube-object.ts';
import { NODES, PODS, SERVICES } from '../resource-kinds.ts';
import type { RunContainer } from './container.ts';
import type { ImageStore } from './image-store.ts';
import { condition, NODE_NAME } from './pod-status.ts';
import { PodWorker } from './pod-worker.ts';

/** The scheduler's part of a pod's start. */
const SCHEDULING_MS = [20, 60] as const;
const UNSCHEDULABLE_RETRY_MS = 30_000;

export interface NodeAgentOptions {
  api: ObjectApi;
  images: ImageStore;
  runContainer: RunContainer;
  onError(key: string, error: unknown): void;
}

export class NodeAgent {
  readonly #options: NodeAgentOptions;
  readonly #queue: WorkQueue;
  readonly #events: EventRecorder;
  readonly #schedulerEvents: EventRecorder;
  /** By uid of the pod. */
  readonly #workers = new Map<string, PodWorker>();
  #nextAddress = 2;

  constructor(options: NodeAgentOptions) {
    this.#options = options;
    this.#events = new EventRecorder(options.api, 'kubelet');
    this.#schedulerEvents = new EventRecorder(options.api, 'default-scheduler');
    this.#queue = new WorkQueue(options.api.clock, (key) => this.#reconcile(key), options.onError);
    options.api.store.onChange(({ kind, type, object }) => {
      if (kind !== PODS) return;
      if (type === 'DELETED') this.#drop(object.metadata.uid);
      else if (type === 'ADDED') this.#queue.addAt(keyOf(object), options.api.clock.now() + randomInt(...SCHEDULING_MS));
      else if (object.metadata.deletionTimestamp || !this.#workers.get(object.metadata.uid)?.runs(object)) this.#queue.add(keyOf(object));
    });
  }

  /** Takes up the pods of an earlier start. */
  start(): void {
    for (const pod of this.#options.api.store.list(PODS)) this.#queue.add(keyOf(pod));
  }

  close(): void {
    this.#queue.close();
    for (const worker of this.#workers.values()) worker.stop();
    this.#workers.clear();
  }

  serve(pod: KubeObject, port: number, request: IncomingMessage, response: ServerResponse): boolean {
    return this.#workers.get(pod.metadata.uid)?.serve(port, request, response) ?? false;
  }

  #reconcile(key: string): void {
    const { api } = this.#options;
    const [namespace, name] = splitKey(key);
    const pod = api.store.get(PODS, namespace, name);
    if (!pod) return;
    const worker = this.#workers.get(pod.metadata.uid);
    if (pod.metadata.deletionTimestamp) {
      if (pod.metadata.finalizers?.length) return;
      if (worker) worker.terminate(pod.metadata.deletionGracePeriodSeconds ?? 0);
      else api.finish(PODS, pod);
      return;
    }
    if (worker?.runs(pod)) return;
    if (worker) {
      this.#replaceImages(worker, pod);
      return;
    }
    if (!this.#schedule(key, pod)) return;
    if (pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded') return;
    this.#run(api.store.get(PODS, namespace, name)!);
  }

  #run(pod: KubeObject): void {
    const { api } = this.#options;
    const { images, runContainer } = this.#options;
    const environment = {
      api,
      images,
      events: this.#events,
      runContainer,
      share: (of: KubeObject, digest: string) => this.#share(of, digest),
    };
    const created = new PodWorker(environment, pod, pod.status?.podIP ?? this.#address());
    this.#workers.set(pod.metadata.uid, created);
    created.start();
  }

  /** A pod whose images were changed restarts the containers concerned. */
  #replaceImages(worker: PodWorker, pod: KubeObject): void {
    worker.stop();
    const images = new Map(
      ((pod.spec?.containers ?? []) as Fields[]).map((container) => [container.name as string, container.image as string]),
    );
    const edit = (copy: KubeObject) => {
      for (const status of (copy.status?.containerStatuses ?? []) as Fields[]) {
        if (status.image === images.get(status.name)) continue;
        Object.assign(status, {
          ready: false,
          started: false,
          restartCount: status.restartCount + 1,
          state: { waiting: { reason: 'ContainerCreating' } },
        });
      }
    };
    const changed = this.#options.api.change(PODS, pod, edit, 'status');
    if (changed) this.#run(changed);
  }

  /** Binds the pod to the node if the node takes pods and its labels suit the pod's nodeSelector. */
  #schedule(key: string, pod: KubeObject): boolean {
    const { api } = this.#options;
    if (pod.spec?.nodeName) return pod.spec.nodeName === NODE_NAME;
    const node = api.store.get(NODES, undefined, NODE_NAME);
    const labels = node?.metadata.labels ?? {};
    const wanted = Object.entries((pod.spec?.nodeSelector ?? {}) as Record<string, string>);
    const now = api.clock.now();
    const problem = !node
      ? 'no nodes available to schedule pods'
      : node.spec?.unschedulable
        ? '0/1 nodes are available: 1 node(s) were unschedulable.'
        : wanted.some(([label, value]) => labels[label] !== value)
          ? "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
          : undefined;
    if (problem) {
      const conditions = [condition(pod.status ?? {}, 'PodScheduled', false, now, { reason: 'Unschedulable', message: problem })];
      api.change(PODS, pod, (copy) => (copy.status = { ...copy.status, conditions }), 'status');
      this.#schedulerEvents.warning(pod, 'FailedScheduling', problem);
      this.#queue.addAt(key, now + UNSCHEDULABLE_RETRY_MS);
      return false;
    }
    api.change(PODS, pod, (copy) => (copy.spec = { ...copy.spec, nodeName: NODE_NAME }));
    const { namespace, name } = pod.metadata;
    this.#schedulerEvents.normal(pod, 'Scheduled', `Successfully assigned ${namespace}/${name} to ${NODE_NAME}`);
    return true;
  }

  #drop(uid: string): void {
    this.#workers.get(uid)?.stop();
    this.#workers.delete(uid);
  }

  #address(): string {
    const used = new Set(this.#options.api.store.list(PODS).map((pod) => pod.status?.podIP));
    for (;;) {
      const number = this.#nextAddress++ % 65_000;
      const address = `10.244.${number >> 8}.${number & 255}`;
      if (number >= 2 && !used.has(address)) return address;
    }
  }

  #share(pod: KubeObject, digest: string): number {
    const { namespace } = pod.metadata;
    const services = this.#options.api.store.list(SERVICES, namespace).filter((service) => isBehind(service, pod));
    const pods = this.#options.api.store.list(PODS, namespace).filter((each) => services.some((service) => isBehind(service, each)));
    const running = pods.map((each) => this.#workers.get(each.metadata.uid)?.digests ?? []).filter((digests) => digests.length > 0);
    return running.length === 0 ? 0 : running.filter((digests) => digests.includes(digest)).length / running.length;
  }
}
