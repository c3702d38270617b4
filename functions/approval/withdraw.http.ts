/** `POST /v1/requests/{env}/{id}/withdraw`: takes my decision back. */
import { withdraw } from '../../core/approval/withdraw.ts';
import { changing } from '../../core/promotion/ports.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { actingOf } from '../kit/acting.ts';
import type { TwoPhaseHandler } from '../kit/http.ts';
import { promotions } from '../kit/state.ts';
import { findOfCall, readRequestFor } from '../promotion/find-request.ts';

export const withdrawDecision: TwoPhaseHandler<Promotion> = {
  find: findOfCall,
  async handle(call, found) {
    await changing(
      async () => ({ promotion: (await promotions.head(found.id)) ?? found, decisions: await promotions.decisions(found.id) }),
      async ({ promotion, decisions }) => {
        await promotions.commit(withdraw(promotion, decisions, actingOf(call)));
      },
    );
    return { status: 200, body: await readRequestFor(call, found.id) };
  },
};
