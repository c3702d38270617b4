/** Shapes of what the feature promotion answers. */
import * as z from 'zod';
import { ACTIONS } from '../../core/promotion/allowed-actions.ts';
import { PHASES, STATES } from '../../core/promotion/phase.ts';
import { digest, gate, impact, instant, listOf, occupant, plannedApprovals, priority, problemCode, registryRole } from '../kit/answer.ts';

const target = z.strictObject({
  type: z.enum(['api', 'application', 'policy']),
  name: z.string(),
  version: z.string(),
  sourceEnvironment: z.string(),
  targetEnvironment: z.string(),
});

/** Absent: a promotion. */
const kind = z.enum(['rollback', 'repair']).optional();

const spec = z.strictObject({
  kind,
  target,
  request: z.strictObject({
    justification: z.string(),
    releaseNotes: z.string(),
    impactAssessment: impact,
    rollbackPlan: z.string(),
    scheduledDate: instant.nullable(),
    priority: priority.optional(),
  }),
  preChecks: z.strictObject({
    stagingTestsPassed: z.boolean(),
    securityScanPassed: z.boolean(),
    performanceTestsPassed: z.boolean(),
    testEvidenceUrl: z.string(),
  }),
  registries: z.array(z.string()).optional(),
});

const metadata = z.strictObject({
  id: z.string(),
  createdAt: instant,
  createdBy: z.string(),
  tenant: z.string(),
  version: z.int(),
  project: z.string().optional(),
  onBehalfOf: z.string().optional(),
});

const progress = {
  state: z.enum(STATES),
  phase: z.enum(PHASES),
  waitingOn: z.enum(['schedule', 'window', 'timer', 'lock', 'evidence', 'confirm']).optional(),
  step: z.string().optional(),
  planHash: digest,
  digest,
  attempt: z.int(),
  updatedAt: instant,
  expiresAt: instant,
  failure: z.strictObject({ code: z.string(), message: z.string(), step: z.string().optional() }).optional(),
};

const historyEntry = {
  action: z.string(),
  at: instant,
  by: z.string(),
  onBehalfOf: z.string().optional(),
  comment: z.string().optional(),
  jobId: z.string().optional(),
  error: z.string().optional(),
};

const planChange = z.strictObject({ field: z.string(), before: z.string(), after: z.string() }).meta({ id: 'PlanChange' });

const status = z.strictObject({
  ...progress,
  gates: z.array(z.strictObject({ ...gate, startedAt: instant.optional(), finishedAt: instant.optional() })),
  approvals: z.strictObject({
    required: z.boolean(),
    stages: z.array(
      z.strictObject({
        name: z.string(),
        status: z.enum(['pending', 'waiting', 'approved', 'rejected']),
        rules: z.array(
          z.strictObject({
            team: z.string(),
            min: z.int(),
            given: z.array(z.string()),
            eligible: z.array(z.string()),
            onBehalfOf: z.record(z.string(), z.string()).optional(),
          }),
        ),
      }),
    ),
  }),
  planChanges: z.array(planChange).optional(),
  waivers: z
    .array(
      z.strictObject({
        gate: z.string(),
        by: z.string(),
        at: instant,
        expiresAt: instant,
        review: z.string(),
        skips: z.array(z.string()).optional(),
      }),
    )
    .optional(),
  copy: z
    .strictObject({
      outcome: z.enum(['pending', 'partial', 'complete', 'failed']),
      sourceRoot: digest.optional(),
      manifests: z.int().optional(),
      blobs: z.int().optional(),
      registries: z.array(
        z.strictObject({
          name: z.string(),
          role: registryRole,
          required: z.boolean(),
          status: z.enum(['pending', 'copied', 'verified', 'tagged', 'failed']),
          bytes: z.int(),
          closureRoot: digest.optional(),
          failure: z.strictObject({ code: z.string(), message: z.string() }).optional(),
        }),
      ),
    })
    .optional(),
  rollout: z
    .strictObject({
      steps: z.array(
        z.strictObject({
          step: z.string(),
          status: z.enum(['progressing', 'baking', 'done', 'aborted']),
          startedAt: instant,
          endedAt: instant.optional(),
          achievedWeight: z.number().optional(),
          message: z.string().optional(),
        }),
      ),
    })
    .optional(),
  history: z.array(z.strictObject(historyEntry)),
  approvedBy: z.string().optional(),
  approvedAt: instant.optional(),
  deployedAt: instant.optional(),
  rejectedBy: z.string().optional(),
  rejectedAt: instant.optional(),
  rejectionReason: z.string().optional(),
  allowedActions: z.array(z.enum(ACTIONS)),
  refusedActions: z.array(z.strictObject({ action: z.enum(ACTIONS), code: problemCode, reason: z.string() })),
  views: z.strictObject({
    seed002: z.strictObject({
      lifecycle_state: z.string(),
      approval_required: z.boolean(),
      approval_ticket: z.string(),
      preview_ref: z.string().nullable(),
    }),
    seed003: z.strictObject({ state: z.string(), detail: z.string().optional() }),
  }),
});

