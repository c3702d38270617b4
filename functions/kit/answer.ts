/** Pieces of answers that several features share. */
import * as z from 'zod';
import { REFUSALS } from '../../core/errors.ts';
import { PRIORITIES } from '../../core/promotion/promotion.ts';
import { REGISTRY_ROLES } from '../../core/registry/target.ts';
import { FAILURES } from './problem-codes.ts';

export const instant = z.string().meta({ format: 'date-time' });
export const digest = z.string().regex(/^sha256:[a-f0-9]{64}$/);
const gateStatus = z.enum(['pending', 'running', 'passed', 'failed', 'errored', 'inconclusive', 'waived', 'not_run']);
export const impact = z.enum(['low', 'medium', 'high', 'critical']);
export const priority = z.enum(PRIORITIES);
export const registryRole = z.enum(REGISTRY_ROLES);

export const problemCode = z
  .enum([...Object.keys(REFUSALS), ...Object.keys(FAILURES)] as [string, ...string[]])
  .meta({ id: 'ProblemCode' });

export const problemAnswer = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: problemCode,
    detail: z.string(),
    hint: z.string().optional(),
    requestId: z.string(),
    errors: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem; `code` is from a closed list, `hint` says what to do' });

export const gate = { name: z.string(), type: z.string(), status: gateStatus, message: z.string(), resolution: z.string() };

export const occupant = z.strictObject({ version: z.string(), digest, requestId: z.string(), at: instant }).meta({ id: 'Occupant' });

export const plannedApprovals = z.strictObject({
  required: z.boolean(),
  stages: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(z.strictObject({ team: z.string(), min: z.int(), eligible: z.array(z.string()) })),
    }),
  ),
});

/** Page of a list. */
export const listOf = <Item extends z.ZodType>(item: Item) => z.strictObject({ items: z.array(item), nextCursor: z.string().optional() });

export const KIT_ANSWERS = {
  Page: z.string().meta({ id: 'Page' }),
  Redirect: z.undefined(),
  Nothing: z.undefined(),
} as const;
