/** Writes core/v1 Events; the same event about the same object counts up instead of repeating. Events live for an hour. */
import type { ObjectApi } from '../api/object-api.ts';
import { nameSuffix } from '../api/object-api.ts';
import { type Fields, type KubeObject, kubeTime } from '../kube-object.ts';
import { EVENTS, NAMESPACES } from '../resource-kinds.ts';

const LIFETIME_MS = 3_600_000;
/** Kept at most, so that a crash loop cannot fill the store. */
const MOST_EVENTS = 500;

export class EventRecorder {
  readonly #api: ObjectApi;
  readonly #component: string;

  constructor(api: ObjectApi, component: string) {
    this.#api = api;
    this.#component = component;
  }

  normal(about: KubeObject, reason: string, message: string, fieldPath?: string): void {
    this.#record('Normal', about, reason, message, fieldPath);
  }

  warning(about: KubeObject, reason: string, message: string, fieldPath?: string): void {
    this.#record('Warning', about, reason, message, fieldPath);
  }

  #record(type: string, about: KubeObject, reason: string, message: string, fieldPath?: string): void {
    const namespace = about.metadata.namespace ?? 'default';
    const home = this.#api.store.get(NAMESPACES, undefined, namespace);
    if (!home || home.metadata.deletionTimestamp) return;
    this.#prune();
    const now = kubeTime(this.#api.clock.now());
    const same = this.#api.store.list(EVENTS, namespace).find((event) => {
      const involved = event.involvedObject as Fields;
      return (
        involved.uid === about.metadata.uid && event.reason === reason && event.message === message && involved.fieldPath === fieldPath
      );
    });
    if (same) {
      this.#api.change(EVENTS, same, (copy) => {
        copy.count = Number(copy.count ?? 1) + 1;
        copy.lastTimestamp = now;
      });
      return;
    }
    const { apiVersion, kind, metadata } = about;
    const { name, uid, resourceVersion } = metadata;
    this.#api.create(EVENTS, namespace, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name}.${this.#api.clock.now().toString(16)}${nameSuffix()}` } as KubeObject['metadata'],
      involvedObject: { apiVersion, kind, namespace, name, uid, resourceVersion, ...(fieldPath ? { fieldPath } : {}) },
      reason,
      message,
      type,
      source: { component: this.#component },
      reportingComponent: this.#component,
      reportingInstance: '',
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    });
  }

  #prune(): void {
    const events = this.#api.store.list(EVENTS);
    const oldest = this.#api.clock.now() - LIFETIME_MS;
    const at = (event: KubeObject) => Date.parse(String(event.lastTimestamp ?? event.metadata.creationTimestamp));
    const surplus = [...events].sort((a, b) => at(a) - at(b)).slice(0, Math.max(0, events.length - MOST_EVENTS + 1));
    for (const event of events) if (at(event) < oldest || surplus.includes(event)) this.#api.finish(EVENTS, event);
  }
}
