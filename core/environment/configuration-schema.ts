/** The configuration file: its shape, closed at every level. Seed 001's blocks load as they stand; what Greenlight adds stands beside them. */
import * as z from 'zod';
import { VERBS } from '../access/verb.ts';
import { unknownMembers } from '../rollout/metric.ts';
import { artifactsSchema } from './artifacts-schema.ts';

const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,38}$/, { error: 'must be lower-case letters, digits and hyphens, beginning with a letter' });
const team = z.string().regex(/^@?[a-z][a-z0-9-]{0,62}$/, { error: 'must be a team name' });
const duration = z.union([z.string().max(20), z.number()]);
const reference = z
  .string()
  .regex(/^(ssm:\/[\w./-]{1,200}|secret:[\w/+=.@-]{1,200})$/, { error: 'must be a reference: ssm:/name or secret:name' });
const secret = z.string().regex(/^secret:greenlight\/[\w.+=@-]{1,100}$/, { error: 'must be a reference: secret:greenlight/name' });
const count = z.number().int().min(1).max(100);
/** Ids as Slack gives them: one letter says of what. */
const slackId = (letters: string, what: string) =>
  z
    .string()
    .regex(new RegExp(`^[${letters}][A-Z0-9]{2,20}$`), { error: `must be the id of a Slack ${what}, such as ${letters[0]}012AB3CD` });

const rule = z
  .strictObject({ team: team.optional(), role: name.optional(), automated: name.optional(), min: count.default(1) })
  .refine(
    ({ team, role, automated }) => [team, role, automated].filter((group) => group !== undefined).length === 1,
    'needs exactly one of team, role and automated',
  )
  .refine(({ automated, min }) => automated === undefined || min === 1, 'an automated approver decides once: min must be 1');
const stage = z.strictObject({
  name: name.optional(),
  rules: z.array(rule).min(1).max(20),
  when: z
    .strictObject({
      impact: z
        .array(z.enum(['low', 'medium', 'high', 'critical']))
        .min(1)
        .optional(),
      type: z
        .array(z.enum(['api', 'application', 'policy']))
        .min(1)
        .optional(),
      kind: z
        .array(z.enum(['promote', 'rollback', 'repair']))
        .min(1)
        .optional(),
    })
    .optional(),
});

const reminders = z.strictObject({
  after: duration.optional(),
  every: duration.optional(),
  most: z.number().int().min(0).max(20).optional(),
  escalate_after: duration.optional(),
  escalate_to: team.optional(),
});

const rollout = z.union([
  z.literal('direct'),
  z.strictObject({
    canary: z.array(z.number().int().min(1).max(100)).min(1).max(10),
    bake: duration.default(0),
    provider: z.enum(['replicas', 'gateway']).optional(),
  }),
  z.strictObject({
    awx: z.strictObject({
      launch_url: z.string().max(2_000),
      token: reference.optional(),
      callback_secret: reference.optional(),
      timeout: duration.default('30m'),
    }),
  }),
]);

/** How a version that is live is left again: for all environments under `promotion`, for one under the environment. */
const rollback = z.strictObject({
  require_approval: z.boolean().optional(),
  approval_teams: z.array(team).min(1).max(20).optional(),
  approval_timeout: duration.optional(),
  gates: z.array(z.string().max(64)).max(30).optional(),
  rollout: rollout.optional(),
  auto_rollback_on_failure: z.boolean().optional(),
  watch_after: duration.optional(),
});

/** When promotions may begin. Local time with a zone, so that nobody has to think of the clock change. */
export const windowsSchema = z
  .array(
    z.strictObject({
      name: z.string().min(1).max(64),
      kind: z.enum(['allow', 'deny']),
      start: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/, { error: 'must be local time such as 2026-01-05T09:00' }),
      duration,
      repeat: z.string().max(200).optional(),
      zone: z.string().min(1).max(64),
    }),
  )
  .max(30);

