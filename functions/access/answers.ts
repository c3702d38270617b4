/** Shapes of what the feature access answers. */
import * as z from 'zod';
import { VERBS } from '../../core/access/verb.ts';
import { instant, listOf } from '../kit/answer.ts';

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

const verbs = z.array(z.enum(VERBS));
const me = z
  .strictObject({
    email: z.string(),
    name: z.string(),
    kind: z.enum(['person', 'robot', 'policy', 'system']),
    teams: z.array(z.string()),
    tenants: z.array(z.string()),
    verbs: verbs.meta({ description: 'held in any environment' }),
    environments: z.array(
      z.strictObject({ name: z.string(), tier: z.enum(['standard', 'production']), roles: z.array(z.string()), verbs }),
    ),
  })
  .meta({ id: 'Me' });

export const ACCESS_ANSWERS = {
  Me: me,
  Health: z.strictObject({ status: z.literal('ok') }).meta({ id: 'Health' }),
  OpenApi: z.looseObject({ openapi: z.string() }).meta({ id: 'OpenApi' }),
  NewApiToken: newApiToken,
  ApiTokenList: listOf(apiToken).meta({ id: 'ApiTokenList' }),
} as const;
