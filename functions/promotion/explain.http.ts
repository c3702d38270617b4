/** `GET …/explain`: what a request waits for, who can help, and when it could start. */
import { noticeRows } from '../../adapters/notification/notice-rows.ts';
import { explain } from '../../core/approval/explain.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { lockOn, windowsOf } from '../environment/hold.ts';
import type { TwoPhaseHandler } from '../kit/http.ts';
import { clock, environments, promotions, table } from '../kit/state.ts';
import { findOfCall, planAndDecisions } from './find-request.ts';

export const explainRequest: TwoPhaseHandler<Promotion> = {
  find: findOfCall,
  async handle(call, promotion) {
    const [{ plan, decisions, approvers }, gates, environment, undelivered, lock, windowAt] = await Promise.all([
      planAndDecisions(promotion),
      promotions.gates(promotion.id, promotion.attempt),
      environments.get(promotion.to, promotion.artifact),
      noticeRows(table).hasFailed(promotion.id),
      lockOn(promotion.to, promotion),
      windowsOf(call.configuration.environments[promotion.to]?.windows),
    ]);
    const now = clock.now().toISOString();
    const explanation = explain({ promotion, plan, gates, decisions, approvers, environment, lock, windowAt, now });
    // Approval is possible all the same: on the request page and by the command line.
    return { status: 200, body: { ...explanation, ...(undelivered ? { notification: 'failed' } : {}) } };
  },
};
