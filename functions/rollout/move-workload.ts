/** Brings one Deployment to what is wanted, and waits until its pods are. */
import { Fault } from '../../core/errors.ts';
import { checkFence, checkUnedited, conflict, decideDeployment } from '../../core/rollout/deployment-change.ts';
import type { Stopwatch } from '../../core/rollout/ports.ts';
import { judgeReadiness, type Readiness, type Wanted } from '../../core/rollout/readiness.ts';
import type { Deployment, Pod } from '../../core/rollout/workload.ts';
import type { Place } from './rollout-world.ts';

export interface WantedDeployment {
  image: string;
  replicas: number;
  /** On the way back. */
  back?: boolean;
}

/** Controllers write the status while pods come and go, so the resourceVersion that was read is often old. */
const MOST_CONFLICTS = 30;

/** Writes the Deployment if it is not as wanted. Faults: LOCK_LOST, CLUSTER_CONFLICT, CLUSTER_REFUSED, UNAVAILABLE. */
export async function moveDeployment(place: Place, name: string, wanted: WantedDeployment): Promise<void> {
  const { cluster, namespace, workload, holder } = place;
  const spec = { container: workload.container, image: wanted.image, replicas: wanted.replicas };
  let read = await cluster.deployment(namespace, name);
  for (let attempt = 1; attempt <= MOST_CONFLICTS; attempt++) {
    const decision = decideDeployment(read, spec, holder, wanted.back);
    if (decision.kind === 'is-so') return;
    if (await cluster.patchDeployment(namespace, name, decision.patch)) return;
    const now = await cluster.deployment(namespace, name);
    // Only the status moved, or our own write got through and its answer was lost: then the generation is the one that we noted with it.
    const same = now.metadata.generation === read.metadata.generation;
    if (!same && decideDeployment(now, spec, holder, wanted.back).kind !== 'is-so') throw conflict(now);
    read = now;
  }
  throw new Fault('UNAVAILABLE', `Deployment ${name} changes faster than it can be written`);
}

export interface Seen {
  deployment: Deployment;
  pods: Pod[];
  readiness: Readiness;
}

/** One look at a Deployment and its pods. Throws CLUSTER_CONFLICT when somebody edited it since our last write (not on the way back). */
export async function look(place: Place, name: string, wanted: Omit<Wanted, 'container'>, back = false): Promise<Seen> {
  const { cluster, namespace, workload, holder } = place;
  const deployment = await cluster.deployment(namespace, name);
  checkFence(deployment, holder);
  if (!back) checkUnedited(deployment, holder);
  const pods = await cluster.pods(namespace, deployment.spec.selector.matchLabels ?? {});
  return { deployment, pods, readiness: judgeReadiness(deployment, pods, { ...wanted, container: workload.container }) };
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_000;

/** Looks until the pods are ready, will never be, or `seconds` of real time have passed: then it has failed as ROLLOUT_TIMEOUT. */
export async function awaitReady(
  stopwatch: Stopwatch,
  seconds: number,
  see: () => Promise<Seen>,
): Promise<Seen & { readiness: Exclude<Readiness, { state: 'waiting' }> }> {
  const end = stopwatch.nowMs() + seconds * 1000;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 1.5)) {
    const seen = await see();
    const { readiness } = seen;
    if (readiness.state !== 'waiting') return { ...seen, readiness };
    if (stopwatch.nowMs() >= end) {
      const message = `not ready after ${Math.round(seconds)} s: ${readiness.message}`;
      return { ...seen, readiness: { state: 'failed', code: 'ROLLOUT_TIMEOUT', message } };
    }
    await stopwatch.sleep(pause);
  }
}
