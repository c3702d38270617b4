/** Routes of the feature policy: promotion without a person's request, explained and replayed. */
import * as z from 'zod';
import { artifactName } from '../../core/promotion/request-body.ts';
import { none, type Route } from '../kit/route.ts';

const policyName = z.string().regex(/^[a-z][a-z0-9-]{0,38}$/);

export const replayBody = z.strictObject({
  policy: policyName,
  /** A whole configuration file that says what the policy would be; absent: what is in force. */
  text: z.string().min(1).max(240_000).optional(),
  artifact: artifactName.optional(),
  days: z.int().min(1).max(366).optional(),
});

export const POLICY_ROUTES = [
  {
    method: 'GET',
    path: '/v1/policies',
    operation: 'listPolicies',
    group: 'request',
    auth: 'bearer',
    verb: 'read',
    summary: 'The policies of promotion, what each would do now, and why',
    query: none,
    answers: { 200: 'Policies' },
    tag: 'configuration',
  },
  {
    method: 'POST',
    path: '/v1/policies/replay',
    operation: 'replayPolicy',
    group: 'request',
    auth: 'bearer',
    verb: 'read',
    names: 'artifact',
    summary: 'What a policy would have done in the past, and whether it decides again what it has decided. Changes nothing',
    body: replayBody,
    query: none,
    answers: { 200: 'PolicyReplay' },
    tag: 'configuration',
  },
] as const satisfies readonly Route[];
