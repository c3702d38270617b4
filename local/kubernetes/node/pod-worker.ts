/** The life of one pod on the node: its containers, its status, its end. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Timer } from '../../clock.ts';
import type { ObjectApi } from '../api/object-api.ts';
import type { EventRecorder } from '../controllers/event-recorder.ts';
import type { Fields, KubeObject } from '../kube-object.ts';
import { CONFIG_MAPS, PODS } from '../resource-kinds.ts';
import type { RunContainer } from './container.ts';
import { ContainerWorker } from './container-worker.ts';
import type { ImageStore, PulledImage } from './image-store.ts';
import { type ContainerState, containerStates, podStatus } from './pod-status.ts';

/** A container here ends as soon as it is asked to: this is the time until its pod is gone. */
const TERMINATION_MS = 150;

export interface PodEnvironment {
  api: ObjectApi;
  images: ImageStore;
  events: EventRecorder;
  runContainer: RunContainer;
  /** Share of the running pods behind the pod's Services that run the image. */
  share(pod: KubeObject, digest: string): number;
}

export class PodWorker {
  readonly #environment: PodEnvironment;
  readonly #pod: KubeObject;
  readonly #address: string;
  readonly #containers: ContainerWorker[];
  #ending: Timer | undefined;
  #stopped = false;

  constructor(environment: PodEnvironment, pod: KubeObject, address: string) {
    this.#environment = environment;
    this.#pod = pod;
    this.#address = address;
    this.#containers = containerStates(pod).map((state, index) => this.#container(pod.spec!.containers[index], state));
  }

  start(): void {
    this.#store();
    for (const container of this.#containers) container.start();
  }

  /** Removes the pod after its grace period, or sooner. */
  terminate(graceSeconds: number): void {
    if (this.#ending) return;
    this.#environment.events.normal(
      this.#pod,
      'Killing',
      `Stopping container ${this.#containers.map(({ state }) => state.name).join(', ')}`,
    );
    this.#ending = this.#environment.api.clock.after(Math.min(graceSeconds * 1_000, TERMINATION_MS), () => {
      this.stop();
      this.#environment.api.finish(PODS, this.#pod);
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#ending?.cancel();
    for (const container of this.#containers) container.stop();
  }

  /** True where the pod still asks for the images that this worker runs. */
  runs(pod: KubeObject): boolean {
    const images = ((pod.spec?.containers ?? []) as Fields[]).map((container) => container.image);
    return this.#containers.every(({ state }, index) => state.image === images[index]);
  }

  /** Digests of the images of running containers. */
  get digests(): string[] {
    return this.#containers.filter(({ handler }) => handler).map(({ state }) => state.imageId.slice(state.imageId.indexOf('@') + 1));
  }

  /** Hands a request to the container that names the port, else to the first. False when it does not run. */
  serve(port: number, request: IncomingMessage, response: ServerResponse): boolean {
    const containers = this.#pod.spec!.containers as Fields[];
    const index = containers.findIndex((container) => ((container.ports ?? []) as Fields[]).some((each) => each.containerPort === port));
    const handler = this.#containers[Math.max(0, index)]?.handler;
    if (!handler) return false;
    try {
      handler.handle(request, response);
    } catch {
      if (!response.headersSent) response.writeHead(500);
      response.end();
    }
    return true;
  }

  #container(spec: Fields, state: ContainerState): ContainerWorker {
    const { api, events, images } = this.#environment;
    const fieldPath = `spec.containers{${spec.name}}`;
    return new ContainerWorker(state, {
      clock: api.clock,
      spec,
      restartPolicy: this.#pod.spec!.restartPolicy,
      image: () => this.#image(spec, fieldPath),
      presentImage: () => images.present(spec.image),
      create: (image) => this.#create(spec, image),
      changed: () => this.#store(),
      event: (type, reason, message) => {
        if (!this.#stopped) events[type](this.#pod, reason, message, fieldPath);
      },
    });
  }

  async #image(spec: Fields, fieldPath: string): Promise<PulledImage> {
    const { images, events } = this.#environment;
    const present = images.present(spec.image);
    if (present && spec.imagePullPolicy !== 'Always') {
      events.normal(this.#pod, 'Pulled', `Container image "${spec.image}" already present on machine`, fieldPath);
      return present;
    }
    if (spec.imagePullPolicy === 'Never') throw new Error(`Container image "${spec.image}" is not present with pull policy of Never`);
    events.normal(this.#pod, 'Pulling', `Pulling image "${spec.image}"`, fieldPath);
    const image = await images.pull(spec.image);
    if (!this.#stopped) events.normal(this.#pod, 'Pulled', `Successfully pulled image "${spec.image}"`, fieldPath);
    return image;
  }

  #create(spec: Fields, image: PulledImage) {
    const { runContainer, share } = this.#environment;
    const { name, namespace, labels } = this.#pod.metadata;
    const env = { ...image.env, ...this.#variables(spec) };
    const info = { name, namespace: namespace!, labels: labels ?? {}, share: () => share(this.#pod, image.digest) };
    return runContainer({ digest: image.digest, labels: image.labels, env }, info);
  }

  /** Variables of the container: values and keys of ConfigMaps. Throws for other sources. */
  #variables(spec: Fields): Record<string, string> {
    const variables = ((spec.env ?? []) as Fields[]).map((variable) => {
      if (!variable.valueFrom) return [variable.name, variable.value ?? ''];
      const ref = variable.valueFrom.configMapKeyRef as Fields | undefined;
      if (!ref) throw new Error(`variable ${variable.name}: this cluster reads configMapKeyRef only`);
      const map = this.#environment.api.store.get(CONFIG_MAPS, this.#pod.metadata.namespace, ref.name);
      const value = (map?.data as Record<string, string> | undefined)?.[ref.key];
      if (value === undefined && !ref.optional) {
        throw new Error(
          map
            ? `couldn't find key ${ref.key} in ConfigMap ${this.#pod.metadata.namespace}/${ref.name}`
            : `configmap "${ref.name}" not found`,
        );
      }
      return [variable.name, value ?? ''];
    });
    return Object.fromEntries(variables) as Record<string, string>;
  }

  #store(): void {
    if (this.#stopped) return;
    const { api } = this.#environment;
    const states = this.#containers.map(({ state }) => state);
    api.change(
      PODS,
      this.#pod,
      (copy) => (copy.status = podStatus(copy, structuredClone(states), this.#address, api.clock.now())),
      'status',
    );
  }
}
