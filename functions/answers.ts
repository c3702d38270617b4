/** Shapes of everything that the API answers, for the OpenAPI document and the clients. The functions themselves do not carry them. */
import type * as z from 'zod';
import { ACCESS_ANSWERS } from './access/answers.ts';
import { APPROVAL_ANSWERS } from './approval/answers.ts';
import { AUDIT_ANSWERS } from './audit/answers.ts';
import { ENVIRONMENT_ANSWERS } from './environment/answers.ts';
import { GATE_ANSWERS } from './gate/answers.ts';
import { KIT_ANSWERS } from './kit/answer.ts';
import { LIFECYCLE_ANSWERS } from './lifecycle/answers.ts';
import { NOTIFICATION_ANSWERS } from './notification/answers.ts';
import { POLICY_ANSWERS } from './policy/answers.ts';
import { PROMOTION_ANSWERS } from './promotion/answers.ts';
import { REGISTRY_ANSWERS } from './registry/answers.ts';
import { RETENTION_ANSWERS } from './retention/answers.ts';
import { ROLLOUT_ANSWERS } from './rollout/answers.ts';
import { STATUS_ANSWERS } from './status/answers.ts';

/** Schema of every answer in the route table. `Page`, `OpenApi` and `Redirect` have no JSON shape of their own. */
const SHAPES = {
  ...KIT_ANSWERS,
  ...ACCESS_ANSWERS,
  ...PROMOTION_ANSWERS,
  ...ENVIRONMENT_ANSWERS,
  ...POLICY_ANSWERS,
  ...STATUS_ANSWERS,
  ...ROLLOUT_ANSWERS,
  ...REGISTRY_ANSWERS,
  ...LIFECYCLE_ANSWERS,
  ...RETENTION_ANSWERS,
  ...APPROVAL_ANSWERS,
  ...GATE_ANSWERS,
  ...AUDIT_ANSWERS,
  ...NOTIFICATION_ANSWERS,
} as const satisfies Record<string, z.ZodType>;

export type AnswerName = keyof typeof SHAPES;
/** What a client reads of an answer. */
export type Answer<Name extends AnswerName> = z.output<(typeof SHAPES)[Name]>;

export const ANSWERS: Readonly<Record<AnswerName, z.ZodType>> = SHAPES;
