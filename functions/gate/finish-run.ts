/** Records what came from outside for a gate that answers later: once, and only while the gate is still waited for. */
import type { GateRun } from '../../adapters/gate/gate-run-rows.ts';
import { type GateOutcome, type GateResult, UNSETTLED } from '../../core/gate/gate.ts';
import { recordGate, refuseAnswer } from '../../core/gate/record-gate.ts';
import { changing } from '../../core/promotion/ports.ts';
import { clock, promotions } from '../kit/state.ts';

/** `recorded`: it counts; `repeated`: the same was recorded before; `late`: nobody waits for it any more, or another answer came first. */
export type Arrival = 'recorded' | 'repeated' | 'late';

export function finishRun(run: GateRun, outcome: GateOutcome): Promise<Arrival> {
  return changing(
    () => promotions.head(run.requestId),
    async (promotion): Promise<Arrival> => {
      if (!promotion) return 'late';
      const results = await promotions.gates(run.requestId, run.attempt);
      const known = results.find((result) => result.name === run.gate && result.runId === run.runId);
      if (known && !UNSETTLED.has(known.status)) return known.status === outcome.status ? 'repeated' : 'late';
      if (promotion.attempt !== run.attempt || promotion.phase !== 'validating') return 'late';
      const plan = await promotions.plan(promotion.id, promotion.planHash);
      const planned = plan?.gates.find(({ name }) => name === run.gate);
      if (!plan || !planned) return 'late';
      // The answer may come before the function that asked has written that it asked.
      const base: GateResult = known ?? {
        name: run.gate,
        type: planned.type as GateResult['type'],
        definitionHash: planned.definitionHash,
        runId: run.runId,
        status: 'running',
        message: '',
        resolution: '',
      };
      const now = clock.now().toISOString();
      await promotions.commit(recordGate(promotion, plan, results, { ...base, ...outcome, finishedAt: now }, now));
      return 'recorded';
    },
    40,
  );
}

/** Leaves one event of a signed answer that was refused. */
export async function recordRefused(run: GateRun, { status }: GateOutcome): Promise<void> {
  await changing(
    () => promotions.head(run.requestId),
    async (promotion) => {
      const change = promotion && refuseAnswer(promotion, await promotions.history(run.requestId), { ...run, status });
      if (change) await promotions.commit(change);
    },
  );
}
