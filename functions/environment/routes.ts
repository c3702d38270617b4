/** Routes of the feature environment: what runs where, and what is locked. */
import * as z from 'zod';
import { artifactName, instant, prose } from '../../core/promotion/request-body.ts';
import { flag, none, type Route } from '../kit/route.ts';

/** Without artifact and tenant: everything that the caller reaches. */
export const lockBody = z.strictObject({
  reason: prose(5, 1_000),
  tenant: z.string().min(1).max(64).optional(),
  artifact: artifactName.optional(),
});

export const atQuery = z.strictObject({ at: instant.optional() });
export type AtQuery = z.infer<typeof atQuery>;

/** The whole of the file, as it would stand in the repository. */
export const configBody = z.strictObject({ text: z.string().min(1).max(240_000), reason: prose(5, 1_000) });
export const configQuery = z.strictObject({ store: flag.optional() });

export const ENVIRONMENT_ROUTES = [
  {
    method: 'GET',
    path: '/v1/environments',
    operation: 'listEnvironments',
    group: 'read',
    auth: 'bearer',
    verb: ['read', 'audit.read'],
    summary: 'Shows what runs where; with `at`, what ran then and why it was allowed',
    query: atQuery,
    answers: { 200: 'EnvironmentList' },
    tag: 'environments',
  },
  {
    method: 'GET',
    path: '/v1/environments/{env}',
    operation: 'getEnvironment',
    group: 'read',
    auth: 'bearer',
    verb: ['read', 'audit.read'],
    summary: 'Shows what runs in an environment, with history; with `at`, what ran then and why it was allowed',
    query: atQuery,
    answers: { 200: 'Environment' },
    tag: 'environments',
  },
  {
    method: 'POST',
    path: '/v1/environments/{env}/lock',
    operation: 'lockEnvironment',
    group: 'operate',
    auth: 'bearer',
    verb: 'rollback',
    names: 'artifact',
    summary: 'Lets nothing begin or go on in an environment; the way back of what fails is not held',
    body: lockBody,
    query: none,
    answers: { 200: 'EnvironmentLock' },
    tag: 'environments',
  },
  {
    method: 'POST',
    path: '/v1/environments/{env}/unlock',
    operation: 'unlockEnvironment',
    group: 'operate',
    auth: 'bearer',
    verb: 'rollback',
    names: 'artifact',
    summary: 'Ends a lock; what waited for it goes on',
    body: lockBody,
    query: none,
    answers: { 200: 'EnvironmentLock' },
    tag: 'environments',
  },
  {
    method: 'GET',
    path: '/v1/config',
    operation: 'getConfig',
    group: 'read',
    auth: 'bearer',
    verb: 'read',
    summary: 'Shows which version of the configuration is in force, and what is proposed',
    query: none,
    answers: { 200: 'Config' },
    tag: 'configuration',
  },
  {
    method: 'POST',
    path: '/v1/config',
    operation: 'proposeConfig',
    group: 'operate',
    auth: 'bearer',
    verb: 'policy.edit',
    summary: 'Proposes a version; what holds for production needs the word of a second person. `store=false` only shows the difference',
    body: configBody,
    query: configQuery,
    answers: { 200: 'ConfigVersion', 201: 'ConfigVersion' },
    tag: 'configuration',
  },
  {
    method: 'POST',
    path: '/v1/config/{hash}/approve',
    operation: 'approveConfig',
    group: 'operate',
    auth: 'bearer',
    verb: 'policy.edit',
    people: true,
    summary: 'Agrees to a version that somebody else has proposed: it is in force at once',
    body: none,
    bodyOptional: true,
    query: none,
    answers: { 200: 'ConfigVersion' },
    tag: 'configuration',
  },
] as const satisfies readonly Route[];
