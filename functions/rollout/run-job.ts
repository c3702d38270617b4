/** A rollout that a job of AWX makes: launches it once per attempt, waits for its callback, and ends as the job did. */
import type { JobConfiguration } from '../../core/environment/configuration.ts';
import { Fault, messageOf } from '../../core/errors.ts';
import { fail } from '../../core/promotion/finish.ts';
import type { Failure, Promotion } from '../../core/promotion/promotion.ts';
import { beginJob, jobIdOf, jobLaunched, jobName, variablesOf } from '../../core/rollout/job.ts';
import type { NextStep } from '../kit/task.ts';
import { holdingLock, type RolloutWorld } from './rollout-world.ts';

/** Called again whenever the wait is over, and after a crash: then the job may have been launched, and is looked for first. */
export async function runJob(world: RolloutWorld, promotion: Promotion): Promise<NextStep> {
  await holdingLock(world, promotion);
  const settings = await settingsOf(world, promotion);
  const now = world.clock.now();
  let head = promotion;
  if (!head.job) {
    if (!settings) throw unnamed(promotion);
    head = await world.promotions.commit(beginJob(head, now, settings.timeoutSeconds));
  }
  const { status, id, deadline } = head.job!;
  if (status === 'successful') return { next: 'finish' };
  if (status !== undefined) return ended(world, head, { code: 'JOB_FAILED', message: `job ${id} ended as ${status}`, step: 'job' });
  const left = (Date.parse(deadline) - now.getTime()) / 1000;
  if (left < 1) {
    const message = `${id ?? 'the job'} did not say how it ended until ${deadline}; ${await stopJob(world, head)}`;
    return ended(world, head, { code: 'ROLLOUT_TIMEOUT', message, step: 'job' });
  }
  if (id === undefined) {
    if (!settings) throw unnamed(promotion);
    try {
      const launched = await launchOnce(world, settings, head, promotion.job !== undefined);
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

async function settingsOf(world: RolloutWorld, { to }: Promotion): Promise<JobConfiguration | undefined> {
  return (await world.configuration()).environments[to]?.rollout.job;
}

function unnamed({ to }: Promotion): Fault {
  return new Fault('PLAN_CHANGED', `the configuration of ${to} names no job any more`);
}

/** An attempt that was begun before this call may have been launched: AWX knows. */
async function launchOnce(world: RolloutWorld, settings: JobConfiguration, head: Promotion, begun: boolean): Promise<string | number> {
  const jobs = await world.jobs();
  const variables = variablesOf(head);
  return (begun ? await jobs.find(settings, variables) : undefined) ?? jobs.launch(settings, variables);
}

const ATTEMPTS = 3;
const PAUSE_MS = 1_000;

/** Cancels the job, as far as AWX takes that; answers what became of it, in words. A way back never fails for it. */
export async function stopJob(world: RolloutWorld, promotion: Promotion): Promise<string> {
  const { job } = promotion;
  if (!job) return 'no job was launched';
  if (job.status !== undefined) return `job ${job.id} had ended as ${job.status}`;
  for (let attempt = 1; ; attempt++) {
    try {
      return await cancelled(world, promotion, job.id);
    } catch (error) {
      if (error instanceof Fault && error.retryable && attempt < ATTEMPTS) await world.stopwatch.sleep(PAUSE_MS);
      else return `${job.id ?? 'the job'} may still run, because it could not be cancelled (${messageOf(error)}): cancel it at AWX`;
    }
  }
}

async function cancelled(world: RolloutWorld, promotion: Promotion, known: string | undefined): Promise<string> {
  const settings = await settingsOf(world, promotion);
  if (!settings) throw unnamed(promotion);
  const jobs = await world.jobs();
  const id = known === undefined ? await jobs.find(settings, variablesOf(promotion)) : jobIdOf(known);
  if (id === undefined) return 'no job was launched';
  return (await jobs.cancel(settings, id)) ? `AWX cancels ${jobName(id)}` : `${jobName(id)} was over already`;
}

/** What the job has done is not known here, so nothing is put back: a person looks, and requests a rollback, which is a job again. */
export async function ended(world: RolloutWorld, promotion: Promotion, failure: Failure): Promise<NextStep> {
  const at = world.clock.now().toISOString();
  await world.promotions.commit(fail(promotion, at, failure, { touched: true, holds: true }));
  await world.environments.wakeWaiters(promotion.to, promotion.artifact);
  return { next: 'failed' };
}
