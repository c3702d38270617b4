/** Reads the results of all gates and decides what follows from them. */
import type { GateResult } from '../../core/gate/gate.ts';
import { UNSETTLED } from '../../core/gate/gate.ts';
import { recordGate } from '../../core/gate/record-gate.ts';
import { changing } from '../../core/promotion/ports.ts';
import { settleGates as settle } from '../../core/promotion/settle-gates.ts';
import { clock, promotions } from '../kit/state.ts';
import type { NextStep, RunEvent } from '../kit/task.ts';

/** Task `settle-gates`. A gate that has not answered by now is inconclusive, which never counts as passed. */
export async function settleGates(event: RunEvent): Promise<NextStep> {
  return changing(
    () => promotions.head(event.requestId),
    async (promotion): Promise<NextStep> => {
      if (!promotion || promotion.attempt !== event.attempt) return { next: 'end' };
      if (promotion.phase === 'pending_approval') return { next: 'approval' };
      if (promotion.phase === 'approved') return { next: 'begin' };
      if (promotion.phase !== 'validating') return { next: 'end' };
      const plan = await promotions.plan(promotion.id, promotion.planHash);
      if (!plan) throw new Error(`${promotion.id} has no plan ${promotion.planHash}`);
      const results = await promotions.gates(promotion.id, promotion.attempt);
      let head = promotion;
      for (const late of results.filter((result) => UNSETTLED.has(result.status))) {
        head = await promotions.commit(recordGate(head, plan, results, unanswered(late), clock.now().toISOString()));
      }
      const [texts, gates] = await Promise.all([promotions.texts(promotion.id), promotions.gates(promotion.id, promotion.attempt)]);
      if (!texts) throw new Error(`${promotion.id} has no texts`);
      const change = settle(head, plan, gates, { now: clock.now().toISOString(), claims: texts.spec.preChecks });
      const { phase } = await promotions.commit(change);
      return { next: phase === 'blocked' ? 'end' : phase === 'approved' ? 'begin' : 'approval' };
    },
  );
}

function unanswered(result: GateResult): GateResult {
  return {
    ...result,
    status: 'inconclusive',
    message: 'no answer within the time that the gate has',
    resolution: 'check what the gate waits for, then POST …/retry',
    finishedAt: clock.now().toISOString(),
  };
}
