/** Signs that an approval process is being played. Explainable rules only: each names what was seen, and stops nobody by itself. */
import type { Party } from '../access/identity.ts';
import type { GateDefinition } from '../gate/definition.ts';
import type { GateResult } from '../gate/gate.ts';
import type { NoticeDraft } from '../promotion/change.ts';
import type { Promotion, PromotionSpec } from '../promotion/promotion.ts';

export const SIGNALS = [
  'hasty_approval',
  'reciprocal_approval',
  'repeated_self_approval',
  'claim_contradicted',
  'link_guessing',
  'decision_revoked',
] as const;
export type Signal = (typeof SIGNALS)[number];

/** What was seen, for people. */
export const SIGNAL_WORDS: Readonly<Record<Signal, string>> = {
  hasty_approval: 'it was approved within seconds of being asked for: hardly long enough to read it',
  reciprocal_approval: 'the approver and the requester approve each other',
  repeated_self_approval: 'somebody who may not decide on it keeps trying',
  claim_contradicted: 'a gate found the opposite of what the requester claimed',
  link_guessing: 'somebody is guessing approval links',
  decision_revoked: 'an approver says that a decision in their name was not theirs',
};

/** Nobody reads a plan, its gates and its notes in less. */
export const HASTY_SECONDS = 10;
/** Refused attempts of one person on one request, from which on it is no slip. */
export const REPEATED_ATTEMPTS = 3;
/** How long an approval of one for the other is remembered, in days. */
export const RECIPROCAL_DAYS = 30;

/** What can be seen when somebody approves. */
export function signalsOfApproval(
  promotion: Pick<Promotion, 'askedAt'>,
  actor: Party & { kind: string },
  { now, isReciprocal }: { now: string; isReciprocal: boolean },
): Signal[] {
  if (actor.kind !== 'person') return [];
  const waited = promotion.askedAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(now) - Date.parse(promotion.askedAt);
  return [
    ...(waited < HASTY_SECONDS * 1_000 ? (['hasty_approval'] as const) : []),
    ...(isReciprocal ? (['reciprocal_approval'] as const) : []),
  ];
}

/** Which claim of the requester a kind of gate measures. Gates of the other kinds measure none. */
const CLAIM_OF: Partial<Record<GateDefinition['type'], keyof PromotionSpec['preChecks']>> = {
  signature: 'securityScanPassed',
  vulnerability: 'securityScanPassed',
  performance_baseline: 'performanceTestsPassed',
  command: 'stagingTestsPassed',
};

/** Names of the gates that failed although the requester claimed the opposite. A gate that could not look contradicts nobody. */
export function contradictedClaims(claims: PromotionSpec['preChecks'], results: readonly GateResult[]): string[] {
  return results
    .filter(({ status, type }) => {
      const claim = CLAIM_OF[type];
      return (status === 'failed' || status === 'waived') && claim !== undefined && claims[claim] === true;
    })
    .map(({ name }) => name);
}

/** The notice of a signal. */
export function alertOf(signal: Signal, data: NoticeDraft['data'] = {}): NoticeDraft {
  return { type: 'security.alert', data: { signal, reason: SIGNAL_WORDS[signal], ...data } };
}
