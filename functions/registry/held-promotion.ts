/** What every task of the copy function checks first: that the run still owns the promotion, its plan and its environment. */

import type { EnvironmentRecord } from '../../core/environment/environment.ts';
import { holderOf } from '../../core/environment/environment.ts';
import { Fault } from '../../core/errors.ts';
import { type Plan, planHashOf } from '../../core/promotion/plan.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { environments, promotions } from '../kit/state.ts';
import type { NextStep, RunEvent } from '../kit/task.ts';

export interface HeldPromotion {
  promotion: Promotion;
  plan: Plan;
  environment: EnvironmentRecord;
}

/** Where the run goes when it no longer holds a promotion that goes forward: back, if it was aborted. */
export async function wayOf({ requestId, attempt }: RunEvent): Promise<NextStep> {
  const promotion = await promotions.head(requestId);
  return { next: promotion?.attempt === attempt && promotion.phase === 'rolling_back' ? 'roll-back' : 'end' };
}

/**
 * The promotion of the run with its plan and environment row; undefined when it ended or belongs to another attempt. Faults: PLAN_CHANGED when the
 * stored plan is not the approved one, LOCK_LOST when somebody else may change the environment now.
 */
export async function heldPromotion(event: RunEvent): Promise<HeldPromotion | undefined> {
  const promotion = await promotions.head(event.requestId);
  if (!promotion || promotion.attempt !== event.attempt || promotion.phase !== 'promoting') return undefined;
  const [plan, environment] = await Promise.all([
    promotions.plan(promotion.id, promotion.planHash),
    environments.get(promotion.to, promotion.artifact),
  ]);
  if (!plan || planHashOf(plan) !== promotion.planHash || plan.digest !== promotion.digest) {
    throw new Fault('PLAN_CHANGED', `the stored plan of ${promotion.id} is not the one that was approved`);
  }
  if (environment?.holder !== holderOf(promotion.id, promotion.attempt) || environment.fence !== promotion.fence) {
    throw new Fault('LOCK_LOST', `${promotion.id} no longer holds ${promotion.to}/${promotion.artifact}`, {
      hint: 'somebody else changes the environment; create the request again when they are done',
    });
  }
  return { promotion, plan, environment };
}
