/** Sets a weight, and verifies it: pods, digest, share, smoke. What the new version does wrong is a RolloutFailure, never a fault of the world. */
import { Fault, type FaultCode } from '../../core/errors.ts';
import type { Plan } from '../../core/promotion/plan.ts';
import { withDigest } from '../../core/rollout/image.ts';
import { fillQuery, judgeMetric } from '../../core/rollout/metric.ts';
import { achievedWeight, splitOf } from '../../core/rollout/replicas.ts';
import { canaryShare, checkRoute } from '../../core/rollout/route.ts';
import type { StepMeasure } from '../../core/rollout/step.ts';
import { imageOf, isReady } from '../../core/rollout/workload.ts';
import { awaitAccepted, lookAtRoute, moveRoute } from './move-route.ts';
import { awaitReady, look, moveDeployment, type Seen } from './move-workload.ts';
import type { Place, RolloutWorld } from './rollout-world.ts';
import { runSmoke } from './run-smoke.ts';

/** The new version is not good enough: the way back begins. */
export class RolloutFailure extends Error {
  readonly code: FaultCode;
  constructor(code: FaultCode, message: string) {
    super(message);
    this.code = code;
  }
}

export interface Moving {
  world: RolloutWorld;
  place: Place;
  plan: Plan;
}

/** What the metric checks need. */
interface Judging extends Omit<Moving, 'world'> {
  world: Pick<RolloutWorld, 'metrics'>;
}

/**
 * Moves to a weight within `seconds`. New pods come first and are ready before old ones go, so that capacity never falls below the configured
 * replicas; at 100 % the stable Deployment takes over (its own rolling update keeps the capacity) before the canary is emptied.
 */
export async function reachWeight(moving: Moving, weight: number, seconds: number): Promise<StepMeasure> {
  const { world, place } = moving;
  const image = await imageFor(moving);
  const split = splitOf(weight, place.workload.replicas);
  const end = world.stopwatch.nowMs() + seconds * 1000;
  const left = () => Math.max(0, (end - world.stopwatch.nowMs()) / 1000);
  if (place.traffic) checkRoute(await lookAtRoute(place, place.traffic), place.traffic);
  if (weight < 100) {
    await moveDeployment(place, place.canary, { image, replicas: split.canary });
    await becomeReady(moving, place.canary, image, split.canary, left());
    const stable = await place.cluster.deployment(place.namespace, place.stable);
    const stableImage = imageOf(stable, place.workload.container) ?? image;
    // Behind a route stable keeps its full strength, so that going back is a matter of weights; written all the same, for its fence.
    const stableReplicas = place.traffic ? place.workload.replicas : split.stable;
    await moveDeployment(place, place.stable, { image: stableImage, replicas: stableReplicas });
    await becomeReady(moving, place.stable, stableImage, stableReplicas, left(), false);
    await weighRoute(moving, weight, left());
  } else {
    await moveDeployment(place, place.stable, { image, replicas: split.stable });
    await becomeReady(moving, place.stable, image, split.stable, left());
    await weighRoute(moving, 0, left());
    if (moving.plan.rollout.strategy === 'canary') {
      const canary = await place.cluster.deployment(place.namespace, place.canary);
      const canaryImage = imageOf(canary, place.workload.container) ?? image;
      await moveDeployment(place, place.canary, { image: canaryImage, replicas: 0 });
      await becomeReady(moving, place.canary, canaryImage, 0, left(), false);
    }
  }
  return measureAndSmoke(moving, weight, image);
}

/** The route sends `canaryWeight` percent to the canary, and every Gateway has taken that. */
async function weighRoute({ world, place }: Moving, canaryWeight: number, seconds: number): Promise<void> {
  if (!place.traffic) return;
  await moveRoute(place, place.traffic, canaryWeight);
  const reason = await awaitAccepted(world.stopwatch, seconds, place, place.traffic, () => refuseAborted(world, place));
  if (reason !== undefined) throw new RolloutFailure('ROLLOUT_TIMEOUT', `not taken after ${Math.round(seconds)} s: ${reason}`);
}

/** Looks at a weight again after its bake: nothing restarted, nothing edited, the checks still pass. */
export async function verifyWeight(moving: Moving, weight: number, restartsBefore: number): Promise<void> {
  const image = await imageFor(moving);
  const { restarts } = await measureAndSmoke(moving, weight, image);
  if (restarts > restartsBefore)
    throw new RolloutFailure('SMOKE_FAILED', `containers of the new version restarted ${restarts - restartsBefore} times during the bake`);
  await judgeMetrics(moving, weight);
}

