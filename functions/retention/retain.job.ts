/**
 * Lambda `retain`: plans deletions, carries them out, and reminds of versions that lose their support. It alone may delete from registries. Called by
 * the schedule, and by the API for who may; one run at a time.
 */
import { randomUUID } from 'node:crypto';
import { Fault, Refusal, type RefusalCode } from '../../core/errors.ts';
import type { Acting } from '../../core/promotion/create.ts';
import type { StoredPlan } from '../../core/retention/ports.ts';
import { log } from '../kit/log.ts';
import type { Scope } from './read-inventory.ts';

export type RetainEvent =
  | { job: 'retention' }
  | { job: 'lifecycle' }
  | { job: 'plan'; planId: string; scope: Scope; acting: Acting }
  | { job: 'apply'; planId: string; acting: Acting };

export type RetainAnswer =
  | { outcome: 'done'; plan?: StoredPlan; did?: string[] }
  | { outcome: 'refused'; code: RefusalCode; detail: string; hint?: string }
  | { outcome: 'unavailable'; detail: string };

/** The function ends after 900 s; a unit takes well below 20. */
const LIMIT_MS = 840_000;

export async function handler(event: RetainEvent): Promise<RetainAnswer> {
  const end = performance.now() + LIMIT_MS;
  try {
    const answer = await run(event, () => performance.now() >= end);
    log.info('retention', { job: event.job, ...(answer.outcome === 'done' ? { plan: answer.plan?.id, did: answer.did } : answer) });
    return answer;
  } catch (error) {
    if (error instanceof Refusal)
      return { outcome: 'refused', code: error.code, detail: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
    log.error('retention failed', { job: event.job, error });
    if (error instanceof Fault && 'acting' in event) return { outcome: 'unavailable', detail: error.message };
    throw error;
  }
}

async function run(event: RetainEvent, isLate: () => boolean): Promise<RetainAnswer> {
  // Loaded when there is something to do: the first start of the function waits for none of it.
  const { retentionWorld } = await import('./retention-world.ts');
  const world = await retentionWorld();
  if (event.job === 'plan') {
    const { makePlan } = await import('./make-plan.ts');
    return { outcome: 'done', plan: await makePlan(world, event.scope, event.acting, event.planId) };
  }
  const own = `${event.job}-${randomUUID()}`;
  if (!(await world.plans.begin(own)))
    throw new Refusal('ALREADY_RUNNING', 'another run of retention goes on now', {
      hint: 'wait until it is over; it ends within 15 minutes',
    });
  try {
    if (event.job === 'apply') {
      const { applyPlan } = await import('./apply-plan.ts');
      return { outcome: 'done', plan: await applyPlan(world, event.planId, event.acting, isLate) };
    }
    if (event.job === 'retention') {
      const { keepSchedule } = await import('./schedule.ts');
      return { outcome: 'done', did: (await keepSchedule(world, isLate)).map(({ id, status }) => `${id} ${status}`) };
    }
    const { remindOfEnds } = await import('../lifecycle/remind-of-ends.ts');
    return { outcome: 'done', did: await remindOfEnds(world) };
  } finally {
    await world.plans.end(own);
  }
}
