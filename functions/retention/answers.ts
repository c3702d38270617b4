/** Shapes of what the feature retention answers. */
import * as z from 'zod';
import { REASONS } from '../../core/retention/columns.ts';
import { digest, instant, listOf, problemCode } from '../kit/answer.ts';

const bytes = z.number();
const named = z.strictObject({ artifact: z.string(), version: z.string(), why: z.string() });
const amount = z.strictObject({ artifacts: z.int(), bytes });
const status = z.enum(['planned', 'applying', 'applied', 'incomplete', 'stopped']);
const plan = {
  planId: z.string(),
  planHash: digest,
  status,
  createdAt: instant,
  applyFrom: instant.meta({ description: 'not before: whoever needs one of these versions has until then' }),
  expiresAt: instant,
  artifact: z.string().nullable(),
  totals: z.strictObject({ artifacts: z.int(), delete: z.int(), keep: z.int(), bytes, bytesFreed: bytes }),
  savings: z.strictObject({ currency: z.literal('USD'), monthly: z.number(), pricePerGb: z.number() }),
  delete: z.array(
    z.strictObject({
      artifact: z.string(),
      version: z.string().nullable(),
      digest,
      manifests: z.int(),
      registries: z.array(z.string()),
      pushedAt: instant,
      bytes,
    }),
  ),
  keep: z.array(z.strictObject({ artifact: z.string(), reason: z.enum(REASONS), versions: z.array(z.string()), count: z.int(), bytes })),
  keepDays: z.number(),
  warnings: z.array(z.string()),
  unavailable: z
    .array(z.strictObject({ artifact: z.string(), why: z.string() }))
    .meta({ description: 'what uses them, or where they are, could not be read: nothing of them is deleted' }),
  stop: z.strictObject({ code: z.literal('SAFETY_STOP'), message: z.string() }).nullable(),
  result: z
    .strictObject({
      deleted: z.int(),
      bytesFreed: bytes,
      left: z.array(named),
      failed: z.array(named),
      before: amount,
      after: amount,
      finishedAt: instant.nullable(),
    })
    .nullable(),
  allowedActions: z.array(z.literal('apply')).meta({ description: 'what you may do with it now' }),
  refusedActions: z.array(z.strictObject({ action: z.literal('apply'), code: problemCode, reason: z.string() })),
};

export const RETENTION_ANSWERS = {
  RetentionPlan: z.strictObject(plan).meta({ id: 'RetentionPlan' }),
  RetentionPlanList: listOf(z.strictObject({ ...plan, mine: z.boolean() })).meta({ id: 'RetentionPlanList' }),
  RetentionGoesOn: z.strictObject({ planId: z.string(), status }).meta({ id: 'RetentionGoesOn', description: 'ask for the plan again' }),
} as const;
