/** Shapes of what the feature status answers. */
import * as z from 'zod';
import { PARTS } from '../../core/status/spent.ts';
import { instant } from '../kit/answer.ts';

const quantiles = z.strictObject({ median: z.number(), p90: z.number() }).nullable();
const seconds = z.number();

export const STATUS_ANSWERS = {
  Metrics: z
    .strictObject({
      environment: z.string(),
      since: instant,
      /** False: there is more in the period than one answer reads; the newest of it is counted. */
      complete: z.boolean(),
      days: z.int(),
      deployments: z.int(),
      deploymentsPerDay: z.number(),
      leadTime: quantiles,
      changes: z.int(),
      failures: z.int(),
      changeFailureRate: z.number().nullable(),
      timeToRestore: quantiles,
      spent: z.strictObject({ ...Object.fromEntries(PARTS.map((part) => [part, seconds])), waiting: seconds, working: seconds }),
      failed: z.array(z.string()),
      byDay: z
        .array(z.strictObject({ day: z.iso.date(), deployments: z.int(), failures: z.int() }))
        .meta({ description: 'days (UTC) on which something happened, the oldest first' }),
    })
    .meta({ id: 'Metrics', description: 'The four figures of DORA; lengths of time in seconds' }),
} as const;
