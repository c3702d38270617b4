/**
 * Every route as data: authentication, OpenAPI, clients, the API construct and the route × role matrix come from this table. A handler that is not
 * in it cannot be deployed. It holds no code of handlers, so that the stacks can read it without them.
 */
import { ACCESS_ROUTES } from './access/routes.ts';
import { APPROVAL_ROUTES } from './approval/routes.ts';
import { AUDIT_ROUTES } from './audit/routes.ts';
import { ENVIRONMENT_ROUTES } from './environment/routes.ts';
import { GATE_ROUTES } from './gate/routes.ts';
import type { Route } from './kit/route.ts';
import { LIFECYCLE_ROUTES } from './lifecycle/routes.ts';
import { NOTIFICATION_ROUTES } from './notification/routes.ts';
import { POLICY_ROUTES } from './policy/routes.ts';
import { PROMOTION_ROUTES } from './promotion/routes.ts';
import { REGISTRY_ROUTES } from './registry/routes.ts';
import { RETENTION_ROUTES } from './retention/routes.ts';
import { ROLLOUT_ROUTES } from './rollout/routes.ts';
import { STATUS_ROUTES } from './status/routes.ts';

export type { FunctionGroup, Route } from './kit/route.ts';

const TABLE = [
  ...ACCESS_ROUTES,
  ...PROMOTION_ROUTES,
  ...ENVIRONMENT_ROUTES,
  ...POLICY_ROUTES,
  ...ROLLOUT_ROUTES,
  ...REGISTRY_ROUTES,
  ...LIFECYCLE_ROUTES,
  ...RETENTION_ROUTES,
  ...APPROVAL_ROUTES,
  ...GATE_ROUTES,
  ...AUDIT_ROUTES,
  ...STATUS_ROUTES,
  ...NOTIFICATION_ROUTES,
] as const;

/** Any row of the table, with its own operation, path and schemas: what the types of clients come from. */
export type KnownRoute = (typeof TABLE)[number];

export const ROUTES: readonly Route[] = TABLE;
