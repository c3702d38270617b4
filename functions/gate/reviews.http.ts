/** `GET /v1/reviews` and `POST /v1/reviews/{id}`: what is looked at after a gate was waived. */
import { belongsToTenant, mayUse } from '../../core/access/membership.ts';
import { Refusal } from '../../core/errors.ts';
import {
  closeReview as close,
  type Review,
  type ReviewOutcome,
  type ReviewStatus,
  refuseReviewer,
  statusOfReview,
} from '../../core/gate/review.ts';
import { actingOf } from '../kit/acting.ts';
import type { HttpAnswer, HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { clock, reviews } from '../kit/state.ts';

export async function listReviews(call: HttpCall<unknown, { status?: ReviewStatus }>): Promise<HttpAnswer> {
  const now = clock.now().toISOString();
  const items = (await reviews.all())
    .filter((review) => isVisible(call, review) && (call.query.status === undefined || statusOfReview(review, now) === call.query.status))
    .toSorted((left, right) => (left.openedAt < right.openedAt ? 1 : -1))
    .map((review) => render(review, now));
  return { status: 200, body: { items } };
}

export const closeReview: TwoPhaseHandler<Review, { outcome: ReviewOutcome; finding: string }> = {
  async find(call) {
    const review = await reviews.get(call.params['reviewId']!);
    if (!review || !belongsToTenant(call.caller.membership, review.tenant)) throw new Refusal('NOT_FOUND', 'there is no such review');
    refuseReviewer(review, call.caller.actor, call.caller.membership);
    return review;
  },
  async handle(call, review) {
    const { actor, membership } = call.caller;
    const now = clock.now().toISOString();
    const closed = close(review, { actor, membership, ...call.body, now });
    if (!(await reviews.close(closed, actingOf(call), clock.now()))) {
      throw new Refusal('STATE_CONFLICT', 'this review is closed already');
    }
    return { status: 200, body: render(closed, now) };
  },
};

function isVisible({ caller }: HttpCall<unknown, unknown>, { tenant, environment }: Review): boolean {
  return mayUse(caller.membership, 'read', tenant, environment);
}

function render(review: Review, now: string) {
  const { id, requestId, tenant, environment, artifact, gate, by, requester, owners, openedAt, dueAt, closed } = review;
  return {
    id,
    status: statusOfReview(review, now),
    requestId,
    tenant,
    environment,
    artifact,
    gate,
    waivedBy: by.email,
    requestedBy: requester.email,
    owners,
    openedAt,
    dueAt,
    ...(closed ? { closedAt: closed.at, closedBy: closed.by.email, outcome: closed.outcome, finding: closed.finding } : {}),
  };
}
