/** Routes of the feature rollout: rollbacks, and who builds on what. */
import * as z from 'zod';
import { artifactName, prose } from '../../core/promotion/request-body.ts';
import { LEAST } from '../../core/promotion/visible-length.ts';
import { none, paging, planHash, type Route } from '../kit/route.ts';

/** `confirm` is needed where the risk is high: true, or what an approver would type. `from` and `planHash` say what the caller has seen. */
export const rollbackBody = z.strictObject({
  artifact: artifactName,
  to: z.string().min(1).max(200),
  from: z.string().min(1).max(200).optional(),
  reason: prose(LEAST.reason, 4_000),
  confirm: z.union([z.boolean(), z.string().max(200)]).optional(),
  planHash: planHash.optional(),
});
/** A preview needs no reason; with the one of the request to be it has that request's plan hash. */
export const rollbackPreviewBody = rollbackBody.partial({ reason: true });
/** A product that builds on an artifact; what is not given is not known. */
export const consumerBody = z.strictObject({
  artifact: artifactName,
  product: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'must be a name of lower-case letters, digits, dots and hyphens'),
  pipelines: z.array(z.strictObject({ name: prose(1, 100), state: z.boolean() })).max(200),
  storageGb: z.number().min(0).max(1e9).optional(),
  owner: prose(1, 320).optional(),
  restartSeconds: z
    .int()
    .min(0)
    .max(7 * 86_400)
    .optional(),
  environments: z.array(z.string().max(64)).min(1).max(20).optional(),
});
export const consumerQuery = z.strictObject({ ...paging, artifact: z.string().max(128).optional() });

/** Without an artifact: every workload that the caller reaches. */
export const connectionTestBody = z.strictObject({ artifact: artifactName.optional() });

export const ROLLOUT_ROUTES = [
  {
    method: 'POST',
    path: '/v1/environments/{env}/rollback/preview',
    operation: 'previewRollback',
    group: 'request',
    auth: 'bearer',
    verb: 'rollback',
    names: 'artifact',
    summary: 'Shows what a rollback would do, whom it affects and how dangerous it is',
    body: rollbackPreviewBody,
    query: none,
    answers: { 200: 'RollbackPlan' },
    tag: 'environments',
  },
  {
    method: 'POST',
    path: '/v1/environments/{env}/rollback',
    operation: 'createRollback',
    group: 'request',
    auth: 'bearer',
    verb: 'rollback',
    names: 'artifact',
    summary: 'Requests that an environment returns to a version that ran there before',
    body: rollbackBody,
    query: none,
    answers: { 201: 'PromotionRequest' },
    tag: 'environments',
  },
  {
    method: 'POST',
    path: '/v1/environments/{env}/connection-test',
    operation: 'runConnectionTest',
    group: 'operate',
    auth: 'bearer',
    verb: 'admin',
    names: 'artifact',
    summary: 'Tests whether rollouts could reach the cluster of an environment and do there what they have to; changes nothing',
    body: connectionTestBody,
    bodyOptional: true,
    query: none,
    answers: { 200: 'ConnectionReport' },
    tag: 'environments',
  },
  {
    method: 'GET',
    path: '/v1/consumers',
    operation: 'listConsumers',
    group: 'operate',
    auth: 'bearer',
    verb: 'read',
    summary: 'Lists the products that build on artifacts, as the configuration and teams say',
    query: consumerQuery,
    answers: { 200: 'ConsumerList' },
    tag: 'environments',
  },
  {
    method: 'POST',
    path: '/v1/consumers',
    operation: 'putConsumer',
    group: 'operate',
    auth: 'bearer',
    verb: 'request',
    names: 'artifact',
    summary: 'Registers a product that builds on an artifact, or replaces what was registered of it',
    body: consumerBody,
    query: none,
    answers: { 200: 'Consumer' },
    tag: 'environments',
  },
  {
    method: 'DELETE',
    path: '/v1/consumers/{consumerId}',
    operation: 'removeConsumer',
    group: 'operate',
    auth: 'bearer',
    verb: 'request',
    names: 'consumer',
    summary: 'Removes a registered product',
    body: none,
    bodyOptional: true,
    query: none,
    answers: { 204: 'Nothing' },
    tag: 'environments',
  },
  {
    method: 'POST',
    path: '/v1/webhooks/awx/job-complete',
    operation: 'finishJob',
    group: 'hooks',
    auth: 'hmac',
    summary: 'Takes the signed end of an AWX job that makes a rollout',
    answers: { 200: 'Accepted' },
    tag: 'hooks',
  },
] as const satisfies readonly Route[];
