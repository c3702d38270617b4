/** Shapes of what the feature rollout answers. */
import * as z from 'zod';
import { digest, gate, instant, listOf, occupant, plannedApprovals } from '../kit/answer.ts';

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

const clusterKind = z.enum(['platform_managed', 'external_managed']);
const connectionReport = z
  .strictObject({
    environment: z.string(),
    cluster: z.string().nullable().meta({ description: 'null: the environment has no cluster' }),
    kind: clusterKind.nullable(),
    namespace: z.string(),
    server: z.string().nullable().meta({ description: 'origin of the API server, once it is known' }),
    version: z.string().nullable(),
    outcome: z.enum(['passed', 'failed', 'unreachable', 'none']),
    checks: z.array(
      z.strictObject({
        area: z.enum(['connection', 'permission', 'object']),
        name: z.string(),
        status: z.enum(['passed', 'failed', 'unknown']),
        detail: z.string(),
        hint: z.string().nullable().meta({ description: 'what to do' }),
      }),
    ),
  })
  .meta({ id: 'ConnectionReport' });

export const ROLLOUT_ANSWERS = {
  ConnectionReport: connectionReport,
  RollbackPlan: rollbackPlan,
  Consumer: consumer,
  ConsumerList: listOf(consumer).meta({ id: 'ConsumerList' }),
} as const;
