/** Shapes of what the feature gate answers. */
import * as z from 'zod';
import { REVIEW_OUTCOMES } from '../../core/gate/review.ts';
import { instant, listOf } from '../kit/answer.ts';

const review = z
  .strictObject({
    id: z.string(),
    status: z.enum(['open', 'overdue', 'closed']),
    requestId: z.string(),
    tenant: z.string(),
    environment: z.string(),
    artifact: z.string(),
    gate: z.string(),
    waivedBy: z.string(),
    requestedBy: z.string(),
    owners: z.array(z.string()),
    openedAt: instant,
    dueAt: instant,
    closedAt: instant.optional(),
    closedBy: z.string().optional(),
    outcome: z.enum(REVIEW_OUTCOMES).optional(),
    finding: z.string().optional(),
  })
  .meta({ id: 'Review' });

export const GATE_ANSWERS = {
  Review: review,
  ReviewList: listOf(review).meta({ id: 'ReviewList' }),
  Accepted: z.looseObject({}).meta({ id: 'Accepted' }),
} as const;
