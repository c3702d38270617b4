/** Task `roll-back`: restores what ran before and removes the canary. Idempotent at every point, and it needs nothing but table and cluster. */
import { Fault, type FaultCode, messageOf } from '../../core/errors.ts';
import { endRollback, fail, startRollback } from '../../core/promotion/finish.ts';
import { isFinal } from '../../core/promotion/phase.ts';
import type { Plan } from '../../core/promotion/plan.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { BACK_SECONDS } from '../../core/rollout/budget.ts';
import { digestOf } from '../../core/rollout/image.ts';
import type { SmokeProbe } from '../../core/rollout/ports.ts';
import { abortedSteps } from '../../core/rollout/step.ts';
import { imageToRestore } from '../../core/rollout/way-back.ts';
import type { NextStep, RunEvent } from '../kit/task.ts';
import { type CaughtFailure, readFailure } from '../promotion/read-failure.ts';
import { awaitAccepted, restoreRoute } from './move-route.ts';
import { awaitReady, look, moveDeployment } from './move-workload.ts';
import { approvedPlan, holdingLock, type Place, placeOf, type RolloutWorld } from './rollout-world.ts';
import { runSmoke } from './run-smoke.ts';

/** Parts of the reserve of 120 s: for the canary's pods to go, for the checks, for repeated calls and the commit; 75 s are left for stable. */
const CANARY_SECONDS = 10;
const SMOKE_SECONDS = 15;
const CALL_SECONDS = 20;
const STABLE_SECONDS = BACK_SECONDS - CANARY_SECONDS - SMOKE_SECONDS - CALL_SECONDS;
const BETWEEN_CHECKS_MS = 500;

/** After these nothing may be overwritten: a person has to look. `Fail promotion` records it. */
const HANDS_OFF: ReadonlySet<string> = new Set(['LOCK_LOST', 'CLUSTER_CONFLICT', 'PLAN_CHANGED'] satisfies FaultCode[]);

export function rollBack(world: RolloutWorld) {
  return async (event: RunEvent & { failure?: CaughtFailure }): Promise<NextStep> => {
    let promotion = await world.promotions.head(event.requestId);
    if (!promotion || promotion.attempt !== event.attempt || isFinal(promotion.phase)) return endOf(promotion);
    if (promotion.phase === 'promoting') promotion = await begin(world, promotion, event.failure);
    if (promotion.phase !== 'rolling_back') return { next: 'end' };
    const record = await world.environments.get(promotion.to, promotion.artifact);
    const approved = await approvedPlan(world, promotion);
    if (approved.rollout.strategy === 'job') {
      const { code, message } = promotion.failure!;
      const { ended, stopJob } = await import('./run-job.ts');
      return ended(world, promotion, { code, message: `${message}; ${await stopJob(world, promotion)}`, step: 'job' });
    }
    // What the environment holds until a rollout ends well is what ran when this one began: a promotion that waited behind another one was planned
    // when something older ran.
    const plan = { ...approved, rollbackTarget: record?.current?.digest ?? approved.rollbackTarget };
    const holder = await holdingLock(world, promotion);
    const at = () => world.clock.now().toISOString();
    // No step was begun: the cluster was never touched.
    const touched = (promotion.rollout ?? []).length > 0;
    const unhealthy = touched ? await restore(world, await placeOf(world, plan, holder), plan) : undefined;
    const ended =
      unhealthy === undefined
        ? endRollback(promotion, at(), plan.rollbackTarget, record)
        : fail(promotion, at(), { code: 'STABLE_UNHEALTHY', message: unhealthy, step: 'rollback' }, { touched: true, holds: true });
    const after = await world.promotions.commit(ended);
    await world.environments.wakeWaiters(promotion.to, promotion.artifact);
    return endOf(after);
  };
}

/** The run ends as the request did. */
function endOf(promotion: Promotion | undefined): NextStep {
  if (promotion?.phase === 'rolled_back') return { next: 'rolled-back' };
  return { next: promotion?.phase === 'failed' ? 'failed' : 'end' };
}

/** The task before ended without recording why: what the state machine caught is the reason. */
async function begin(world: RolloutWorld, promotion: Promotion, caught: CaughtFailure | undefined): Promise<Promotion> {
  const failure = readFailure(caught);
  if (HANDS_OFF.has(failure.code)) throw new Fault(failure.code as FaultCode, failure.message);
  const step = promotion.rollout?.at(-1)?.step ?? promotion.step;
  const change = startRollback(promotion, { ...failure, ...(step === undefined ? {} : { step }) });
  const rollout = abortedSteps(promotion, world.clock.now().toISOString(), failure.message);
  return world.promotions.commit({ ...change, after: { ...change.after, rollout } });
}

/**
 * Stable first, and the canary goes when stable has its full strength again: capacity never falls below it. A stable version that is itself not
 * healthy never blocks the way: the canary is removed all the same. Answers why stable is not healthy, or undefined.
 */
async function restore(world: RolloutWorld, place: Place, plan: Plan): Promise<string | undefined> {
  const { cluster, namespace, workload, holder, stable, canary, traffic } = place;
  // The quickest part first: behind a route stable has its full strength, at least until the last weight.
  const lost = traffic && (await restoreRoute(place, traffic));
  const image = imageToRestore(await cluster.deployment(namespace, stable), workload.container, plan, holder);
  if (image === undefined) throw new Fault('CLUSTER_REFUSED', `Deployment ${stable} has no container ${workload.container}`);
  await moveDeployment(place, stable, { image, replicas: workload.replicas, back: true });
  const wanted = { image, digest: digestOf(image), replicas: workload.replicas };
  const { readiness } = await awaitReady(world.stopwatch, STABLE_SECONDS, () => look(place, stable, wanted, true));
  if (plan.rollout.strategy === 'canary') {
    // A canary that a Gateway still sends to must not go; one that never takes the route must not keep it for ever.
    if (traffic && lost === undefined) await awaitAccepted(world.stopwatch, CANARY_SECONDS, place, traffic);
    const before = imageToRestore(await cluster.deployment(namespace, canary), workload.container, plan, holder) ?? image;
    await moveDeployment(place, canary, { image: before, replicas: 0, back: true });
    await awaitReady(world.stopwatch, CANARY_SECONDS, () => look(place, canary, { image: before, digest: undefined, replicas: 0 }, true));
  }
  if (readiness.state === 'failed') return readiness.message;
  if (lost !== undefined) return lost;
  return smokeOfStable(world, place);
}

/** A check that cannot even be sent (its secret is gone) says that stable is not proven healthy; it must not stop the way back. */
function guarded(probe: SmokeProbe): SmokeProbe {
  return (origin, check) => probe(origin, check).catch((error: unknown) => ({ kind: 'failed', reason: messageOf(error) }));
}

/** The checks may fail while the load balancer still knows pods that are gone: tried for a while before stable counts as unhealthy. */
async function smokeOfStable(world: RolloutWorld, place: Place): Promise<string | undefined> {
  const end = world.stopwatch.nowMs() + SMOKE_SECONDS * 1000;
  for (;;) {
    const reason = await runSmoke(place, guarded(world.probe), 100);
    if (reason === undefined || world.stopwatch.nowMs() >= end) return reason;
    await world.stopwatch.sleep(BETWEEN_CHECKS_MS);
  }
}
