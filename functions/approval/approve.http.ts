/** `POST /v1/requests/{env}/{id}/approve` */
import type { Promotion } from '../../core/promotion/promotion.ts';
import { actingOf } from '../kit/acting.ts';
import type { TwoPhaseHandler } from '../kit/http.ts';
import { findOfCall, readRequestFor } from '../promotion/find-request.ts';
import { decideRequest, refuseDecider } from './decide-request.ts';

export const approveRequest: TwoPhaseHandler<Promotion, { comment?: string; planHash?: string }> = {
  async find(call) {
    const promotion = await findOfCall(call);
    await refuseDecider(promotion, { ...actingOf(call), decision: 'approve' }, call.caller.membership);
    return promotion;
  },
  async handle(call, { id, to }) {
    const { comment, planHash } = call.body;
    await decideRequest(id, to, {
      ...actingOf(call),
      decision: 'approve',
      ...(comment === undefined || comment === '' ? {} : { comment }),
      ...(planHash === undefined ? {} : { planHash }),
    });
    return { status: 200, body: await readRequestFor(call, id) };
  },
};
