/** Moves a Deployment to its present template: one ReplicaSet per template, rolling update or recreation, history, status. */
import type { ObjectApi } from '../api/object-api.ts';
import { controllerOf, type KubeObject, sameJson } from '../kube-object.ts';
import { DEPLOYMENTS, PODS, REPLICA_SETS } from '../resource-kinds.ts';
import { createSet, isResized, newestSet, REVISION, revisionOf, setAnnotations, setsOf } from './deployment-sets.ts';
import { deploymentStatus } from './deployment-status.ts';
import { EventRecorder } from './event-recorder.ts';
import { isOwnedBy } from './replica-set-controller.ts';
import { growNewSet, type SetState, scaleProportionally, shrinkOldSets, strategyOf } from './rolling-update.ts';
import { keyOf, splitKey, WorkQueue } from './work-queue.ts';

export class DeploymentController {
  readonly #api: ObjectApi;
  readonly #queue: WorkQueue;
  readonly #events: EventRecorder;

  constructor(api: ObjectApi, onError: (key: string, error: unknown) => void) {
    this.#api = api;
    this.#events = new EventRecorder(api, 'deployment-controller');
    this.#queue = new WorkQueue(api.clock, (key) => this.#reconcile(key), onError);
    api.store.onChange(({ kind, type, object }) => {
      if (kind === DEPLOYMENTS) this.#queue.add(keyOf(object));
      const owner = kind === REPLICA_SETS ? controllerOf(object) : undefined;
      if (owner?.kind === 'Deployment') this.#queue.add(`${object.metadata.namespace}/${owner.name}`);
      // A recreation waits until the last old pod is gone.
      if (kind === PODS && type === 'DELETED')
        for (const each of api.store.list(DEPLOYMENTS, object.metadata.namespace)) this.#queue.add(keyOf(each));
    });
  }