/** A direct rollout has no canary whose measurements would say anything before all pods run it. */
export async function judgeMetrics({ world, place, plan }: Judging, weight: number): Promise<void> {
  const { metrics = [], name } = place.workload;
  if (plan.rollout.strategy !== 'canary') return;
  const { namespace, stable, canary } = place;
  const subject = { namespace, workload: name, stable, canary, updated: weight < 100 ? canary : stable, window: plan.rollout.bakeSeconds };
  for (const check of metrics) {
    const ask = (query: string) => world.metrics(check, fillQuery(query, subject));
    const [answer, samples] = await Promise.all([ask(check.query), check.samples ? ask(check.samples.query) : undefined]);
    const reason = judgeMetric(check, answer, samples);
    if (reason !== undefined) throw new RolloutFailure('SMOKE_FAILED', reason);
  }
}

/**
 * Host and repository come from what the stable Deployment runs, the digest from the plan: the rollout's role has no permission at the registries,
 * and a workload may pull through another name of the same repository (a pull-through cache, a VPC endpoint).
 */
async function imageFor({ place, plan }: Moving): Promise<string> {
  const stable = await place.cluster.deployment(place.namespace, place.stable);
  const image = imageOf(stable, place.workload.container);
  if (image === undefined) throw new Fault('CLUSTER_REFUSED', `Deployment ${place.stable} has no container ${place.workload.container}`);
  return withDigest(image, plan.digest);
}

async function becomeReady(
  { world, place, plan }: Moving,
  name: string,
  image: string,
  replicas: number,
  seconds: number,
  isNew = true,
): Promise<Seen> {
  const digest = isNew ? plan.digest : undefined;
  const seen = await awaitReady(world.stopwatch, seconds, async () => {
    await refuseAborted(world, place);
    return look(place, name, { image, digest, replicas });
  });
  if (seen.readiness.state === 'failed') throw new RolloutFailure(seen.readiness.code, seen.readiness.message);
  return seen;
}

/** A step waits for minutes; whoever aborts it does not. Throws ABORTED. */
async function refuseAborted({ promotions }: RolloutWorld, { holder }: Place): Promise<void> {
  const promotion = await promotions.head(holder.requestId);
  if (promotion?.phase !== 'promoting') throw new Fault('ABORTED', `${holder.requestId} is to go back`);
}

async function measureAndSmoke(moving: Moving, weight: number, image: string): Promise<StepMeasure> {
  const { place, world } = moving;
  const split = splitOf(weight, place.workload.replicas);
  const name = weight < 100 ? place.canary : place.stable;
  const replicas = weight < 100 ? split.canary : split.stable;
  // Ready already: a moment's grace for a look that meets a pod in the middle of its probe.
  const updated = await becomeReady(moving, name, image, replicas, 5);
  const achieved = await achievedShare(moving, weight, updated.pods);
  const reason = await runSmoke(place, world.probe, achieved);
  if (reason !== undefined) throw new RolloutFailure('SMOKE_FAILED', reason);
  return { achievedWeight: achieved, restarts: updated.readiness.state === 'ready' ? updated.readiness.restarts : 0 };
}

/** What a route says it sends where counts; otherwise a Service shares by pods. */
async function achievedShare({ place, plan }: Moving, weight: number, updated: Seen['pods']): Promise<number> {
  if (place.traffic) {
    const share = canaryShare(await lookAtRoute(place, place.traffic), place.traffic);
    return weight < 100 ? share : 100 - share;
  }
  const other = plan.rollout.strategy === 'direct' ? [] : await otherPods(place, weight < 100 ? place.stable : place.canary);
  const ready = (pods: Seen['pods']) => pods.filter((pod) => pod.metadata.deletionTimestamp === undefined && isReady(pod)).length;
  return achievedWeight({ updated: ready(updated), other: ready(other) });
}

async function otherPods(place: Place, name: string): Promise<Seen['pods']> {
  const { cluster, namespace, workload } = place;
  const deployment = await cluster.deployment(namespace, name);
  const image = imageOf(deployment, workload.container) ?? '';
  return (await look(place, name, { image, digest: undefined, replicas: deployment.spec.replicas ?? 1 })).pods;
}