const environment = z.strictObject({
  registry: z.string().max(300).optional(),
  registries: z.array(name).min(1).max(8).optional(),
  require_registries: z.enum(['all', 'primary']).optional(),
  tier: z.enum(['standard', 'production']).optional(),
  cluster: name.optional(),
  namespace: name.optional(),
  gates: z.array(z.string().max(64)).max(30).optional(),
  approvals: z.array(stage).max(10).optional(),
  approval_order: z.enum(['sequential', 'parallel']).optional(),
  wait_timer: duration.optional(),
  windows: windowsSchema.optional(),
  supersede: z.boolean().optional(),
  reminders: reminders.optional(),
  break_glass: z.strictObject({ waiver: duration.optional(), review: duration.optional() }).optional(),
  require_approval: z.boolean().optional(),
  approval_teams: z.array(team).min(1).max(20).optional(),
  approval_timeout_days: z.number().int().min(1).max(30).optional(),
  approval_valid: duration.optional(),
  rollout: rollout.optional(),
  rollback: rollback.optional(),
  smoke: z.boolean().optional(),
  execute: z.enum(['auto', 'manual']).optional(),
  preview: z.enum(['optional', 'required']).optional(),
  claims: z.enum(['asserted', 'verified']).optional(),
  link_may_decide: z.boolean().optional(),
  slack_may_decide: z.boolean().optional(),
});

const registry = z.strictObject({
  ecr: z.strictObject({ account: z.string().regex(/^[0-9]{12}$/), region: z.string().max(30).optional() }).optional(),
  oci: z.string().max(300).optional(),
  prefix: z.string().max(200).optional(),
  credentials: reference.optional(),
});

const cluster = z.strictObject({ eks: z.string().max(100).optional(), kubeconfig: reference.optional() });

/** A role, everywhere or in some environments. */
const heldRole = z.union([name, z.strictObject({ role: name, environments: z.array(name).min(1).max(20) })]);
const claimValue = z.union([z.string().min(1).max(500), z.boolean(), z.number()]);

const command = z.union([z.string().min(1).max(2_000), z.array(z.string().max(2_000)).min(1).max(100)]);

