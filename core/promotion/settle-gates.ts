/** What follows from the results of all gates: approval, the way on, or a block that says what to do. */
import { askedFrom } from '../approval/remind.ts';
import { alertOf, contradictedClaims } from '../approval/suspicion.ts';
import { COUNTS_AS_PASSED, type GateResult, UNSETTLED } from '../gate/gate.ts';
import { SKIP_CANARY } from '../gate/skip-canary.ts';
import { type PromotionChange, withPhase } from './change.ts';
import { engineChange } from './engine-change.ts';
import type { Plan } from './plan.ts';
import type { Promotion, PromotionSpec } from './promotion.ts';

/** All configured gates have a result; a gate without one still runs. */
export function gatesAreSettled(plan: Plan, results: readonly GateResult[]): boolean {
  return plan.gates.every((gate) => {
    const result = results.find((candidate) => candidate.name === gate.name);
    return result !== undefined && !UNSETTLED.has(result.status);
  });
}

/** Any gate that is neither passed nor waived blocks, also one that could not be evaluated: a missing result is never a pass. */
export function settleGates(
  promotion: Promotion,
  plan: Plan,
  results: readonly GateResult[],
  { now, claims }: { now: string; claims: PromotionSpec['preChecks'] },
): PromotionChange {
  const contradicted = contradictedClaims(claims, results);
  const alerts = contradicted.length > 0 ? [alertOf('claim_contradicted', { gates: contradicted.join(', ') })] : [];
  const seen = contradicted.length > 0 ? { signals: ['claim_contradicted'] } : {};
  // One that is over lets nothing pass any more: it must not end what is approved now without it.
  // That of a canary stays until the plan has its weights again: `begin` sees to that.
  const waivers = promotion.waivers && {
    waivers: promotion.waivers.filter(({ expiresAt, type }) => type === SKIP_CANARY || now < expiresAt),
  };
  const bad = plan.gates.filter((gate) => {
    const result = results.find((candidate) => candidate.name === gate.name);
    return result === undefined || !COUNTS_AS_PASSED.has(result.status);
  });
  if (bad.length > 0) {
    const names = bad.map((gate) => gate.name);
    return engineChange(
      promotion,
      withPhase(promotion, 'blocked', { ...waivers }),
      { type: 'promotion.blocked', action: 'blocked', data: { gates: names, ...seen }, error: `blocked by ${names.join(', ')}` },
      { notices: [{ type: 'promotion.blocked', data: { gates: names.join(', ') } }, ...alerts] },
    );
  }
  if (plan.approvals.length === 0) {
    const after = withPhase(promotion, 'approved', { ...waivers, ...(plan.execute === 'manual' ? { waitingOn: 'confirm' as const } : {}) });
    return engineChange(
      promotion,
      after,
      { type: 'approval.closed', action: 'approved', data: { required: false, ...seen } },
      { notices: alerts },
    );
  }
  return engineChange(
    promotion,
    withPhase(promotion, 'pending_approval', { ...waivers, ...askedFrom(now) }),
    { type: 'approval.requested', action: 'approval_requested', data: { stages: plan.approvals.length, ...seen } },
    { notices: [{ type: 'approval.requested', data: { stage: plan.approvals[0]!.name } }, ...alerts] },
  );
}
