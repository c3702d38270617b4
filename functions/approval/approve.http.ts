/** `POST /v1/requests/{env}/{id}/approve` */
import type { DecisionInput } from '../../core/approval/decide.ts';
import { actingOf } from '../kit/acting.ts';
import type { TwoPhaseHandler } from '../kit/http.ts';
import { type KnownRequest, knownOfCall } from '../promotion/find-request.ts';
import { renderRequest } from '../promotion/render-request.ts';
import { decideRequest, refuseDecider } from './decide-request.ts';

export const approveRequest: TwoPhaseHandler<KnownRequest, { comment?: string; planHash?: string }> = {
  async find(call) {
    const request = await knownOfCall(call);
    await refuseDecider(request, { ...actingOf(call), decision: 'approve' }, call.caller.membership);
    return request;
  },
  async handle(call, found) {
    const { id, to } = found.promotion;
    const { comment, planHash } = call.body;
    const input: DecisionInput = {
      ...actingOf(call),
      decision: 'approve',
      ...(comment === undefined || comment === '' ? {} : { comment }),
      ...(planHash === undefined ? {} : { planHash }),
    };
    const decided = await decideRequest(id, to, input, { found });
    return { status: 200, body: renderRequest({ ...decided, caller: call.caller }) };
  },
};
