/** A rollout that a job of AWX makes: launches it once per attempt, waits for its callback, and ends as the job did. */
import { Fault } from '../../core/errors.ts';
import { fail } from '../../core/promotion/finish.ts';
import type { Failure, Promotion } from '../../core/promotion/promotion.ts';
import { beginJob, jobLaunched, jobName, variablesOf } from '../../core/rollout/job.ts';
import type { NextStep } from '../kit/task.ts';
import { holdingLock, type RolloutWorld } from './rollout-world.ts';

/**
 * Called again whenever the wait is over, and after a crash. A crash between the launch and its record launches a second job of the same digest: the
 * first one to call back counts, and jobs have to be repeatable.
 */
export async function runJob(world: RolloutWorld, promotion: Promotion): Promise<NextStep> {
  await holdingLock(world, promotion);
  const { environments } = await world.configuration();
  const settings = environments[promotion.to]?.rollout.job;
  const now = world.clock.now();
  let head = promotion;
  if (!head.job) {
    if (!settings) throw new Fault('PLAN_CHANGED', `the configuration of ${promotion.to} names no job any more`);
    head = await world.promotions.commit(beginJob(head, now, settings.timeoutSeconds));
  }
  const { status, id, deadline } = head.job!;
  if (status === 'successful') return { next: 'finish' };
  if (status !== undefined) return ended(world, head, { code: 'JOB_FAILED', message: `job ${id} ended as ${status}`, step: 'job' });
  const left = (Date.parse(deadline) - now.getTime()) / 1000;
  if (left < 1) {
    const message = `${id ?? 'the job'} did not say how it ended until ${deadline}; it may still run`;
    return ended(world, head, { code: 'ROLLOUT_TIMEOUT', message, step: 'job' });
  }
  if (id === undefined) {
    try {
      const launched = await world.launch(settings!, variablesOf(head));
      // It may have called back already.
      const before = await world.promotions.head(head.id);
      if (before?.phase === 'promoting' && before.job && before.job.id === undefined)
        await world.promotions.commit(jobLaunched(before, jobName(launched)));
    } catch (error) {
      if (!(error instanceof Fault) || error.retryable) throw error;
      return ended(world, (await world.promotions.head(head.id)) ?? head, { code: error.code, message: error.message, step: 'job' });
    }
  }
  return { next: 'bake', bakeSeconds: Math.ceil(left) };
}

/** What the job has done is not known here, so nothing is put back: a person looks, and requests a rollback, which is a job again. */
export async function ended(world: RolloutWorld, promotion: Promotion, failure: Failure): Promise<NextStep> {
  const at = world.clock.now().toISOString();
  await world.promotions.commit(fail(promotion, at, failure, { touched: true, holds: true }));
  await world.environments.wakeWaiters(promotion.to, promotion.artifact);
  return { next: 'failed' };
}