const prometheusOrigin = z.union([
  reference,
  z
    .string()
    .max(300)
    .regex(/^https?:\/\/[^\s?#]+$/, { error: 'must be an address such as https://prometheus.example.com' }),
]);

/** One gate; which members belong to which type is checked when it is normalized. */
const gate = z.strictObject({
  type: z.enum(['policy', 'signature', 'vulnerability', 'http', 'command', 'performance_baseline', 'cost']),
  timeout: duration.optional(),
  rules: z
    .strictObject({
      required_labels: z.array(z.string().max(200)).max(50).optional(),
      max_age_days: count.max(3_650).optional(),
      max_size_bytes: z.number().int().positive().optional(),
      require_claims: z.boolean().optional(),
      allowed_registries: z.array(z.string().max(300)).max(20).optional(),
      platforms: z.array(z.string().max(50)).max(20).optional(),
    })
    .optional(),
  keys: z.array(reference).min(1).max(20).optional(),
  min: count.max(20).optional(),
  require: z
    .array(
      z.union([
        z.enum(['signature', 'sbom', 'provenance', 'scan']),
        z.url({ protocol: /^https?$/, error: 'must be signature, sbom, provenance, scan or the address of a predicate type' }).max(500),
      ]),
    )
    .min(1)
    .max(20)
    .optional(),
  allowed: z
    .partialRecord(z.enum(['CRITICAL', 'HIGH', 'MEDIUM', 'LOW', 'INFORMATIONAL', 'UNDEFINED', 'UNTRIAGED']), z.number().int().min(0))
    .optional(),
  exceptions: z
    .array(
      z.strictObject({
        id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{2,99}$/, { error: 'must be the id of a finding, such as CVE-2026-1234' }),
        // Both are needed; their absence is explained where they are checked.
        reason: z.string().max(1_000).optional(),
        until: z.string().max(40).optional(),
        package: z.string().min(1).max(200).optional(),
        approved_by: z.string().min(1).max(320).optional(),
      }),
    )
    .max(500)
    .optional(),
  max_scan_age: duration.optional(),
  url: z.string().max(2_000).optional(),
  mode: z.enum(['synchronous', 'callback']).optional(),
  secret: reference.optional(),
  command: command.optional(),
  max_regression_percent: z.number().min(0).max(1_000).optional(),
  min_samples: z.number().int().min(0).optional(),
  prometheus: prometheusOrigin.optional(),
  metrics: z.record(z.string().regex(/^[A-Za-z][\w.-]{0,63}$/), z.string().min(1).max(2_000)).optional(),
  samples: z.string().min(1).max(2_000).optional(),
  bearer: reference.optional(),
  max_monthly_usd: z.number().min(0).optional(),
  usd_per_gib_month: z.number().min(0).optional(),
  usd_per_gib_transfer: z.number().min(0).optional(),
  usd_per_replica_month: z.number().min(0).optional(),
});

const seedGate = z.strictObject({
  name: z.string().max(64),
  enabled: z.boolean().optional(),
  command: command.optional(),
  timeout: duration.optional(),
});

/** A query that names only what is filled in. */
const promql = z
  .string()
  .min(1)
  .max(2_000)
  .superRefine((query, context) => {
    for (const name of unknownMembers(query)) {
      context.addIssue({ code: 'custom', message: `names {{${name}}}; there are namespace, workload, stable, canary, updated, window` });
    }
  });

const smoke = z.strictObject({
  name: z.string().max(64),
  path: z
    .string()
    .max(500)
    .regex(/^\/[^\s]*$/),
  status: z.number().int().min(100).max(599).default(200),
  json: z.record(z.string().max(64), z.union([z.string(), z.number(), z.boolean(), z.null()])).optional(),
  contains: z.string().max(500).optional(),
  bearer: reference.optional(),
});

const metric = z
  .strictObject({
    name: z.string().max(64),
    prometheus: prometheusOrigin,
    query: promql,
    max: z.number().optional(),
    min: z.number().optional(),
    samples: z.strictObject({ query: promql, at_least: z.number().positive() }).optional(),
    bearer: reference.optional(),
  })
  .refine(({ max, min }) => max !== undefined || min !== undefined, 'needs max or min: what is good');

export type FileMetric = z.infer<typeof metric>;

const workload = z.strictObject({
  name: name.optional(),
  container: name.optional(),
  replicas: z.number().int().min(1).max(1_000).default(2),
  smoke: z.array(smoke).max(20).default([]),
  smoke_origin: z.string().max(300).optional(),
  metrics: z.array(metric).max(20).optional(),
  gateway: z.strictObject({ route: name.optional(), stable: name.optional(), canary: name.optional() }).optional(),
});

/** A data product or service that builds on an artifact. */
const consumer = z.strictObject({
  product: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, { error: 'must be a name of lower-case letters, digits, dots and hyphens' }),
  pipelines: z
    .array(z.strictObject({ name: z.string().min(1).max(100), state: z.boolean().default(false) }))
    .max(200)
    .default([]),
  storage_gb: z.number().min(0).max(1e9).optional(),
  owner: z.string().max(320).optional(),
  restart: duration.optional(),
  environments: z.array(name).min(1).max(20).optional(),
});

const severity = z.enum(['info', 'warning', 'critical']);

/** Where an event goes; several of them for one event differ by environment. */
const eventRoute = z.strictObject({
  channels: z.array(z.enum(['email', 'slack', 'webhooks'])).optional(),
  severity: severity.optional(),
  recipients: z.array(z.string().max(320)).max(50).optional(),
  environments: z.array(name).min(1).max(20).optional(),
});

const webhook = z.strictObject({
  name: name.optional(),
  enabled: z.boolean().optional(),
  url: z.string().max(1_000).optional(),
  secret: secret.optional(),
  events: z.array(z.string().max(64)).min(1).max(50).optional(),
  environments: z.array(name).min(1).max(20).optional(),
  severity: severity.optional(),
});

