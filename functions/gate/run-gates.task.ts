/** Starts every gate of the plan at once; the last result wakes the run. */
import { randomUUID } from 'node:crypto';
import type { GateDefinition } from '../../core/gate/definition.ts';
import type { GateResult, GateSubject } from '../../core/gate/gate.ts';
import { UNSETTLED } from '../../core/gate/gate.ts';
import type { GateRunner } from '../../core/gate/ports.ts';
import { recordGate } from '../../core/gate/record-gate.ts';
import { withPhase } from '../../core/promotion/change.ts';
import { engineChange } from '../../core/promotion/engine-change.ts';
import type { Plan } from '../../core/promotion/plan.ts';
import { changing } from '../../core/promotion/ports.ts';
import type { Promotion, PromotionTexts } from '../../core/promotion/promotion.ts';
import { clock, configuration, promotions, wakes } from '../kit/state.ts';
import type { NextStep, RunEvent } from '../kit/task.ts';

/** Task `run-gates`: waits on `taskToken`. Started again after a crash it runs only the gates that have no result yet. */
export function runGates(runner: GateRunner) {
  return async (event: RunEvent & { taskToken: string }): Promise<NextStep> => {
    await wakes.keepToken(event.requestId, event.attempt, 'gates', event.taskToken);
    const promotion = await startValidating(event);
    if (!promotion) {
      await wakes.add({ kind: 'resume', requestId: event.requestId, attempt: event.attempt, wait: 'gates' });
      return { next: 'end' };
    }
    const [plan, texts, known, { gates: definitions }] = await Promise.all([
      promotions.plan(promotion.id, promotion.planHash),
      promotions.texts(promotion.id),
      promotions.gates(promotion.id, promotion.attempt),
      configuration(),
    ]);
    if (!plan || !texts) throw new Error(`${promotion.id} has no plan ${promotion.planHash}`);
    const subject = subjectOf(promotion, plan, texts);
    const open = plan.gates.filter(({ name }) => !known.some((result) => result.name === name && !UNSETTLED.has(result.status)));
    await Promise.all(
      open.map(async (gate) => {
        const startedAt = clock.now().toISOString();
        const runId = known.find((result) => result.name === gate.name)?.runId ?? randomUUID();
        const base = { name: gate.name, type: gate.type as GateResult['type'], definitionHash: gate.definitionHash, startedAt, runId };
        const outcome = await evaluate(runner, definitions[gate.name], subject, runId);
        const finished = UNSETTLED.has(outcome.status) ? {} : { finishedAt: clock.now().toISOString() };
        await record(promotion.id, plan, { ...base, ...outcome, ...finished });
      }),
    );
    // Otherwise the transaction that records the last result holds the wake.
    if (open.length === 0) await wakes.add({ kind: 'resume', requestId: promotion.id, attempt: promotion.attempt, wait: 'gates' });
    return { next: 'end' };
  };
}

/** The head in phase validating; undefined when the request ended meanwhile. */
function startValidating(event: RunEvent): Promise<Promotion | undefined> {
  return changing(
    () => promotions.head(event.requestId),
    async (promotion) => {
      if (!promotion || promotion.attempt !== event.attempt) return undefined;
      if (promotion.phase === 'validating') return promotion;
      if (promotion.phase !== 'requested') return undefined;
      return promotions.commit(
        engineChange(promotion, withPhase(promotion, 'validating'), { type: 'gates.started', action: 'validating' }),
      );
    },
  );
}

async function evaluate(runner: GateRunner, definition: GateDefinition | undefined, subject: GateSubject, runId: string) {
  if (!definition) {
    return { status: 'errored' as const, message: 'the configuration no longer defines this gate', resolution: 'create the request again' };
  }
  try {
    return await runner.run(definition, subject, runId);
  } catch (error) {
    return {
      status: 'errored' as const,
      message: `the gate could not be evaluated: ${error instanceof Error ? error.message.slice(0, 300) : 'unknown error'}`,
      resolution: 'try again with POST …/retry; if it stays, the gate or what it asks is broken',
    };
  }
}

async function record(requestId: string, plan: Plan, result: GateResult): Promise<void> {
  await changing(
    async () => ({ promotion: await promotions.head(requestId), results: [] as GateResult[] }),
    async ({ promotion }) => {
      if (promotion?.phase !== 'validating') return;
      const others = await promotions.gates(requestId, promotion.attempt);
      if (others.some((other) => other.name === result.name && other.runId === result.runId && !UNSETTLED.has(other.status))) return;
      await promotions.commit(recordGate(promotion, plan, others, result, clock.now().toISOString()));
    },
    // Every gate of the plan may finish at the same instant and needs its turn.
    40,
  );
}

/** What a gate may look at. */
export function subjectOf(promotion: Promotion, plan: Plan, texts: PromotionTexts): GateSubject {
  return {
    requestId: promotion.id,
    attempt: promotion.attempt,
    tenant: plan.tenant,
    artifact: plan.artifact,
    digest: plan.digest,
    version: plan.version,
    from: plan.from,
    to: plan.to,
    planHash: promotion.planHash,
    requester: promotion.requester.email,
    claims: { ...texts.spec.preChecks },
  };
}
