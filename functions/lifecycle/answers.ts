/** Shapes of what the feature lifecycle answers. */
import * as z from 'zod';
import { LIFECYCLE_STATUSES } from '../../core/lifecycle/lifecycle.ts';
import { digest, instant } from '../kit/answer.ts';

export const lifecycleStatus = z.enum(LIFECYCLE_STATUSES);
const day = z.string().meta({ format: 'date' });

export const LIFECYCLE_ANSWERS = {
  Version: z
    .strictObject({
      artifact: z.string(),
      version: z.string(),
      digest,
      createdAt: instant.nullable(),
      inRegistry: z.boolean().meta({ description: 'false: only the past of an environment names it' }),
      lifecycle: z.strictObject({
        status: lifecycleStatus,
        declared: z.boolean(),
        estimated: z.boolean().meta({ description: 'the dates follow from the support window; they change no status' }),
        deprecationDate: day.nullable(),
        eolDate: day.nullable(),
        replacement: z.string().nullable(),
        supportWindow: z.string().nullable(),
        deprecateBefore: z.string().nullable(),
        reason: z.string().nullable(),
        changedAt: instant.nullable(),
        changedBy: z.string().nullable(),
      }),
      quarantine: z.strictObject({ reason: z.string(), at: instant, by: z.string(), digest: digest.optional() }).nullable(),
      inUse: z.strictObject({
        environments: z.array(z.strictObject({ environment: z.string(), since: instant, products: z.array(z.string()) })),
        teams: z.array(z.string()),
        products: z.int(),
        pipelines: z.int(),
      }),
      reached: z.array(z.string()).meta({ description: 'environments in which it succeeded at least once' }),
      milestones: z.array(z.strictObject({ date: day, kind: z.enum(['deprecation', 'eol']), text: z.string() })),
      recommendation: z.string(),
      warnings: z.array(z.string()),
    })
    .meta({ id: 'Version' }),
} as const;
