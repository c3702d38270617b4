/** The status of a Deployment: counts, the Available and Progressing conditions, and when its progress deadline ends. */
import { type Fields, type KubeObject, kubeTime } from '../kube-object.ts';
import { strategyOf, sum } from './rolling-update.ts';

export interface DeploymentState {
  deployment: KubeObject;
  newest: KubeObject | undefined;
  all: KubeObject[];
  now: number;
  /** True in the round that created the newest set. */
  created: boolean;
}

/** The new status; `deadline` is the instant at which the rollout counts as failed, while it is under way. */
export function deploymentStatus(state: DeploymentState): { status: Fields; deadline: number | undefined } {
  const { deployment, newest, all, now } = state;
  const spec = deployment.spec ?? {};
  const total = sum(all.map((set) => set.status?.replicas ?? 0));
  const available = sum(all.map((set) => set.status?.availableReplicas ?? 0));
  const counts = {
    replicas: total,
    updatedReplicas: newest?.status?.replicas ?? 0,
    readyReplicas: sum(all.map((set) => set.status?.readyReplicas ?? 0)),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, sum(all.map((set) => set.spec?.replicas ?? 0)) - available),
  };
  const before = deployment.status ?? {};
  const conditions = new Map(((before.conditions ?? []) as Fields[]).map((condition) => [condition.type as string, condition]));
  const { replicas, maxUnavailable } = strategyOf(spec);
  const enough = available >= replicas - maxUnavailable;
  setCondition(
    conditions,
    now,
    'Available',
    enough,
    enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    `Deployment ${enough ? 'has' : 'does not have'} minimum availability.`,
  );
  const deadline = progress(state, counts, conditions, before);
  const present = Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
  const status = { observedGeneration: deployment.metadata.generation, ...present, conditions: [...conditions.values()] };
  return { status, deadline };
}

type Counts = Record<'replicas' | 'updatedReplicas' | 'readyReplicas' | 'availableReplicas', number>;

function progress(state: DeploymentState, counts: Counts, conditions: Map<string, Fields>, before: Fields): number | undefined {
  const { deployment, newest, now, created } = state;
  const spec = deployment.spec ?? {};
  const seconds = spec.progressDeadlineSeconds as number | undefined;
  if (seconds === undefined || seconds === 2_147_483_647) {
    conditions.delete('Progressing');
    return undefined;
  }
  if (spec.paused) {
    if (conditions.get('Progressing')?.reason !== 'DeploymentPaused') {
      setCondition(conditions, now, 'Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused');
    }
    return undefined;
  }
  const known = conditions.get('Progressing');
  const name = newest ? `ReplicaSet "${newest.metadata.name}"` : `Deployment "${deployment.metadata.name}"`;
  const wanted = spec.replicas ?? 1;
  const complete = counts.updatedReplicas === wanted && counts.replicas === wanted && counts.availableReplicas === wanted;
  const moved =
    counts.updatedReplicas > (before.updatedReplicas ?? 0) ||
    counts.replicas - counts.updatedReplicas < (before.replicas ?? 0) - (before.updatedReplicas ?? 0) ||
    counts.readyReplicas > (before.readyReplicas ?? 0) ||
    counts.availableReplicas > (before.availableReplicas ?? 0);
  if (known?.reason === 'DeploymentPaused')
    setCondition(conditions, now, 'Progressing', 'Unknown', 'DeploymentResumed', 'Deployment is resumed');
  if (created) touch(conditions, now, true, 'NewReplicaSetCreated', `Created new replica set "${newest?.metadata.name}"`);
  // A finished rollout that only loses pods or is resized is not judged again.
  else if (known?.reason === 'NewReplicaSetAvailable' && counts.replicas === counts.updatedReplicas && !startsAnew(known, newest))
    return undefined;
  else if (complete) {
    if (known?.reason !== 'NewReplicaSetAvailable')
      touch(conditions, now, true, 'NewReplicaSetAvailable', `${name} has successfully progressed.`);
    return undefined;
  } else if (moved || !known || startsAnew(known, newest)) touch(conditions, now, true, 'ReplicaSetUpdated', `${name} is progressing.`);
  const current = conditions.get('Progressing')!;
  const deadline = Date.parse(current.lastUpdateTime) + seconds * 1_000;
  if (now < deadline) return deadline;
  if (current.reason !== 'ProgressDeadlineExceeded')
    touch(conditions, now, false, 'ProgressDeadlineExceeded', `${name} has timed out progressing.`);
  return undefined;
}

/** A condition about another ReplicaSet than the newest belongs to an earlier rollout. */
function startsAnew(known: Fields, newest: KubeObject | undefined): boolean {
  return newest !== undefined && known.reason !== 'DeploymentResumed' && !String(known.message).includes(`"${newest.metadata.name}"`);
}

/** Sets Progressing and restarts its deadline. */
function touch(conditions: Map<string, Fields>, now: number, status: boolean, reason: string, message: string): void {
  setCondition(conditions, now, 'Progressing', status, reason, message);
  conditions.get('Progressing')!.lastUpdateTime = kubeTime(now);
}

function setCondition(
  conditions: Map<string, Fields>,
  now: number,
  type: string,
  status: boolean | 'Unknown',
  reason: string,
  message: string,
): void {
  const text = status === 'Unknown' ? status : status ? 'True' : 'False';
  const known = conditions.get(type);
  if (known && known.status === text && known.reason === reason && known.message === message) return;
  const since = known?.status === text ? known.lastTransitionTime : kubeTime(now);
  conditions.set(type, { type, status: text, lastUpdateTime: kubeTime(now), lastTransitionTime: since, reason, message });
}