  start(): void {
    for (const deployment of this.#api.store.list(DEPLOYMENTS)) this.#queue.add(keyOf(deployment));
  }

  close(): void {
    this.#queue.close();
  }

  #reconcile(key: string): void {
    const [namespace, name] = splitKey(key);
    const deployment = this.#api.store.get(DEPLOYMENTS, namespace, name);
    if (!deployment || deployment.metadata.deletionTimestamp) return;
    const existed = newestSet(deployment, setsOf(this.#api, deployment)) !== undefined;
    if (deployment.spec?.paused || isResized(deployment, setsOf(this.#api, deployment))) this.#resize(deployment);
    else this.#rollOut(deployment);
    const all = setsOf(this.#api, deployment);
    const newest = newestSet(deployment, all);
    const created = !existed && newest !== undefined;
    const { status, deadline } = deploymentStatus({ deployment, newest, all, now: this.#api.clock.now(), created });
    this.#api.change(DEPLOYMENTS, deployment, (copy) => (copy.status = status), 'status');
    if (deadline !== undefined) this.#queue.addAt(key, deadline);
  }

  #rollOut(deployment: KubeObject): void {
    const newest = this.#ensureNewest(deployment);
    const sets = setsOf(this.#api, deployment);
    const old = sets.filter((set) => set.metadata.uid !== newest.metadata.uid);
    const strategy = strategyOf(deployment.spec ?? {});
    if (deployment.spec?.strategy?.type === 'Recreate') {
      for (const set of old) this.#scale(deployment, set, 0);
      const pods = this.#api.store.list(PODS, deployment.metadata.namespace);
      const oldGone = !pods.some((pod) => old.some((set) => isOwnedBy(pod, set)));
      if (oldGone) this.#scale(deployment, newest, strategy.replicas);
    } else {
      const grown = growNewSet(stateOf(newest), sets.map(stateOf), strategy);
      this.#scale(deployment, newest, grown);
      const wanted = shrinkOldSets({ ...stateOf(newest), replicas: grown }, old.map(stateOf), strategy);
      for (const set of old) this.#scale(deployment, set, wanted.get(set.metadata.name)!);
    }
    this.#forgetHistory(deployment, old);
  }

  /** A change of `spec.replicas` alone: one set takes it all; during a rollout the sets share it. */
  #resize(deployment: KubeObject): void {
    const sets = setsOf(this.#api, deployment);
    const newest = newestSet(deployment, sets);
    const active = sets.filter((set) => (set.spec?.replicas ?? 0) > 0);
    const strategy = strategyOf(deployment.spec ?? {});
    const only = active.length === 1 ? active[0] : active.length === 0 ? (newest ?? sets.at(-1)) : undefined;
    if (only) this.#scale(deployment, only, strategy.replicas);
    else if (newest && isSaturated(deployment, newest)) {
      for (const set of active) if (set !== newest) this.#scale(deployment, set, 0);
    } else if (deployment.spec?.strategy?.type !== 'Recreate') {
      const wanted = scaleProportionally(active.map(stateOf), strategy);
      for (const set of active) this.#scale(deployment, set, wanted.get(set.metadata.name)!);
    }
    for (const set of setsOf(this.#api, deployment)) this.#annotate(deployment, set, revisionOf(set));
  }

  #ensureNewest(deployment: KubeObject): KubeObject {
    const sets = setsOf(this.#api, deployment);
    const found = newestSet(deployment, sets);
    const highest = Math.max(0, ...sets.filter((set) => set !== found).map(revisionOf));
    const revision = found ? Math.max(revisionOf(found), highest + 1) : highest + 1;
    const set = found ? this.#annotate(deployment, found, revision) : this.#create(deployment, revision, sets);
    if (revisionOf(deployment) !== revision) {
      this.#api.change(
        DEPLOYMENTS,
        deployment,
        (copy) => (copy.metadata.annotations = { ...copy.metadata.annotations, [REVISION]: String(revision) }),
        // As a part of the status: the generation is counted for what people change.
        'status',
      );
    }
    return set;
  }

  #create(deployment: KubeObject, revision: number, sets: KubeObject[]): KubeObject {
    const strategy = strategyOf(deployment.spec ?? {});
    const empty: SetState = { name: '', replicas: 0, available: 0, created: 0 };
    const recreate = deployment.spec?.strategy?.type === 'Recreate';
    const replicas = recreate ? 0 : growNewSet(empty, [empty, ...sets.map(stateOf)], strategy);
    const set = createSet(this.#api, deployment, revision, replicas);
    if (replicas > 0)
      this.#events.normal(deployment, 'ScalingReplicaSet', `Scaled up replica set ${set.metadata.name} from 0 to ${replicas}`);
    return set;
  }

  #annotate(deployment: KubeObject, set: KubeObject, revision: number): KubeObject {
    const annotations = setAnnotations(deployment, revision, set);
    const minReadySeconds = deployment.spec?.minReadySeconds ?? 0;
    if (sameJson(annotations, set.metadata.annotations) && (set.spec?.minReadySeconds ?? 0) === minReadySeconds) return set;
    const edit = (copy: KubeObject) => {
      copy.metadata.annotations = annotations;
      copy.spec = { ...copy.spec, minReadySeconds };
      if (minReadySeconds === 0) delete copy.spec.minReadySeconds;
    };
    return this.#api.change(REPLICA_SETS, set, edit) ?? set;
  }

  #scale(deployment: KubeObject, set: KubeObject, replicas: number): void {
    const before = this.#api.store.get(REPLICA_SETS, set.metadata.namespace, set.metadata.name)?.spec?.replicas ?? 0;
    if (before === replicas) return;
    this.#api.change(REPLICA_SETS, set, (copy) => (copy.spec = { ...copy.spec, replicas }));
    const way = replicas > before ? 'up' : 'down';
    this.#events.normal(deployment, 'ScalingReplicaSet', `Scaled ${way} replica set ${set.metadata.name} from ${before} to ${replicas}`);
  }

  #forgetHistory(deployment: KubeObject, old: KubeObject[]): void {
    const limit = deployment.spec?.revisionHistoryLimit ?? 10;
    const idle = old.filter(
      (set) => !set.spec?.replicas && !set.status?.replicas && set.status?.observedGeneration === set.metadata.generation,
    );
    for (const set of idle.slice(0, Math.max(0, old.length - limit)))
      this.#api.delete(REPLICA_SETS, set.metadata.namespace, set.metadata.name);
  }
}

function stateOf(set: KubeObject): SetState {
  return {
    name: set.metadata.name,
    replicas: set.spec?.replicas ?? 0,
    available: set.status?.availableReplicas ?? 0,
    created: Date.parse(set.metadata.creationTimestamp),
  };
}

function isSaturated(deployment: KubeObject, set: KubeObject): boolean {
  const wanted = deployment.spec?.replicas ?? 1;
  return set.spec?.replicas === wanted && set.status?.availableReplicas === wanted;
}
