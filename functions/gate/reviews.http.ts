/** `GET /v1/reviews` and `POST /v1/reviews/{id}`: what is looked at after a gate was waived. */
import type * as z from 'zod';
import { belongsToTenant, mayUse } from '../../core/access/membership.ts';
import { Refusal } from '../../core/errors.ts';
import { closeReview as close, type Review, type ReviewOutcome, refuseReviewer, statusOfReview } from '../../core/gate/review.ts';
import type { reviewQuery } from '../gate/routes.ts';
import { actingOf } from '../kit/acting.ts';
import type { HttpAnswer, HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { pageOf } from '../kit/page.ts';
import { clock, reviews } from '../kit/state.ts';

export async function listReviews(call: HttpCall<unknown, z.infer<typeof reviewQuery>>): Promise<HttpAnswer> {
  const { status, ...paging } = call.query;
  const now = clock.now().toISOString();
  const listed = (await reviews.all()).filter(
    (review) => isVisible(call, review) && (status === undefined || statusOfReview(review, now) === status),
  );
  const scope = ['listReviews', call.caller.actor.key, status ?? ''];
  const page = await pageOf(listed, ({ openedAt, id }) => `${openedAt}#${id}`, scope, paging);
  return { status: 200, body: { ...page, items: page.items.map((review) => render(review, now)) } };
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
