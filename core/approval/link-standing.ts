/** What a mailed link is still good for. Showing, deciding and taking back ask here, so that they cannot differ. */
import { Refusal } from '../errors.ts';
import { isFinal, type Phase } from '../promotion/phase.ts';
import type { Promotion } from '../promotion/promotion.ts';
import type { Decision } from './decision.ts';
import type { LinkClaims } from './link-token.ts';

/** What is kept of a link. The token itself is not. */
export interface LinkRow {
  id: string;
  requestId: string;
  /** Identity key of the one person it was sent to. */
  approver: string;
  planHash: string;
  /** `used`: it decides nothing any more, but shows what was decided and takes it back. */
  state: 'issued' | 'used' | 'revoked';
  /** ISO; always compared: TTL deletes late. */
  expiresAt: string;
  usedAt?: string;
  decision?: 'approve' | 'reject';
  /** Hash of the page nonce of the browser that decided: a person was there. */
  browser?: string;
}

export interface LinkFacts {
  claims: LinkClaims;
  row: LinkRow;
  promotion: Pick<Promotion, 'phase' | 'planHash' | 'expiresAt'>;
  /** Those that count now, by `standingDecisions`. */
  decisions: readonly Decision[];
  now: Date;
}

/** Phases that wait for no decision any more, although nothing is over. */
const DECIDED: ReadonlySet<Phase> = new Set(['approved', 'promoting', 'rolling_back']);
/** Ends that no decision brought. */
const WITHDRAWN: ReadonlySet<Phase> = new Set(['cancelled', 'superseded', 'failed']);

/** The time of a link ends at the earlier of the two dates; at that instant it is over. Refusals: LINK_EXPIRED, LINK_USED (revoked). */
export function refuseEndedLink({ claims, row, promotion, now }: Omit<LinkFacts, 'decisions'>): void {
  const isOver = now.getTime() >= claims.expiresAt * 1000 || now.getTime() >= Date.parse(row.expiresAt);
  const isLate = promotion.phase === 'pending_approval' && now.getTime() >= Date.parse(promotion.expiresAt);
  // The store's word counts, not only this clock: another one may have found the request expired already.
  if (isOver || isLate || promotion.phase === 'expired') {
    throw new Refusal('LINK_EXPIRED', 'the time of this link is over', { hint: 'sign in and decide there, if the request is still open' });
  }
  if (row.state === 'revoked') throw new Refusal('LINK_USED', 'this link was revoked', { hint: 'sign in and decide there' });
}

/** The addressee's decision on the plan that the link names, whichever way it came, unless it was taken back. */
export function decisionOf({ claims, decisions }: Pick<LinkFacts, 'claims' | 'decisions'>): Decision | undefined {
  return decisions.find(
    (decision) => decision.actor.key === claims.approver && decision.planHash === claims.planHash && !decision.withdrawn,
  );
}

/**
 * The addressee's decision, or undefined while the link may still bring one. A plan that has changed is not refused here: that is the rule's to say,
 * after it has looked at the person. Refusals: LINK_EXPIRED, LINK_USED (revoked, closed by others, taken back).
 */
export function standingOf(facts: LinkFacts): Decision | undefined {
  refuseEndedLink(facts);
  const { claims, row, promotion } = facts;
  const mine = decisionOf(facts);
  if (mine) return mine;
  const isChanged = promotion.planHash !== claims.planHash;
  if (isFinal(promotion.phase) || (!isChanged && DECIDED.has(promotion.phase))) {
    const who = WITHDRAWN.has(promotion.phase) ? 'the request is over' : 'others have decided';
    throw new Refusal('LINK_USED', `${who}: it is ${wordsOf(promotion.phase)}`, { hint: 'nothing is left for you to do' });
  }
  if (!isChanged && row.state === 'used') {
    throw new Refusal('LINK_USED', 'this link was used, and what it decided does not count any more', {
      hint: 'a newer mail holds a new link',
    });
  }
  return undefined;
}

/** A phase as people read it. */
export function wordsOf(phase: Phase): string {
  return phase.replaceAll('_', ' ');
}
