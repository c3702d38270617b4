/** Routes of the feature gate: waivers, their reviews, and results that services send. */
import * as z from 'zod';
import { REVIEW_OUTCOMES } from '../../core/gate/review.ts';
import { prose } from '../../core/promotion/request-body.ts';
import { none, paging, REQUEST, type Route } from '../kit/route.ts';

export const breakGlassBody = z.strictObject({ gate: z.string().max(64), reason: prose(20, 4_000) });
export const reviewBody = z.strictObject({ outcome: z.enum(REVIEW_OUTCOMES), finding: prose(10, 4_000) });
export const reviewQuery = z.strictObject({ ...paging, status: z.enum(['open', 'overdue', 'closed']).optional() });

export const GATE_ROUTES = [
  {
    method: 'POST',
    path: `${REQUEST}/break-glass`,
    operation: 'breakGlass',
    group: 'request',
    auth: 'bearer',
    verb: 'break_glass',
    notOwn: true,
    people: true,
    names: 'request',
    summary:
      'Lets a failed gate pass for a day, or skips the canary (gate: skip_canary), by a second person of another role; opens a review',
    body: breakGlassBody,
    query: none,
    answers: { 200: 'PromotionRequest' },
    tag: 'decisions',
  },
  {
    method: 'GET',
    path: '/v1/reviews',
    operation: 'listReviews',
    group: 'read',
    auth: 'bearer',
    verb: 'read',
    summary: 'Lists reviews of waived gates, newest first',
    query: reviewQuery,
    answers: { 200: 'ReviewList' },
    tag: 'decisions',
  },
  {
    method: 'POST',
    path: '/v1/reviews/{reviewId}',
    operation: 'closeReview',
    group: 'request',
    auth: 'bearer',
    verb: ['approve', 'admin'],
    notOwn: true,
    people: true,
    names: 'review',
    summary: 'Closes a review with its finding',
    body: reviewBody,
    query: none,
    answers: { 200: 'Review' },
    tag: 'decisions',
  },
  {
    method: 'POST',
    path: '/v1/hooks/gates/{runId}',
    operation: 'finishGate',
    group: 'hooks',
    auth: 'hmac',
    summary: 'Takes the signed result of an http gate',
    answers: { 200: 'Accepted' },
    tag: 'hooks',
  },
] as const satisfies readonly Route[];
