/** Deletes what belonged to deleted owners (background, foreground, orphan) and empties namespaces that are being deleted. */
import type { ObjectApi } from '../api/object-api.ts';
import type { KubeObject } from '../kube-object.ts';
import { NAMESPACES, RESOURCE_KINDS, type ResourceKind, SERVICE_ACCOUNTS } from '../resource-kinds.ts';
import { keyOf, WorkQueue } from './work-queue.ts';

const STORED = RESOURCE_KINDS.filter((kind) => kind.stored);
const OWNABLE = STORED.filter((kind) => kind.namespaced);

export class GarbageCollector {
  readonly #api: ObjectApi;
  readonly #queue: WorkQueue;

  constructor(api: ObjectApi, onError: (key: string, error: unknown) => void) {
    this.#api = api;
    this.#queue = new WorkQueue(api.clock, (key) => this.#reconcile(key), onError);
    api.store.onChange(({ kind, type, object }) => {
      if (type === 'DELETED') this.#queue.add(`owner ${object.metadata.uid}`);
      const waits = object.metadata.finalizers?.some((name) => name === 'foregroundDeletion' || name === 'orphan');
      if (type !== 'DELETED' && object.metadata.deletionTimestamp && waits) this.#queue.add(`held ${kind.plural} ${keyOf(object)}`);
      if (type === 'DELETED') {
        for (const owner of object.metadata.ownerReferences ?? []) {
          const held = OWNABLE.find((each) => each.kind === owner.kind);
          if (held) this.#queue.add(`held ${held.plural} ${object.metadata.namespace ?? ''}/${owner.name}`);
        }
      }
      const home = kind === NAMESPACES ? object.metadata.name : object.metadata.namespace;
      if (home) this.#queue.add(`namespace ${home}`);
    });
  }

  /** Looks at everything once: an owner may have gone while the cluster was down. */
  start(): void {
    for (const kind of STORED) {
      for (const object of this.#api.store.list(kind)) {
        for (const owner of object.metadata.ownerReferences ?? []) if (!this.#exists(owner.uid)) this.#queue.add(`owner ${owner.uid}`);
        if (object.metadata.deletionTimestamp) this.#queue.add(`held ${kind.plural} ${keyOf(object)}`);
      }
    }
    for (const namespace of this.#api.store.list(NAMESPACES)) this.#queue.add(`namespace ${namespace.metadata.name}`);
  }

  close(): void {
    this.#queue.close();
  }

  #exists(uid: string): boolean {
    return STORED.some((kind) => this.#api.store.list(kind).some((object) => object.metadata.uid === uid));
  }

  #reconcile(key: string): void {
    const [what, first, second] = key.split(' ') as [string, string, string];
    if (what === 'owner') this.#deleteDependents(first);
    else if (what === 'held') this.#release(first, second);
    else this.#emptyNamespace(first);
  }

  #dependents(uid: string): { kind: ResourceKind; object: KubeObject }[] {
    return OWNABLE.flatMap((kind) =>
      this.#api.store
        .list(kind)
        .filter((object) => object.metadata.ownerReferences?.some((owner) => owner.uid === uid))
        .map((object) => ({ kind, object })),
    );
  }

  #deleteDependents(uid: string): void {
    for (const { kind, object } of this.#dependents(uid)) {
      const others = (object.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid && this.#exists(owner.uid));
      if (others.length > 0) this.#api.change(kind, object, (copy) => (copy.metadata.ownerReferences = others));
      else if (!object.metadata.deletionTimestamp) this.#api.delete(kind, object.metadata.namespace, object.metadata.name);
    }
  }

  /** Works off the finalizers of foreground deletion and orphaning. */
  #release(plural: string, key: string): void {
    const kind = STORED.find((each) => each.plural === plural)!;
    const [namespace, name] = key.split('/') as [string, string];
    const object = this.#api.store.get(kind, namespace || undefined, name);
    const finalizers = object?.metadata.finalizers ?? [];
    if (!object?.metadata.deletionTimestamp || finalizers.length === 0) return;
    const dependents = this.#dependents(object.metadata.uid);
    if (finalizers.includes('orphan')) {
      for (const { kind: each, object: dependent } of dependents)
        this.#api.change(each, dependent, (copy) => dropOwner(copy, object.metadata.uid));
    } else if (finalizers.includes('foregroundDeletion') && dependents.length > 0) {
      for (const { kind: each, object: dependent } of dependents) {
        const options = { propagationPolicy: 'Foreground' };
        if (!dependent.metadata.deletionTimestamp) this.#api.delete(each, dependent.metadata.namespace, dependent.metadata.name, options);
      }
      return;
    }
    const left = finalizers.filter((finalizer) => finalizer !== 'orphan' && finalizer !== 'foregroundDeletion');
    this.#api.change(kind, object, (copy) => {
      if (left.length > 0) copy.metadata.finalizers = left;
      else delete copy.metadata.finalizers;
    });
  }

  #emptyNamespace(name: string): void {
    const namespace = this.#api.store.get(NAMESPACES, undefined, name);
    if (!namespace) return;
    if (!namespace.metadata.deletionTimestamp) {
      this.#addServiceAccount(name);
      return;
    }
    let left = 0;
    for (const kind of OWNABLE) {
      for (const object of this.#api.store.list(kind, name)) {
        left++;
        if (!object.metadata.deletionTimestamp) this.#api.delete(kind, name, object.metadata.name);
      }
    }
    // What was deleted at once calls back here; pods do when they end.
    if (left === 0 && !namespace.metadata.finalizers?.length) this.#api.finish(NAMESPACES, namespace);
  }

  #addServiceAccount(namespace: string): void {
    if (this.#api.store.get(SERVICE_ACCOUNTS, namespace, 'default')) return;
    const metadata = { name: 'default' } as KubeObject['metadata'];
    this.#api.create(SERVICE_ACCOUNTS, namespace, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  }
}

function dropOwner(object: KubeObject, uid: string): void {
  const left = (object.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid);
  if (left.length > 0) object.metadata.ownerReferences = left;
  else delete object.metadata.ownerReferences;
}
