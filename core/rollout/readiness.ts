/** Judges a Deployment and its pods: is what was asked for running, is it still coming, or will it never? */
import type { FaultCode } from '../errors.ts';
import { runningDigest } from './image.ts';
import { type ContainerStatus, type Deployment, isReady, type Pod, wantedReplicas } from './workload.ts';

export interface Wanted {
  container: string;
  /** Image reference that the pods must have. */
  image: string;
  /** Digest that they must run. Undefined where the reference has a tag only (a version that was there before we were). */
  digest: string | undefined;
  replicas: number;
}

export type Readiness =
  | { state: 'ready'; restarts: number }
  | { state: 'waiting'; message: string }
  | { state: 'failed'; code: Extract<FaultCode, 'ROLLOUT_TIMEOUT' | 'WRONG_DIGEST'>; message: string };

/** Reasons of a waiting container that time does not heal: the kubelet has tried several times already, or cannot try at all. */
const HOPELESS = new Set(['CrashLoopBackOff', 'ImagePullBackOff', 'InvalidImageName', 'ImageInspectError', 'ErrImageNeverPull']);
/** A container may need a second start, when what it depends on comes up late; not a third. */
const MOST_RESTARTS = 2;

export function judgeReadiness(deployment: Deployment, pods: readonly Pod[], wanted: Wanted): Readiness {
  const living = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const current = living.filter((pod) =>
    pod.spec.containers.some(({ name, image }) => name === wanted.container && image === wanted.image),
  );
  for (const pod of current) {
    const failed = judgePod(pod, wanted);
    if (failed) return failed;
  }
  const { metadata, status = {} } = deployment;
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0)) return waiting(`${metadata.name} is not yet seen by its controller`);
  if (wantedReplicas(deployment) !== wanted.replicas) return waiting(`${metadata.name} asks for ${wantedReplicas(deployment)} pods`);
  const stuck = status.conditions?.find(({ type, reason }) => type === 'Progressing' && reason === 'ProgressDeadlineExceeded');
  const counts = [status.replicas, status.updatedReplicas, status.readyReplicas, status.availableReplicas].map((count) => count ?? 0);
  if (counts.some((count) => count !== wanted.replicas)) {
    const short = status.conditions?.find(({ type, status: is }) => type === 'ReplicaFailure' && is === 'True');
    const message = `${metadata.name}: ${counts[1]} of ${wanted.replicas} pods are updated, ${counts[2]} ready${short?.message ? ` (${short.message.slice(0, 200)})` : ''}`;
    return stuck ? { state: 'failed', code: 'ROLLOUT_TIMEOUT', message: `${message}; its progress deadline has passed` } : waiting(message);
  }
  const ready = current.filter(isReady);
  if (ready.length !== wanted.replicas) return waiting(`${metadata.name}: ${ready.length} of ${wanted.replicas} pods are ready`);
  return { state: 'ready', restarts: restartsOf(current) };
}

/** Restarts of all containers of the pods. */
function restartsOf(pods: readonly Pod[]): number {
  return pods.flatMap((pod) => pod.status?.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0);
}

function judgePod(pod: Pod, wanted: Wanted): Extract<Readiness, { state: 'failed' }> | undefined {
  for (const container of pod.status?.containerStatuses ?? []) {
    const reason = container.state?.waiting?.reason;
    if (reason !== undefined && HOPELESS.has(reason)) return neverReady(pod, container, reason);
    if (!container.ready && container.restartCount >= MOST_RESTARTS)
      return neverReady(pod, container, `${container.restartCount} restarts`);
    // The reference names a digest; what runs is what the node says, and an empty imageID means that it has not pulled yet.
    if (container.name !== wanted.container || wanted.digest === undefined || container.imageID === '') continue;
    if (runningDigest(container.imageID) !== wanted.digest)
      return { state: 'failed', code: 'WRONG_DIGEST', message: `pod ${pod.metadata.name} does not run ${wanted.digest}` };
  }
  return undefined;
}

function neverReady(pod: Pod, container: ContainerStatus, why: string): Extract<Readiness, { state: 'failed' }> {
  return {
    state: 'failed',
    code: 'ROLLOUT_TIMEOUT',
    message: `pod ${pod.metadata.name} does not become ready: ${container.name} is in ${why}`,
  };
}

function waiting(message: string): Readiness {
  return { state: 'waiting', message };
}