export const fileSchema = z.strictObject({
  platform: z.strictObject({ ref: z.string().max(500) }).optional(),
  registries: z.record(name, registry).optional(),
  clusters: z.record(name, cluster).optional(),
  catalog: z
    .record(
      z.string().max(128),
      z.strictObject({
        tenant: z.string().max(64),
        project: name.optional(),
        type: z.enum(['api', 'application', 'policy']).optional(),
        version_scheme: z.enum(['semver', 'opaque']).optional(),
        workload: workload.optional(),
      }),
    )
    .optional(),
  consumers: z.record(z.string().max(128), z.array(consumer).max(500)).optional(),
  environments: z.record(name, environment).optional(),
  gates: z.record(z.string().regex(/^[a-z][a-z0-9_-]{0,62}$/), gate).optional(),
  roles: z.record(name, z.strictObject({ verbs: z.array(z.enum(VERBS)), sees: z.enum(['own', 'tenant', 'all']) })).optional(),
  teams: z.array(team).optional(),
  automated_approvers: z.record(name, z.strictObject({ url: z.string().max(2_000), secret: reference })).optional(),
  people: z
    .array(
      z.strictObject({
        subject: z.string().min(1).max(200),
        email: z.email().max(320),
        name: z.string().min(1).max(200),
        tenants: z.array(z.string().max(64)).default([]),
        roles: z.array(heldRole).default([]),
        teams: z.array(team).default([]),
        disabled: z.boolean().default(false),
        slack: slackId('UW', 'member').optional(),
        owner: z.email().max(320).optional(),
      }),
    )
    .max(2_000)
    .optional(),
  ci: z
    .array(
      z.strictObject({
        name,
        issuer: z.string().max(300),
        audience: z.string().min(1).max(300),
        claims: z.record(z.string().min(1).max(100), z.union([claimValue, z.array(claimValue).min(1).max(50)])),
        tenants: z.array(z.string().max(64)).min(1).max(50),
        roles: z.array(heldRole).min(1).max(20),
        owner: z.email().max(320),
      }),
    )
    .max(200)
    .optional(),
  promotion: z
    .strictObject({
      path: z.union([z.string().max(1_000), z.array(name).min(2).max(20)]).optional(),
      validation_gates: z
        .array(z.union([z.string().max(64), seedGate]))
        .max(30)
        .optional(),
      rollback: rollback.optional(),
      policies: z
        .array(
          z.strictObject({
            name: name,
            enabled: z.boolean().optional(),
            from_env: name,
            to_env: name,
            artifacts: z.array(z.string().min(1).max(128)).min(1).max(100).optional(),
            prereleases: z.boolean().optional(),
            conditions: z.array(z.record(z.string().max(64), z.union([z.boolean(), z.number(), z.string(), metric]))).max(20),
            approval: z.enum(['required', 'none']).optional(),
            notification: z.string().max(320).optional(),
          }),
        )
        .max(50)
        .optional(),
    })
    .optional(),
  artifacts: artifactsSchema.optional(),
  notifications: z
    .strictObject({
      from: z.string().max(320).optional(),
      channels: z
        .strictObject({
          email: z
            .strictObject({
              enabled: z.boolean().optional(),
              smtp_server: z.string().max(300).optional(),
              from: z.string().max(320).optional(),
            })
            .optional(),
          slack: z
            .strictObject({
              enabled: z.boolean().optional(),
              webhook_url: z.string().max(1_000).optional(),
              channel: z.string().max(100).optional(),
              app_id: slackId('A', 'app').optional(),
              // One workspace, or several.
              team_id: z
                .preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(slackId('T', 'workspace')).min(1).max(20))
                .optional(),
              bot_token: secret.optional(),
            })
            .optional(),
          webhooks: z.union([webhook, z.array(webhook).max(20)]).optional(),
        })
        .optional(),
      events: z.record(z.string().max(64), z.union([eventRoute, z.array(eventRoute).max(20)])).optional(),
    })
    .optional(),
});

export type ConfigurationFile = z.infer<typeof fileSchema>;