const resource = { apiVersion: z.literal('gostoa.dev/v1'), kind: z.literal('PromotionRequest'), metadata };
const promotionRequest = z.strictObject({ ...resource, spec, status }).meta({ id: 'PromotionRequest' });
const alreadyPromoted = z
  .strictObject({ code: z.literal('ALREADY_PROMOTED'), detail: z.string(), environment: z.string(), digest, requestId: z.string() })
  .meta({ id: 'AlreadyPromoted', description: 'The digest is in the environment already: nothing was requested' });

/** A request in a list. */
export const summary = z
  .strictObject({
    ...resource,
    spec: z.strictObject({
      kind,
      target,
      request: z.strictObject({ impactAssessment: impact, scheduledDate: instant.nullable(), priority: priority.optional() }),
    }),
    status: z.strictObject(progress),
  })
  .meta({ id: 'RequestSummary' });

const plan = z
  .strictObject({
    previewRef: z.string().optional(),
    planHash: digest,
    expiresAt: instant,
    artifact: z.strictObject({ name: z.string(), version: z.string(), digest, tag: z.string() }),
    from: z.string(),
    to: z.string(),
    current: occupant.nullable(),
    gates: z.array(z.strictObject(gate)),
    approvals: plannedApprovals,
    steps: z.array(z.string()),
    rollbackTarget: digest.nullable(),
    diff: z.strictObject({
      version: z.strictObject({ from: z.string().nullable(), to: z.string() }),
      digest: z.strictObject({ from: digest.nullable(), to: digest }),
      tags: z.array(z.string()),
    }),
    copy: z
      .strictObject({
        blobs: z.int(),
        bytes: z.int(),
        missingBlobs: z.int(),
        missingBytes: z.int(),
        registries: z.array(
          z.strictObject({ name: z.string(), role: registryRole, required: z.boolean(), missingBlobs: z.int(), missingBytes: z.int() }),
        ),
      })
      .nullable(),
    cost: z.strictObject({
      currency: z.literal('USD'),
      monthly: z.number().nullable(),
      storage: z.number().optional(),
      run: z.number().optional(),
      once: z.number().optional(),
    }),
    warnings: z.array(z.string()),
  })
  .meta({ id: 'Plan' });

const explanation = z
  .strictObject({
    id: z.string(),
    phase: z.enum(PHASES),
    summary: z.string(),
    conditions: z.array(
      z.strictObject({
        kind: z.enum(['gate', 'approval', 'validity', 'schedule', 'timer', 'window', 'lock', 'confirm']),
        name: z.string(),
        met: z.boolean(),
        message: z.string(),
        resolution: z.string().optional(),
        who: z.array(z.string()).optional(),
        missing: z.int().optional(),
      }),
    ),
    ask: z.array(z.string()).nullable(),
    earliestStart: instant.nullable(),
    expiresAt: instant,
    notification: z.literal('failed').optional(),
  })
  .meta({ id: 'Explanation' });

export const PROMOTION_ANSWERS = {
  Plan: plan,
  PromotionRequest: promotionRequest,
  PromotionRequestOrExisting: z.union([alreadyPromoted, promotionRequest]).meta({ id: 'PromotionRequestOrExisting' }),
  RequestList: listOf(summary).meta({ id: 'RequestList' }),
  Stats: z
    .strictObject({ pending: z.int(), approvedToday: z.int(), rejectedToday: z.int(), deployedThisWeek: z.int() })
    .meta({ id: 'Stats' }),
  Explanation: explanation,
  Timeline: z.strictObject({ id: z.string(), items: z.array(z.strictObject({ seq: z.int(), ...historyEntry })) }).meta({ id: 'Timeline' }),
} as const;
