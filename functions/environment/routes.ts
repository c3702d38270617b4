/** Routes of the feature environment: what runs where. */
import { none, type Route } from '../kit/route.ts';

export const ENVIRONMENT_ROUTES = [
  {
    method: 'GET',
    path: '/v1/environments',
    operation: 'listEnvironments',
    group: 'read',
    auth: 'bearer',
    verb: 'read',
    summary: 'Shows what runs where',
    query: none,
    answers: { 200: 'EnvironmentList' },
    tag: 'environments',
  },
  {
    method: 'GET',
    path: '/v1/environments/{env}',
    operation: 'getEnvironment',
    group: 'read',
    auth: 'bearer',
    verb: 'read',
    summary: 'Shows what runs in an environment, with history',
    query: none,
    answers: { 200: 'Environment' },
    tag: 'environments',
  },
] as const satisfies readonly Route[];
