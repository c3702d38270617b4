/** Task `roll-out`: verifies the step before after its bake, moves to the next weight, answers what comes then. */
import { Fault, messageOf } from '../../core/errors.ts';
import { startRollback } from '../../core/promotion/finish.ts';
import { isFinal } from '../../core/promotion/phase.ts';
import type { Plan } from '../../core/promotion/plan.ts';
import type { Failure, Promotion } from '../../core/promotion/promotion.ts';
import { elapsedSeconds, FORWARD_SECONDS, mayGoForward, stepSeconds } from '../../core/rollout/budget.ts';
import { abortedSteps, endLastBake, endStep, positionOf, startStep, stepName } from '../../core/rollout/step.ts';
import type { NextStep, RunEvent } from '../kit/task.ts';
import { approvedPlan, holdingLock, placeOf, type RolloutWorld } from './rollout-world.ts';
import { RolloutFailure, reachWeight, verifyWeight } from './weigh.ts';

/**
 * One weight per call. A version that fails is answered with `roll-back`, once that is recorded. Thrown: UNAVAILABLE and VersionConflict, which the
 * state machine tries again; LOCK_LOST, CLUSTER_CONFLICT and PLAN_CHANGED, after which nothing may be overwritten.
 */
export function rollOut(world: RolloutWorld) {
  return async (event: RunEvent): Promise<NextStep> => {
    const promotion = await world.promotions.head(event.requestId);
    if (!promotion || promotion.attempt !== event.attempt || isFinal(promotion.phase)) return { next: 'end' };
    if (promotion.phase === 'rolling_back') return { next: 'roll-back' };
    if (promotion.phase !== 'promoting') return { next: 'end' };
    const plan = await approvedPlan(world, promotion);
    if (plan.rollout.strategy === 'none') return { next: 'finish' };
    if (plan.rollout.strategy === 'job') return (await import('./run-job.ts')).runJob(world, promotion);
    const current = { head: promotion };
    try {
      return await step(world, current, plan);
    } catch (error) {
      // Recorded by who aborted it.
      if (error instanceof Fault && error.code === 'ABORTED') return { next: 'roll-back' };
      const failure = failureOf(error, current.head);
      if (!failure) throw error;
      const at = world.clock.now().toISOString();
      const change = startRollback(current.head, failure);
      const rollout = abortedSteps(current.head, at, failure.message);
      await world.promotions.commit({ ...change, after: { ...change.after, rollout } });
      return { next: 'roll-back' };
    }
  };
}

/** `current.head` follows what was committed, so that a failure is recorded on top of it. */
async function step(world: RolloutWorld, current: { head: Promotion }, plan: Plan): Promise<NextStep> {
  const holder = await holdingLock(world, current.head);
  const position = positionOf(current.head, plan, world.clock.now());
  if (position.kind === 'bake') return { next: 'bake', bakeSeconds: position.seconds };
  if (position.kind === 'complete' && position.baked === undefined) return { next: 'finish' };

  const now = world.stopwatch.nowMs();
  const elapsed = elapsedSeconds(current.head.rolloutBeganMs ?? now - (current.head.rolloutSpentMs ?? 0), now);
  if (position.kind === 'start') {
    const halted = await world.halting(current.head, elapsed * 1000);
    if (halted) return halted;
  }
  const moving = { world, plan, place: await placeOf(world, plan, holder) };
  if (position.kind !== 'resume' && position.baked !== undefined) {
    await verifyWeight(moving, position.baked, current.head.rollout?.at(-1)?.restarts ?? 0);
  }
  if (position.kind === 'complete') {
    current.head = await world.promotions.commit(endLastBake(current.head));
    return { next: 'finish' };
  }

  if (!mayGoForward(elapsed)) {
    const took = `the rollout took ${Math.round(elapsed)} s`;
    throw new RolloutFailure('ROLLOUT_TIMEOUT', `${took}: ${stepName(position.weight)} may not begin after ${FORWARD_SECONDS} s`);
  }
  // Recorded before the cluster is touched: the status shows it, and after a crash the rollout goes on here.
  if (position.kind === 'start') {
    current.head = await world.promotions.commit(
      startStep(current.head, position.weight, world.clock.now().toISOString(), now - elapsed * 1000),
    );
  }
  const stepsLeft = plan.rollout.weights.length - (current.head.rollout!.length - 1);
  const measure = await reachWeight(moving, position.weight, stepSeconds(elapsed, stepsLeft));
  const { bakeSeconds } = plan.rollout;
  current.head = await world.promotions.commit(endStep(current.head, world.clock.now().toISOString(), measure, bakeSeconds));
  if (bakeSeconds > 0) return { next: 'bake', bakeSeconds };
  return { next: stepsLeft > 1 ? 'roll-out' : 'finish' };
}

/** Faults after which the state machine decides: try again, or stop without overwriting anything. */
const NOT_THE_VERSION: ReadonlySet<string> = new Set(['LOCK_LOST', 'CLUSTER_CONFLICT', 'PLAN_CHANGED']);

function failureOf(error: unknown, promotion: Promotion): Failure | undefined {
  const step = promotion.rollout?.at(-1)?.step ?? promotion.step;
  const at = step === undefined ? {} : { step };
  if (error instanceof RolloutFailure) return { code: error.code, message: error.message, ...at };
  if (error instanceof Fault && !error.retryable && !NOT_THE_VERSION.has(error.code))
    return { code: error.code, message: messageOf(error), ...at };
  return undefined;
}
