/** Shapes of everything that the API answers, for the OpenAPI document and the clients. The functions themselves do not carry them. */
import * as z from 'zod';
import { VERBS } from '../core/access/verb.ts';
import { REFUSALS } from '../core/errors.ts';
import { REVIEW_OUTCOMES } from '../core/gate/review.ts';
import { ACTIONS } from '../core/promotion/allowed-actions.ts';
import { PHASES, STATES } from '../core/promotion/phase.ts';
import { PRIORITIES } from '../core/promotion/promotion.ts';
import { REGISTRY_ROLES } from '../core/registry/target.ts';
import { FAILURES } from './kit/problem-codes.ts';
import type { AnswerName } from './routes.ts';

const instant = z.string().meta({ format: 'date-time' });
const digest = z.string().regex(/^sha256:[a-f0-9]{64}$/);
const gateStatus = z.enum(['pending', 'running', 'passed', 'failed', 'errored', 'inconclusive', 'waived', 'not_run']);

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

const target = z.strictObject({
  type: z.enum(['api', 'application', 'policy']),
  name: z.string(),
  version: z.string(),
  sourceEnvironment: z.string(),
  targetEnvironment: z.string(),
});
const impact = z.enum(['low', 'medium', 'high', 'critical']);
const priority = z.enum(PRIORITIES);

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

const registryRole = z.enum(REGISTRY_ROLES);

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

const gate = { name: z.string(), type: z.string(), status: gateStatus, message: z.string(), resolution: z.string() };

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
  waivers: z.array(z.strictObject({ gate: z.string(), by: z.string(), at: instant, expiresAt: instant, review: z.string() })).optional(),
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

const summary = z
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

const occupant = z.strictObject({ version: z.string(), digest, requestId: z.string(), at: instant }).meta({ id: 'Occupant' });

const plannedApprovals = z.strictObject({
  required: z.boolean(),
  stages: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(z.strictObject({ team: z.string(), min: z.int(), eligible: z.array(z.string()) })),
    }),
  ),
});

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
    cost: z.strictObject({ currency: z.literal('USD'), monthly: z.number().nullable() }),
    warnings: z.array(z.string()),
  })
  .meta({ id: 'Plan' });

const copyReport = z
  .strictObject({
    environment: z.string(),
    artifact: z.string(),
    version: z.string(),
    digest,
    complete: z.boolean(),
    registries: z.array(
      z.strictObject({
        name: z.string(),
        role: registryRole,
        required: z.boolean(),
        complete: z.boolean(),
        sourceRoot: digest.optional(),
        targetRoot: digest.optional(),
        manifests: z.int().optional(),
        blobs: z.int().optional(),
        missing: z.array(
          z.strictObject({
            kind: z.enum(['manifest', 'blob', 'tag', 'referrer']),
            digest,
            size: z.int().optional(),
            tag: z.string().optional(),
            subject: digest.optional(),
            reason: z.enum(['absent', 'different']),
          }),
        ),
        failure: z.strictObject({ code: z.string(), message: z.string() }).optional(),
      }),
    ),
  })
  .meta({ id: 'CopyReport', description: 'What each registry of an environment has of a version, compared with the source part by part' });

