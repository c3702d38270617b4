/** The debt of a break-glass: somebody else looks at it afterwards. While a review is overdue, its people cannot break glass again. */
import type { Actor, Party } from '../access/identity.ts';
import { isSamePerson } from '../access/identity.ts';
import { type Membership, mayUse } from '../access/membership.ts';
import { refuseRobot } from '../access/robot.ts';
import { Refusal } from '../errors.ts';
import type { Promotion } from '../promotion/promotion.ts';

export interface Review {
  id: string;
  tenant: string;
  requestId: string;
  environment: string;
  artifact: string;
  gate: string;
  /** Who waived, and who had asked for the promotion: neither of them reviews it. */
  by: Party;
  requester: Party;
  /** Teams of the requester; the tenant where there are none: whose debt it is. */
  owners: string[];
  openedAt: string;
  dueAt: string;
  /** The note that people were told that it is overdue. */
  remindedAt?: string;
  closed?: { at: string; by: Party; outcome: ReviewOutcome; finding: string };
}

export const REVIEW_OUTCOMES = ['justified', 'unjustified'] as const;
export type ReviewOutcome = (typeof REVIEW_OUTCOMES)[number];
export type ReviewStatus = 'open' | 'overdue' | 'closed';

export function statusOfReview(review: Pick<Review, 'closed' | 'dueAt'>, now: string): ReviewStatus {
  if (review.closed) return 'closed';
  return now >= review.dueAt ? 'overdue' : 'open';
}

/** Whose debt a break-glass of this request is: the requester's teams, or the tenant's as a whole. */
export function ownersOf(promotion: Pick<Promotion, 'tenant'>, teamsOfRequester: readonly string[]): string[] {
  return teamsOfRequester.length > 0 ? teamsOfRequester.map((team) => `team:${team}`) : [`tenant:${promotion.tenant}`];
}

/** Overdue reviews that keep these owners from breaking glass. */
export function debtsOf(reviews: readonly Review[], tenant: string, owners: readonly string[], now: string): Review[] {
  return reviews.filter(
    (review) =>
      review.tenant === tenant && statusOfReview(review, now) === 'overdue' && review.owners.some((owner) => owners.includes(owner)),
  );
}

export interface CloseInput {
  actor: Actor;
  membership: Membership;
  outcome: ReviewOutcome;
  finding: string;
  now: string;
}

/** Refusals: FORBIDDEN, SELF_APPROVAL (who waived or asked), HUMAN_REQUIRED, STATE_CONFLICT (closed already). */
export function closeReview(review: Review, { actor, membership, outcome, finding, now }: CloseInput): Review {
  refuseReviewer(review, actor, membership);
  if (review.closed) throw new Refusal('STATE_CONFLICT', 'this review is closed already');
  const { key, email } = actor;
  return { ...review, closed: { at: now, by: { key, email }, outcome, finding } };
}

/** Who may not review it at all. */
export function refuseReviewer(review: Review, actor: Actor, membership: Membership): void {
  refuseRobot(actor, 'review it');
  if (isSamePerson(review.by, actor) || isSamePerson(review.requester, actor)) {
    throw new Refusal('SELF_APPROVAL', 'who waived the gate or asked for the promotion does not review it', { hint: 'ask somebody else' });
  }
  const may = mayUse(membership, 'approve', review.tenant, review.environment) || mayUse(membership, 'admin', review.tenant);
  if (!may) throw new Refusal('FORBIDDEN', 'your roles do not include the verb "approve" there');
}
