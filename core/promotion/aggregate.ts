/** Everything that belongs to one request, as it was read together or as a change leaves it. */
import type { GateResult } from '../gate/gate.ts';
import type { EventDraft, PromotionChange } from './change.ts';
import type { Plan } from './plan.ts';
import type { HistoryEntry, Promotion, PromotionTexts } from './promotion.ts';

export interface PromotionAggregate {
  promotion: Promotion;
  texts: PromotionTexts;
  /** The plan that stands. */
  plan: Plan;
  /** Results of the present attempt. */
  gates: GateResult[];
  history: HistoryEntry[];
}

/** Line of the history that an event leaves under the head that it was stored with. */
export function historyEntry(event: EventDraft, { seq, updatedAt }: Pick<Promotion, 'seq' | 'updatedAt'>): HistoryEntry {
  const { action, comment, jobId, error, onBehalfOf } = event.history;
  return {
    seq,
    action,
    at: updatedAt,
    by: event.actor,
    ...(comment === undefined ? {} : { comment }),
    ...(jobId === undefined ? {} : { jobId }),
    ...(error === undefined ? {} : { error }),
    ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
  };
}

/**
 * The request as a stored change has left it, without reading it again: the version of `before` was the condition of the write, so nothing else can
 * have come between. `head` is what the store answered.
 */
export function afterChange(change: PromotionChange, head: Promotion, before?: PromotionAggregate): PromotionAggregate {
  const texts = change.texts ?? before?.texts;
  const plan = change.plan ?? before?.plan;
  if (!texts || !plan) throw new Error(`${head.id} was changed without having been read`);
  const isSameAttempt = before?.promotion.attempt === head.attempt;
  const written = change.gates ?? [];
  const kept = isSameAttempt ? before.gates.filter(({ name }) => !written.some((gate) => gate.name === name)) : [];
  return {
    promotion: head,
    texts,
    plan,
    gates: [...kept, ...written],
    history: [...(before?.history ?? []), historyEntry(change.event, head)],
  };
}
