/** `POST …/break-glass`: a second person lets a failed gate pass for a while. */
import { randomBytes } from 'node:crypto';
import { breakGlass as decideBreakGlass, refuseBreakGlass, requesterMembership } from '../../core/gate/break-glass.ts';
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import { changing } from '../../core/promotion/ports.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { actingOf } from '../kit/acting.ts';
import type { TwoPhaseHandler } from '../kit/http.ts';
import { clock, promotions, reviews } from '../kit/state.ts';
import { findOfCall, readRequestFor, refuseOtherVersion } from '../promotion/find-request.ts';

export const breakGlass: TwoPhaseHandler<Promotion, { gate: string; reason: string }> = {
  async find(call) {
    const promotion = await findOfCall(call);
    const { membership } = call.caller;
    refuseBreakGlass({ promotion, membership, requester: requesterMembership(promotion, call.configuration) }, actingOf(call));
    return promotion;
  },
  async handle(call, found) {
    await changing(
      async () => (await promotions.head(found.id)) ?? found,
      async (promotion) => {
        refuseOtherVersion(call, promotion);
        const [plan, gates, known] = await Promise.all([
          promotions.plan(promotion.id, promotion.planHash),
          promotions.gates(promotion.id, promotion.attempt),
          reviews.all(),
        ]);
        if (!plan) throw new Error(`${promotion.id} has no plan ${promotion.planHash}`);
        const facts = {
          promotion,
          plan,
          gates,
          reviews: known,
          membership: call.caller.membership,
          requester: requesterMembership(promotion, call.configuration),
          now: clock.now(),
          settings: call.configuration.environments[promotion.to]!.breakGlass,
          reviewId: `rv-${randomBytes(8).toString('hex')}`,
          hashText: (text: string) => sha256Hex(text),
        };
        await promotions.commit(decideBreakGlass(facts, { ...actingOf(call), ...call.body }));
      },
    );
    return { status: 200, body: await readRequestFor(call, found.id) };
  },
};
