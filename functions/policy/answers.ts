/** Shapes of what the feature policy answers. */
import * as z from 'zod';
import { digest, instant } from '../kit/answer.ts';

const policy = z.strictObject({
  name: z.string(),
  hash: digest,
  enabled: z.boolean(),
  from: z.string(),
  to: z.string(),
  artifacts: z.array(z.string()).optional(),
  prereleases: z.boolean(),
  conditions: z.strictObject({
    allTestsPass: z.boolean(),
    noRegressions: z.boolean(),
    soakSeconds: z.int(),
    metrics: z.array(z.string()),
  }),
});

const condition = z.strictObject({
  name: z.enum(['all_tests_pass', 'soak', 'no_regressions', 'metric']),
  met: z.boolean(),
  message: z.string(),
});

export const POLICY_ANSWERS = {
  Policies: z
    .strictObject({
      items: z.array(
        policy.extend({
          now: z.array(
            z.strictObject({
              artifact: z.string(),
              version: z.string().optional(),
              digest: digest.optional(),
              outcome: z.enum(['promote', 'wait', 'hold', 'none', 'unknown']),
              because: z.string(),
              conditions: z.array(condition),
              due: instant.optional(),
            }),
          ),
        }),
      ),
    })
    .meta({ id: 'Policies', description: 'Metrics are asked when everything else is met: here they are taken for good' }),
  PolicyReplay: z
    .strictObject({
      policy,
      since: instant,
      until: instant,
      /** False: there was more than one answer reads; the newest of it is replayed. */
      complete: z.boolean(),
      /** What no history holds and was taken for good. */
      assumed: z.array(z.string()),
      summary: z.strictObject({ promote: z.int(), promoted: z.int(), left: z.int(), wait: z.int(), hold: z.int(), badVersions: z.int() }),
      versions: z.array(
        z.strictObject({
          artifact: z.string(),
          version: z.string(),
          digest,
          outcome: z.enum(['promote', 'promoted', 'left', 'wait', 'hold']),
          at: instant,
          because: z.string(),
          actual: z.strictObject({ requestId: z.string(), at: instant, outcome: z.string() }).optional(),
          hoursEarlier: z.number().optional(),
        }),
      ),
      recorded: z.strictObject({
        total: z.int(),
        reproduced: z.int(),
        otherRule: z.int(),
        differing: z.array(z.strictObject({ requestId: z.string(), because: z.string() })),
      }),
    })
    .meta({ id: 'PolicyReplay' }),
} as const;
