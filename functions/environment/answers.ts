/** Shapes of what the feature environment answers. */
import * as z from 'zod';
import { PHASES, STATES } from '../../core/promotion/phase.ts';
import { digest, instant, occupant } from '../kit/answer.ts';

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
  pending: z.array(
    z.strictObject({
      id: z.string(),
      version: z.string(),
      phase: z.enum(PHASES),
      state: z.enum(STATES),
      createdAt: instant,
      createdBy: z.string(),
      kind: z.enum(['rollback', 'repair']).optional(),
      waitingOn: z.string().optional(),
      step: z.string().optional(),
      waitsFor: z
        .array(z.string())
        .optional()
        .meta({ description: 'teams and roles whose approval is missing; absent where it was not looked up' }),
    }),
  ),
  lock: z.strictObject({ reason: z.string(), by: z.string(), at: instant }).optional(),
  allowed: z
    .strictObject({
      requestId: z.string(),
      kind: z.enum(['promote', 'rollback', 'repair']),
      planHash: z.string(),
      requestedBy: z.string().nullable(),
      approvals: z.array(z.strictObject({ by: z.string(), decision: z.enum(['approve', 'reject']), at: instant })),
      receipt: z.string().nullable().meta({ description: 'Where its receipt is' }),
    })
    .nullable()
    .optional()
    .meta({ description: 'With `at`: why what ran then was allowed; null where it was adopted' }),
};
/** Null: every tenant, every artifact. */
const heldLock = { tenant: z.string().nullable(), artifact: z.string().nullable(), reason: z.string(), by: z.string(), at: instant };
/** When promotions may begin; `opens` is absent where no window opens within a year. */
const window = z.strictObject({ open: z.boolean(), closedBy: z.array(z.string()), opens: instant.optional() });
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

/** `reason`, `difference` and `warnings` are for who may change it. */
const configVersion = z
  .strictObject({
    version: digest,
    base: digest,
    state: z.enum(['proposed', 'previewed', 'in_force', 'replaced', 'stale']),
    needsReview: z.boolean(),
    proposedBy: z.string(),
    proposedAt: instant,
    approvedBy: z.string().optional(),
    inForceSince: instant.optional(),
    reason: z.string().optional(),
    difference: z.array(z.strictObject({ path: z.string(), before: z.unknown(), after: z.unknown() })).optional(),
    warnings: z.array(z.string()).optional(),
  })
  .meta({ id: 'ConfigVersion' });

export const ENVIRONMENT_ANSWERS = {
  ConfigVersion: configVersion,
  Config: z
    .strictObject({ version: digest, deployed: digest, versions: z.array(configVersion), configuration: z.looseObject({}).optional() })
    .meta({ id: 'Config' }),
  EnvironmentLock: z.strictObject({ environment: z.string(), locked: z.boolean(), ...heldLock }).meta({ id: 'EnvironmentLock' }),
  EnvironmentList: z
    .strictObject({
      items: z.array(
        z.strictObject({
          environment: z.string(),
          tier,
          at: instant.optional(),
          window: window.optional(),
          artifacts: z.array(z.strictObject(place)),
        }),
      ),
    })
    .meta({ id: 'EnvironmentList' }),
  Environment: z
    .strictObject({
      environment: z.string(),
      tier,
      at: instant.optional(),
      window: window.optional(),
      locks: z.array(z.strictObject(heldLock)),
      artifacts: z.array(z.strictObject({ ...place, history: z.array(past) })),
    })
    .meta({ id: 'Environment' }),
} as const;
