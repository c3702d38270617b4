/** Keeps as many pods as a ReplicaSet wants, and reports how many are ready and available. Pods without an owner are not adopted. */
import { nameSuffix, type ObjectApi } from '../api/object-api.ts';
import { controllerOf, type Fields, type KubeObject } from '../kube-object.ts';
import { PODS, REPLICA_SETS } from '../resource-kinds.ts';
import { EventRecorder } from './event-recorder.ts';
import { keyOf, splitKey, WorkQueue } from './work-queue.ts';

export class ReplicaSetController {
  readonly #api: ObjectApi;
  readonly #queue: WorkQueue;
  readonly #events: EventRecorder;

  constructor(api: ObjectApi, onError: (key: string, error: unknown) => void) {
    this.#api = api;
    this.#events = new EventRecorder(api, 'replicaset-controller');
    this.#queue = new WorkQueue(api.clock, (key) => this.#reconcile(key), onError);
    api.store.onChange(({ kind, object }) => {
      if (kind === REPLICA_SETS) this.#queue.add(keyOf(object));
      const owner = kind === PODS ? controllerOf(object) : undefined;
      if (owner?.kind === 'ReplicaSet') this.#queue.add(`${object.metadata.namespace}/${owner.name}`);
    });
  }

  start(): void {
    for (const set of this.#api.store.list(REPLICA_SETS)) this.#queue.add(keyOf(set));
  }

  close(): void {
    this.#queue.close();
  }

  #reconcile(key: string): void {
    const [namespace, name] = splitKey(key);
    const set = this.#api.store.get(REPLICA_SETS, namespace, name);
    if (!set) return;
    const pods = this.#api.store.list(PODS, namespace).filter((pod) => isOwnedBy(pod, set) && isActive(pod));
    const missing = (set.spec?.replicas ?? 0) - pods.length;
    if (!set.metadata.deletionTimestamp) {
      for (let index = 0; index < missing; index++) this.#createPod(set);
      for (const pod of [...pods].sort(byDeletionOrder).slice(0, Math.max(0, -missing))) {
        this.#api.delete(PODS, namespace, pod.metadata.name);
        this.#events.normal(set, 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
      }
    }
    const after = this.#api.store.list(PODS, namespace).filter((pod) => isOwnedBy(pod, set) && isActive(pod));
    this.#report(key, set, after);
  }

  #createPod(set: KubeObject): void {
    const template = structuredClone(set.spec!.template) as Fields;
    const pod = this.#api.create(PODS, set.metadata.namespace, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `${set.metadata.name.slice(0, 57)}-${nameSuffix()}`,
        generateName: `${set.metadata.name}-`,
        labels: template.metadata?.labels ?? {},
        ...(template.metadata?.annotations ? { annotations: template.metadata.annotations } : {}),
        ownerReferences: [
          {
            apiVersion: 'apps/v1',
            kind: 'ReplicaSet',
            name: set.metadata.name,
            uid: set.metadata.uid,
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      } as unknown as KubeObject['metadata'],
      spec: template.spec,
    });
    this.#events.normal(set, 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
  }

  #report(key: string, set: KubeObject, pods: KubeObject[]): void {
    const now = this.#api.clock.now();
    const wait = (set.spec?.minReadySeconds ?? 0) * 1_000;
    const labels = Object.entries((set.spec?.template?.metadata?.labels ?? {}) as Record<string, string>);
    const ready = pods.filter(isReady);
    const available = ready.filter((pod) => now - readySince(pod) >= wait);
    for (const pod of ready) if (!available.includes(pod)) this.#queue.addAt(key, readySince(pod) + wait);
    const labeled = pods.filter((pod) => labels.every(([label, value]) => pod.metadata.labels?.[label] === value));
    this.#api.change(
      REPLICA_SETS,
      set,
      (copy) => {
        copy.status = {
          replicas: pods.length,
          ...(labeled.length > 0 ? { fullyLabeledReplicas: labeled.length } : {}),
          ...(ready.length > 0 ? { readyReplicas: ready.length } : {}),
          ...(available.length > 0 ? { availableReplicas: available.length } : {}),
          observedGeneration: set.metadata.generation,
        };
      },
      'status',
    );
  }
}

export function isOwnedBy(object: KubeObject, owner: KubeObject): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid;
}

/** Neither ended nor being deleted. */
export function isActive(pod: KubeObject): boolean {
  return !pod.metadata.deletionTimestamp && pod.status?.phase !== 'Failed' && pod.status?.phase !== 'Succeeded';
}

function readyCondition(pod: KubeObject): Fields | undefined {
  return ((pod.status?.conditions ?? []) as Fields[]).find((condition) => condition.type === 'Ready');
}

export function isReady(pod: KubeObject): boolean {
  return readyCondition(pod)?.status === 'True';
}

function readySince(pod: KubeObject): number {
  return Date.parse(readyCondition(pod)?.lastTransitionTime ?? pod.metadata.creationTimestamp);
}

/** First to go: without a node, pending, not ready, then the youngest. */
function byDeletionOrder(a: KubeObject, b: KubeObject): number {
  const rank = (pod: KubeObject) => (!pod.spec?.nodeName ? 0 : pod.status?.phase === 'Pending' ? 1 : !isReady(pod) ? 2 : 3);
  return (
    rank(a) - rank(b) ||
    Date.parse(b.metadata.creationTimestamp) - Date.parse(a.metadata.creationTimestamp) ||
    (a.metadata.name < b.metadata.name ? -1 : 1)
  );
}