const explanation = z
  .strictObject({
    id: z.string(),
    phase: z.enum(PHASES),
    summary: z.string(),
    conditions: z.array(
      z.strictObject({
        kind: z.enum(['gate', 'approval', 'validity', 'schedule', 'timer', 'lock', 'confirm']),
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

const place = {
  artifact: z.string(),
  tenant: z.string(),
  current: occupant.nullable(),
  previous: occupant.nullable(),
  health: z.enum(['healthy', 'warning', 'failed', 'unknown']),
  rolledBack: occupant.optional(),
  held: z.array(occupant),
  flags: z.strictObject({ frozen: z.boolean(), locked: z.boolean(), out_of_date: z.boolean(), drifted: z.boolean() }),
  watch: z
    .strictObject({
      checkedAt: instant,
      drift: z.discriminatedUnion('status', [
        z.strictObject({ status: z.literal('none') }),
        z.strictObject({ status: z.literal('drifted'), expected: digest, running: z.array(digest), since: instant }),
        z.strictObject({ status: z.literal('unknown'), why: z.string() }),
      ]),
      rollback: z.strictObject({
        ready: z.boolean(),
        lastSeconds: z.number().optional(),
        waysBack: z.array(
          z.strictObject({
            purpose: z.enum(['current', 'previous']),
            version: z.string(),
            digest,
            ready: z.boolean(),
            problems: z.array(z.string()),
          }),
        ),
      }),
    })
    .optional(),
  pending: z.array(z.strictObject({ id: z.string(), version: z.string(), phase: z.enum(PHASES), createdAt: instant })),
};
const tier = z.enum(['standard', 'production']);
const past = z.strictObject({
  version: z.string(),
  digest,
  requestId: z.string(),
  at: instant,
  outcome: z.enum(['succeeded', 'rolled_back', 'failed', 'adopted']),
  kind: z.enum(['rollback', 'repair']).optional(),
  replaced: z.string().optional(),
  seconds: z.number().optional(),
});

const level = z.enum(['LOW', 'MEDIUM', 'HIGH']);
const consumingWorkload = z.strictObject({ namespace: z.string(), name: z.string(), state: z.boolean() });
const impactReport = z
  .strictObject({
    environment: z.string(),
    from: z.string(),
    to: z.string(),
    products: z.array(
      z.strictObject({
        name: z.string(),
        pipelines: z.int(),
        statefulPipelines: z.int(),
        storageGb: z.number().nullable(),
        owner: z.string().nullable(),
      }),
    ),
    workloads: z.strictObject({ total: z.int(), safe: z.int(), stateful: z.int() }),
    cluster: z.union([
      z.strictObject({ at: instant, workloads: z.array(consumingWorkload) }),
      z.strictObject({ unread: z.string().meta({ description: 'why it is not known' }) }),
    ]),
    downtime: z
      .strictObject({
        fromSeconds: z.number(),
        toSeconds: z.number(),
        measuredRollouts: z.int(),
        parts: z.array(z.strictObject({ name: z.string(), fromSeconds: z.number(), toSeconds: z.number() })),
      })
      .nullable(),
    data: z.strictObject({
      risk: level,
      migrations: z.array(z.strictObject({ version: z.string(), kind: z.string(), name: z.string(), reversible: z.boolean() })),
      notes: z.array(z.string()),
    }),
    risk: z.strictObject({ level, reasons: z.array(z.string()), mitigations: z.array(z.string()) }),
    recommendation: z.strictObject({
      verdict: z.enum(['SAFE TO ROLLBACK', 'NOT SAFE WITHOUT A PLAN']),
      prerequisites: z.array(z.string()),
    }),
    warnings: z.array(z.string()),
    summary: z.array(z.string()),
  })
  .meta({ id: 'ImpactReport' });

const rollbackPlan = z
  .strictObject({
    planHash: digest,
    environment: z.string(),
    artifact: z.strictObject({ name: z.string(), version: z.string(), digest }),
    current: occupant,
    target: occupant,
    gates: z.array(z.strictObject(gate)),
    approvals: plannedApprovals,
    steps: z.array(z.string()),
    rollbackTarget: digest.nullable(),
    impact: impactReport,
    confirm: z
      .string()
      .nullable()
      .meta({ description: 'what the request has to repeat as `confirm`, or true; null where nothing has to be confirmed' }),
    warnings: z.array(z.string()),
  })
  .meta({ id: 'RollbackPlan' });

const consumer = z
  .strictObject({
    id: z.string().nullable().meta({ description: 'null: it stands in the configuration' }),
    artifact: z.string(),
    product: z.string(),
    pipelines: z.array(z.strictObject({ name: z.string(), state: z.boolean() })),
    storageGb: z.number().nullable(),
    owner: z.string().nullable(),
    restartSeconds: z.number().nullable(),
    environments: z.array(z.string()).nullable().meta({ description: 'null: all of them' }),
    updatedAt: instant.nullable(),
    updatedBy: z.string().nullable(),
  })
  .meta({ id: 'Consumer' });

const inboxItem = summary
  .extend({
    reason: z.string(),
    waitsForMe: z.boolean(),
    risk: impact,
    priority,
    project: z.string(),
    teams: z.array(z.string()),
    since: instant,
    dueAt: instant,
  })
  .meta({ id: 'InboxItem' });

const delegation = z
  .strictObject({
    id: z.string(),
    from: z.string(),
    to: z.string().nullable(),
    since: instant,
    until: instant,
    status: z.enum(['planned', 'active', 'over', 'revoked']),
    createdAt: instant,
  })
  .meta({ id: 'Delegation' });

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

const apiToken = z
  .strictObject({
    id: z.string(),
    name: z.string(),
    prefix: z.string(),
    owner: z.string().nullable(),
    scope: z.strictObject({
      verbs: z.array(z.enum(VERBS)),
      tenants: z.array(z.string()).nullable(),
      environments: z.array(z.string()).nullable(),
    }),
    createdAt: instant,
    expiresAt: instant,
  })
  .meta({ id: 'ApiToken', description: 'A null scope is everything that the owner reaches' });

const newApiToken = apiToken
  .extend({ token: z.string().nullable() })
  .meta({ id: 'NewApiToken', description: '`token` is shown once: a repeated request with the same Idempotency-Key answers null' });

/** Schema of every answer in the route table. `Page`, `OpenApi` and `Redirect` have no JSON shape of their own. */
export const ANSWERS: Readonly<Record<AnswerName, z.ZodType>> = {
  Health: z.strictObject({ status: z.literal('ok') }).meta({ id: 'Health' }),
  OpenApi: z.looseObject({ openapi: z.string() }).meta({ id: 'OpenApi' }),
  Page: z.string().meta({ id: 'Page' }),
  Redirect: z.undefined(),
  Plan: plan,
  PromotionRequest: promotionRequest,
  PromotionRequestOrExisting: z.union([alreadyPromoted, promotionRequest]).meta({ id: 'PromotionRequestOrExisting' }),
  RequestList: z.strictObject({ items: z.array(summary), nextCursor: z.string().optional() }).meta({ id: 'RequestList' }),
  Stats: z
    .strictObject({ pending: z.int(), approvedToday: z.int(), rejectedToday: z.int(), deployedThisWeek: z.int() })
    .meta({ id: 'Stats' }),
  Explanation: explanation,
  CopyReport: copyReport,
  Timeline: z.strictObject({ id: z.string(), items: z.array(z.strictObject({ seq: z.int(), ...historyEntry })) }).meta({ id: 'Timeline' }),
  EnvironmentList: z
    .strictObject({ items: z.array(z.strictObject({ environment: z.string(), tier, artifacts: z.array(z.strictObject(place)) })) })
    .meta({ id: 'EnvironmentList' }),
  RollbackPlan: rollbackPlan,
  Consumer: consumer,
  ConsumerList: z.strictObject({ items: z.array(consumer), nextCursor: z.string().optional() }).meta({ id: 'ConsumerList' }),
  Environment: z
    .strictObject({ environment: z.string(), tier, artifacts: z.array(z.strictObject({ ...place, history: z.array(past) })) })
    .meta({ id: 'Environment' }),
  Nothing: z.undefined(),
  Inbox: z.strictObject({ items: z.array(inboxItem), nextCursor: z.string().optional() }).meta({ id: 'Inbox' }),
  Delegation: delegation,
  DelegationList: z.strictObject({ items: z.array(delegation), nextCursor: z.string().optional() }).meta({ id: 'DelegationList' }),
  Review: review,
  ReviewList: z.strictObject({ items: z.array(review), nextCursor: z.string().optional() }).meta({ id: 'ReviewList' }),
  NewApiToken: newApiToken,
  ApiTokenList: z.strictObject({ items: z.array(apiToken), nextCursor: z.string().optional() }).meta({ id: 'ApiTokenList' }),
  Accepted: z.looseObject({}).meta({ id: 'Accepted' }),
  ClickAnswer: z.strictObject({ text: z.string() }).meta({ id: 'ClickAnswer' }),
};
