/** `artifacts` of the configuration file: seed 001's retention and lifecycle as they stand, and what Greenlight adds. */
import * as z from 'zod';
import { LIFECYCLE_STATUSES } from '../lifecycle/lifecycle.ts';
import { TAG_PATTERN } from '../retention/tag-pattern.ts';

const window = z.string().max(64);
const duration = z.union([z.string().max(20), z.number()]);

const retention = z.strictObject({
  keep_last_versions: z.number().int().min(0).max(100_000).optional(),
  keep_duration_days: z.number().int().min(0).max(36_500).optional(),
  protected_tags: z
    .array(z.string().regex(TAG_PATTERN, { error: 'must be a tag in which * and ? stand for anything' }))
    .max(50)
    .optional(),
  keep_rollback_versions: z.number().int().min(1).max(100).optional(),
  legal_hold: z.array(z.string().min(1).max(300)).max(1_000).optional(),
  delete_schedule: z.enum(['daily', 'weekly', 'never']).optional(),
  grace: duration.optional(),
  max_delete_percent: z.number().int().min(1).max(100).optional(),
  price_per_gb_month: z.number().min(0).max(1_000).optional(),
});

const lifecycle = z.record(
  z.string().max(300),
  z.strictObject({
    status: z.enum(LIFECYCLE_STATUSES),
    eol_date: z.string().max(40).optional(),
    deprecation_date: z.string().max(40).optional(),
    replacement: z.string().max(128).optional(),
    support_window: window.optional(),
  }),
);

const support = z.strictObject({
  window: window.optional(),
  deprecate_before: window.optional(),
  remind_before: z.array(window).max(10).optional(),
  block_eol: z.boolean().optional(),
});

export const artifactsSchema = z.strictObject({
  retention: retention.optional(),
  lifecycle: lifecycle.optional(),
  support: support.optional(),
});
