/** `POST /v1/requests/{env}/{id}/reject` */
import type { DecisionInput } from '../../core/approval/decide.ts';
import { actingOf } from '../kit/acting.ts';
import type { TwoPhaseHandler } from '../kit/http.ts';
import { type KnownRequest, knownOfCall } from '../promotion/find-request.ts';
import { renderRequest } from '../promotion/render-request.ts';
import { decideRequest, refuseDecider } from './decide-request.ts';

export const rejectRequest: TwoPhaseHandler<KnownRequest, { reason: string; planHash?: string }> = {
  async find(call) {
    const request = await knownOfCall(call);
    await refuseDecider(request, { ...actingOf(call), decision: 'reject' }, call.caller.membership);
    return request;
  },
  async handle(call, found) {
    const { id, to } = found.promotion;
    const { reason, planHash } = call.body;
    const input: DecisionInput = {
      ...actingOf(call),
      decision: 'reject',
      comment: reason,
      ...(planHash === undefined ? {} : { planHash }),
    };
    const decided = await decideRequest(id, to, input, { found });
    return { status: 200, body: renderRequest({ ...decided, caller: call.caller }) };
  },
};
