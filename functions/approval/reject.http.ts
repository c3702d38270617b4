/** `POST /v1/requests/{env}/{id}/reject` */
import type { Promotion } from '../../core/promotion/promotion.ts';
import { actingOf } from '../kit/acting.ts';
import type { TwoPhaseHandler } from '../kit/http.ts';
import { findOfCall, readRequestFor } from '../promotion/find-request.ts';
import { decideRequest, refuseDecider } from './decide-request.ts';

export const rejectRequest: TwoPhaseHandler<Promotion, { reason: string; planHash?: string }> = {
  async find(call) {
    const promotion = await findOfCall(call);
    await refuseDecider(promotion, { ...actingOf(call), decision: 'reject' }, call.caller.membership);
    return promotion;
  },
  async handle(call, { id, to }) {
    const { reason, planHash } = call.body;
    await decideRequest(id, to, {
      ...actingOf(call),
      decision: 'reject',
      comment: reason,
      ...(planHash === undefined ? {} : { planHash }),
    });
    return { status: 200, body: await readRequestFor(call, id) };
  },
};
