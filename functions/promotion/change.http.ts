/** Cancel, abort, retry and execute: four words for a request, one way of saying them. */

import { abort } from '../../core/promotion/abort.ts';
import type { PromotionChange } from '../../core/promotion/change.ts';
import { type Acting, cancel, execute, retry } from '../../core/promotion/create.ts';
import { type RequestChange, refuseChange } from '../../core/promotion/may-change.ts';
import { changing } from '../../core/promotion/ports.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { holdOn } from '../environment/hold.ts';
import { actingOf } from '../kit/acting.ts';
import type { TwoPhaseHandler } from '../kit/http.ts';
import { clock, promotions } from '../kit/state.ts';
import { findOfCall, readRequestFor, refuseOtherVersion } from './find-request.ts';

function changeBy(
  change: RequestChange,
  rule: (promotion: Promotion, acting: Acting, at: string) => PromotionChange | Promise<PromotionChange>,
): TwoPhaseHandler<Promotion> {
  return {
    async find(call) {
      const promotion = await findOfCall(call);
      refuseChange(change, promotion, call.caller.actor, call.caller.membership);
      return promotion;
    },
    async handle(call, found) {
      await changing(
        async () => (await promotions.head(found.id)) ?? found,
        async (promotion) => {
          refuseOtherVersion(call, promotion);
          await promotions.commit(await rule(promotion, actingOf(call), clock.now().toISOString()));
        },
      );
      return { status: 200, body: await readRequestFor(call, found.id) };
    },
  };
}

/** `POST …/cancel`: withdraws a request that has not begun. */
export const cancelRequest = changeBy('cancel', cancel);
/** `POST …/abort`: ends a rollout by the way back. */
export const abortRequest = changeBy('abort', abort);
/** `POST …/retry`: runs the gates of a blocked request again. */
export const retryRequest = changeBy('retry', retry);
/** `POST …/execute`: gives the word that an approved promotion waits for. */
export const executeRequest = changeBy('execute', async (promotion, acting) => execute(promotion, acting, await holdOn(promotion)));
