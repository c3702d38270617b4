/** Records the result of one gate: one event per gate, and the wake when it was the last. */

import type { PromotionChange } from '../promotion/change.ts';
import { engineChange } from '../promotion/engine-change.ts';
import type { Plan } from '../promotion/plan.ts';
import type { HistoryEntry, Promotion } from '../promotion/promotion.ts';
import { gatesAreSettled } from '../promotion/settle-gates.ts';
import type { GateResult } from './gate.ts';
import { waived } from './waiver.ts';

/** More answers that nobody waits for are not recorded of one request: a sender that repeats itself must not fill the log. */
const MOST_REFUSED = 20;
const REFUSED = 'late_answer';

/** An answer that came too early, too late or a second time otherwise: nothing changes but the log. Undefined when enough of them are known. */
export function refuseAnswer(
  promotion: Promotion,
  history: readonly Pick<HistoryEntry, 'action'>[],
  { gate, attempt, status }: { gate: string; attempt: number; status: GateResult['status'] },
): PromotionChange | undefined {
  if (history.filter(({ action }) => action === REFUSED).length >= MOST_REFUSED) return undefined;
  const error = `${gate}: an answer that nobody waits for was refused`;
  return engineChange(promotion, promotion, { type: 'gate.refused', action: REFUSED, data: { gate, attempt, status }, error });
}

/** `others` are the results known so far; an earlier result of the same gate is replaced. A gate that did not pass counts where it is waived. */
export function recordGate(
  promotion: Promotion,
  plan: Plan,
  others: readonly GateResult[],
  found: GateResult,
  now: string,
): PromotionChange {
  const result = waived(found, promotion.waivers, now);
  const results = [...others.filter((other) => other.name !== result.name), result];
  return engineChange(
    promotion,
    promotion,
    {
      type: 'gate.finished',
      action: `gate_${result.status}`,
      data: { gate: result.name, status: result.status, definition: result.definitionHash },
      ...(found.status === 'passed' ? {} : { error: `${result.name}: ${result.message}` }),
    },
    {
      gates: [result],
      notices: [{ type: 'gate.finished', data: { gate: result.name, status: result.status } }],
      ...(gatesAreSettled(plan, results)
        ? { wake: { kind: 'resume' as const, requestId: promotion.id, attempt: promotion.attempt, wait: 'gates' as const } }
        : {}),
    },
  );
}
