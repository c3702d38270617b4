/**
 * Every route as data: authentication, OpenAPI, clients, the API construct and the route × role matrix come from this table. A handler that is not
 * in it cannot be deployed. It holds no code of handlers, so that the stacks can read it without them.
 */
import * as z from 'zod';
import { LIFETIME_DAYS, TOKEN_NAME } from '../core/access/api-token.ts';
import { VERBS, type Verb } from '../core/access/verb.ts';
import { REVIEW_OUTCOMES } from '../core/gate/review.ts';
import { PRIORITIES } from '../core/promotion/promotion.ts';
import { artifactName, artifactVersion, editBodySchema, instant, prose, requestBodySchema } from '../core/promotion/request-body.ts';

/** Lambda that serves a route: one per set of permissions. */
export type FunctionGroup = 'read' | 'request' | 'decide' | 'operate' | 'hooks' | 'public';

/** How the caller proves who it is. `link` and `hmac` are checked by their handlers over the raw input. */
export type RouteAuth = 'bearer' | 'public' | 'link' | 'hmac';

export interface Route {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** OpenAPI path. */
  path: string;
  /** Unique; names the handler in its group and the OpenAPI operation. */
  operation: string;
  group: FunctionGroup;
  auth: RouteAuth;
  /** Verb that the caller needs somewhere, or one of several; the handler checks it in the tenant of the thing. */
  verb?: Verb | readonly Verb[];
  /** Needs no verb: whoever is signed in, for what is his or her own. */
  signedIn?: true;
  /** Who did not ask for the request, nor has a robot that did, needs this verb; checked by the handler. */
  unlessOwn?: Verb;
  /** Never for who asked for it, nor for the owner of a robot that did: SELF_APPROVAL; checked by the handler. */
  notOwn?: true;
  /** For people only: a robot is refused with HUMAN_REQUIRED. */
  people?: true;
  /** What path or body name: another tenant's is as unknown as one that does not exist. */
  names?: 'request' | 'artifact' | 'review' | 'delegation' | 'token' | 'tenant' | 'consumer';
  summary: string;
  body?: z.ZodType;
  /** The body may be absent. */
  bodyOptional?: boolean;
  /** `application/x-www-form-urlencoded` instead of JSON. */
  form?: boolean;
  /** Bytes that a body may have; 256 KiB where nothing is said. */
  largestBody?: number;
  query?: z.ZodType;
  /** Name of the answer's schema in the OpenAPI document, with its status. */
  answers: Readonly<Record<number, AnswerName>>;
  tag: string;
}

export type AnswerName =
  | 'Health'
  | 'OpenApi'
  | 'Page'
  | 'Plan'
  | 'PromotionRequest'
  | 'PromotionRequestOrExisting'
  | 'RequestList'
  | 'Stats'
  | 'Explanation'
  | 'CopyReport'
  | 'Timeline'
  | 'EnvironmentList'
  | 'Environment'
  | 'RollbackPlan'
  | 'Consumer'
  | 'ConsumerList'
  | 'Inbox'
  | 'Delegation'
  | 'DelegationList'
  | 'Review'
  | 'ReviewList'
  | 'NewApiToken'
  | 'ApiTokenList'
  | 'Nothing'
  | 'Accepted'
  | 'ClickAnswer'
  | 'Redirect';

const planHash = z.string().regex(/^sha256:[a-f0-9]{64}$/);
const flag = z.enum(['true', 'false']);
const limit = z
  .string()
  .regex(/^[0-9]{1,3}$/)
  .transform(Number)
  .refine((value) => value >= 1 && value <= 100, 'must be from 1 to 100');

const paging = { limit: limit.optional(), cursor: z.string().max(2_000).optional() };

export const listQuery = z.strictObject({
  ...paging,
  state: z.enum(['pending', 'approved', 'deploying', 'deployed', 'failed', 'rejected', 'expired', 'cancelled']).optional(),
  phase: z.string().max(40).optional(),
  tenant: z.string().max(64).optional(),
  createdBy: z.string().max(320).optional(),
  artifact: z.string().max(128).optional(),
  search: z.string().max(200).optional(),
});

export const pageQuery = z.strictObject(paging);
export const previewQuery = z.strictObject({ store: flag.optional() });
const none = z.strictObject({});

export const approveBody = z.strictObject({ comment: prose(0, 4_000).optional(), planHash: planHash.optional() });
export const rejectBody = z.strictObject({ reason: prose(10, 4_000), planHash: planHash.optional() });
const emptyBody = z.strictObject({});
export const breakGlassBody = z.strictObject({ gate: z.string().max(64), reason: prose(20, 4_000) });
export const delegationBody = z.strictObject({
  from: z.email().max(320).optional(),
  to: z.email().max(320).optional(),
  since: instant.optional(),
  until: instant,
});
export const reviewBody = z.strictObject({ outcome: z.enum(REVIEW_OUTCOMES), finding: prose(10, 4_000) });
export const reviewQuery = z.strictObject({ ...paging, status: z.enum(['open', 'overdue', 'closed']).optional() });
export const inboxQuery = z.strictObject({
  ...paging,
  view: z.enum(['mine', 'pending', 'all']).optional(),
  team: z.string().max(64).optional(),
  risk: z.enum(['low', 'medium', 'high', 'critical']).optional(),
  priority: z.enum(PRIORITIES).optional(),
  project: z.string().max(64).optional(),
  status: z.enum(['pending', 'approved', 'deploying']).optional(),
  environment: z.string().max(64).optional(),
});

/** `confirm` is needed where the risk is high: true, or what an approver would type. `from` and `planHash` say what the caller has seen. */
export const rollbackBody = z.strictObject({
  artifact: artifactName,
  to: z.string().min(1).max(200),
  from: z.string().min(1).max(200).optional(),
  reason: prose(10, 4_000),
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

export const tokenBody = z.strictObject({
  name: z.string().regex(TOKEN_NAME, 'must be 1 to 64 letters, digits, spaces and . _ / ( ) # + -'),
  expiresInDays: z.int().min(LIFETIME_DAYS.least).max(LIFETIME_DAYS.most).default(LIFETIME_DAYS.usual),
  verbs: z.array(z.enum(VERBS)).min(1).max(VERBS.length).optional(),
  tenants: z.array(z.string().max(64)).min(1).max(50).optional(),
  environments: z.array(z.string().max(64)).min(1).max(20).optional(),
});
export const copyQuery = z.strictObject({ artifact: artifactName, version: artifactVersion });
export const tokenQuery = z.strictObject({ ...paging, owner: z.string().max(320).optional() });

const REQUEST = '/v1/requests/{env}/{id}';

export const ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/health',
    operation: 'health',
    group: 'public',
    auth: 'public',
    summary: 'Says that the API answers',
    answers: { 200: 'Health' },
    tag: 'service',
  },
  {
    method: 'GET',
    path: '/openapi.json',
    operation: 'openapi',
    group: 'public',
    auth: 'public',
    summary: 'This description',
    answers: { 200: 'OpenApi' },
    tag: 'service',
  },
  {
    method: 'GET',
    path: '/docs',
    operation: 'docs',
    group: 'public',
    auth: 'public',
    summary: 'This description for people',
    answers: { 200: 'Page' },
    tag: 'service',
  },
  {
    method: 'GET',
    path: '/v1/login',
    operation: 'login',
    group: 'public',
    auth: 'public',
    summary: 'Begins sign-in (OIDC code flow with PKCE)',
    query: z.strictObject({ return: z.string().max(2_000).optional() }),
    answers: { 303: 'Redirect' },
    tag: 'sign-in',
  },
  {
    method: 'GET',
    path: '/v1/login/callback',
    operation: 'loginCallback',
    group: 'public',
    auth: 'public',
    summary: 'Ends sign-in and sets the session cookie',
    query: z.object({
      code: z.string().max(4_000).optional(),
      state: z.string().max(200).optional(),
      error: z.string().max(200).optional(),
    }),
    answers: { 303: 'Redirect' },
    tag: 'sign-in',
  },
  {
    method: 'POST',
    path: '/v1/logout',
    operation: 'logout',
    group: 'public',
    auth: 'public',
    summary: 'Ends the session',
    form: true,
    bodyOptional: true,
    answers: { 303: 'Redirect' },
    tag: 'sign-in',
  },

  {
    method: 'POST',
    path: '/v1/requests/{env}/preview',
    operation: 'preview',
    group: 'request',
    auth: 'bearer',
    verb: 'request',
    names: 'artifact',
    summary: 'Shows what a request would do',
    body: requestBodySchema,
    query: previewQuery,
    answers: { 200: 'Plan' },
    tag: 'requests',
  },
  {
    method: 'POST',
    path: '/v1/requests/{env}',
    operation: 'createRequest',
    group: 'request',
    auth: 'bearer',
    verb: 'request',
    names: 'artifact',
    summary: 'Requests a promotion',
    body: requestBodySchema,
    query: none,
    answers: { 200: 'PromotionRequestOrExisting', 201: 'PromotionRequest' },
    tag: 'requests',
  },
  {
    method: 'PATCH',
    path: REQUEST,
    operation: 'editRequest',
    group: 'request',
    auth: 'bearer',
    verb: 'request',
    names: 'request',
    summary: 'Changes a request; its plan changes and approvals are void',
    body: editBodySchema,
    query: none,
    answers: { 200: 'PromotionRequest' },
    tag: 'requests',
  },
  {
    method: 'POST',
    path: `${REQUEST}/cancel`,
    operation: 'cancelRequest',
    group: 'request',
    auth: 'bearer',
    verb: 'read',
    unlessOwn: 'rollback',
    names: 'request',
    summary: 'Withdraws a request that has not begun',
    body: emptyBody,
    bodyOptional: true,
    query: none,
    answers: { 200: 'PromotionRequest' },
    tag: 'requests',
  },
  {
    method: 'POST',
    path: `${REQUEST}/abort`,
    operation: 'abortRequest',
    group: 'request',
    auth: 'bearer',
    verb: 'read',
    unlessOwn: 'rollback',
    names: 'request',
    summary: 'Ends a rollout that is in progress: what ran before is restored at once',
    body: emptyBody,
    bodyOptional: true,
    query: none,
    answers: { 200: 'PromotionRequest' },
    tag: 'requests',
  },
  {
    method: 'POST',
    path: `${REQUEST}/retry`,
    operation: 'retryRequest',
    group: 'request',
    auth: 'bearer',
    verb: 'read',
    unlessOwn: 'rollback',
    names: 'request',
    summary: 'Runs the gates of a blocked request again',
    body: emptyBody,
    bodyOptional: true,
    query: none,
    answers: { 200: 'PromotionRequest' },
    tag: 'requests',
  },
  {
    method: 'POST',
    path: `${REQUEST}/execute`,
    operation: 'executeRequest',
    group: 'request',
    auth: 'bearer',
    verb: 'execute',
    names: 'request',
    summary: 'Starts an approved promotion that waits for a person',
    body: emptyBody,
    bodyOptional: true,
    query: none,
    answers: { 200: 'PromotionRequest' },
    tag: 'requests',
  },

  {
    method: 'POST',
    path: `${REQUEST}/break-glass`,
    operation: 'breakGlass',
    group: 'request',
    auth: 'bearer',
    verb: 'break_glass',
    notOwn: true,
    people: true,
    names: 'request',
    summary: 'Lets a failed gate pass for a day, by a second person of another role; opens a review',
    body: breakGlassBody,
    query: none,
    answers: { 200: 'PromotionRequest' },
    tag: 'decisions',
  },
  {
    method: 'GET',
    path: '/v1/reviews',
    operation: 'listReviews',
    group: 'read',
    auth: 'bearer',
    verb: 'read',
    summary: 'Lists reviews of waived gates, newest first',
    query: reviewQuery,
    answers: { 200: 'ReviewList' },
    tag: 'decisions',
  },
  {
    method: 'POST',
    path: '/v1/reviews/{reviewId}',
    operation: 'closeReview',
    group: 'request',
    auth: 'bearer',
    verb: ['approve', 'admin'],
    notOwn: true,
    people: true,
    names: 'review',
    summary: 'Closes a review with its finding',
    body: reviewBody,
    query: none,
    answers: { 200: 'Review' },
    tag: 'decisions',
  },
  {
    method: 'GET',
    path: '/v1/inbox',
    operation: 'inbox',
    group: 'read',
    auth: 'bearer',
    verb: 'read',
    summary: 'What is open in every environment: mine, waiting for me, or all that I may see',
    query: inboxQuery,
    answers: { 200: 'Inbox' },
    tag: 'decisions',
  },
  {
    method: 'GET',
    path: '/v1/delegations',
    operation: 'listDelegations',
    group: 'read',
    auth: 'bearer',
    verb: 'read',
    people: true,
    summary: 'Lists who is away and who stands in, as far as it concerns me',
    query: pageQuery,
    answers: { 200: 'DelegationList' },
    tag: 'decisions',
  },
  {
    method: 'POST',
    path: '/v1/delegations',
    operation: 'createDelegation',
    group: 'decide',
    auth: 'bearer',
    verb: ['approve', 'admin'],
    people: true,
    summary: 'Says that an approver is away, and who decides in that place',
    body: delegationBody,
    query: none,
    answers: { 201: 'Delegation' },
    tag: 'decisions',
  },
  {
    method: 'DELETE',
    path: '/v1/delegations/{delegationId}',
    operation: 'endDelegation',
    group: 'decide',
    auth: 'bearer',
    signedIn: true,
    people: true,
    names: 'delegation',
    summary: 'Ends a delegation; approvals that were given by it are void',
    body: emptyBody,
    bodyOptional: true,
    query: none,
    answers: { 204: 'Nothing' },
    tag: 'decisions',
  },

  {
    method: 'GET',
    path: '/v1/requests/{env}',
    operation: 'listRequests',
    group: 'read',
    auth: 'bearer',
    verb: 'read',
    summary: 'Lists requests, newest first',
    query: listQuery,
    answers: { 200: 'RequestList' },
    tag: 'requests',
  },
  {
    method: 'GET',
    path: '/v1/requests/{env}/my',
    operation: 'listMyRequests',
    group: 'read',
    auth: 'bearer',
    verb: 'read',
    summary: 'Lists my requests',
    query: pageQuery,
    answers: { 200: 'RequestList' },
    tag: 'requests',
  },
  {
    method: 'GET',
    path: '/v1/requests/{env}/pending',
    operation: 'listPendingRequests',
    group: 'read',
    auth: 'bearer',
    verb: 'read',
    summary: 'Lists requests that wait for my decision',
    query: pageQuery,
    answers: { 200: 'RequestList' },
    tag: 'requests',
  },
  {
    method: 'GET',
    path: '/v1/requests/{env}/stats',
    operation: 'requestStats',
    group: 'read',
    auth: 'bearer',
    verb: 'read',
    summary: 'Counts requests',
    query: none,
    answers: { 200: 'Stats' },
    tag: 'requests',
  },
  {
    method: 'GET',
    path: REQUEST,
    operation: 'getRequest',
    group: 'read',
    auth: 'bearer',
    verb: 'read',
    names: 'request',
    summary: 'Shows a request; `Accept: application/yaml` gives the ticket',
    query: none,
    answers: { 200: 'PromotionRequest' },
    tag: 'requests',
  },
  {
    method: 'GET',
    path: `${REQUEST}/explain`,
    operation: 'explainRequest',
    group: 'read',
    auth: 'bearer',
    verb: 'read',
    names: 'request',
    summary: 'Says what a request waits for, and who can help',
    query: none,
    answers: { 200: 'Explanation' },
    tag: 'requests',
  },
  {
    method: 'GET',
    path: `${REQUEST}/timeline`,
    operation: 'requestTimeline',
    group: 'read',
    auth: 'bearer',
    verb: 'read',
    names: 'request',
    summary: 'Shows every event of a request',
    query: none,
    answers: { 200: 'Timeline' },
    tag: 'requests',
  },
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
  {
    method: 'GET',
    path: '/v1/environments/{env}/copies',
    operation: 'verifyCopy',
    group: 'request',
    auth: 'bearer',
    verb: 'read',
    names: 'artifact',
    summary: 'Compares what each registry of an environment has of a version with its source, part by part',
    query: copyQuery,
    answers: { 200: 'CopyReport' },
    tag: 'environments',
  },

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
    path: `${REQUEST}/approve`,
    operation: 'approveRequest',
    group: 'decide',
    auth: 'bearer',
    verb: 'approve',
    notOwn: true,
    people: true,
    names: 'request',
    summary: 'Approves the plan of a request',
    body: approveBody,
    bodyOptional: true,
    query: none,
    answers: { 200: 'PromotionRequest' },
    tag: 'decisions',
  },
  {
    method: 'POST',
    path: `${REQUEST}/reject`,
    operation: 'rejectRequest',
    group: 'decide',
    auth: 'bearer',
    verb: 'reject',
    notOwn: true,
    people: true,
    names: 'request',
    summary: 'Rejects a request, with a reason',
    body: rejectBody,
    query: none,
    answers: { 200: 'PromotionRequest' },
    tag: 'decisions',
  },
  {
    method: 'POST',
    path: `${REQUEST}/withdraw`,
    operation: 'withdrawDecision',
    group: 'decide',
    auth: 'bearer',
    verb: 'read',
    people: true,
    names: 'request',
    summary: 'Takes my decision back while approval is open',
    body: emptyBody,
    bodyOptional: true,
    query: none,
    answers: { 200: 'PromotionRequest' },
    tag: 'decisions',
  },
  {
    method: 'GET',
    path: '/v1/approvals/link',
    operation: 'showLink',
    group: 'decide',
    auth: 'link',
    summary: 'Shows what a mailed link asks; decides nothing',
    answers: { 200: 'Page' },
    tag: 'decisions',
  },
  {
    method: 'POST',
    path: '/v1/approvals/link',
    operation: 'decideByLink',
    group: 'decide',
    auth: 'link',
    form: true,
    summary: 'Decides by a mailed link',
    answers: { 200: 'Page', 303: 'Redirect' },
    tag: 'decisions',
  },
  {
    method: 'GET',
    path: '/v1/approvals/link/revoke',
    operation: 'showTakeBack',
    group: 'decide',
    auth: 'link',
    summary: 'Shows what was decided by a mailed link, with the form that takes it back',
    answers: { 200: 'Page' },
    tag: 'decisions',
  },
  {
    method: 'POST',
    path: '/v1/approvals/link/revoke',
    operation: 'revokeLink',
    group: 'decide',
    auth: 'link',
    form: true,
    summary: 'Takes back a decision that was made by my link without me',
    answers: { 200: 'Page' },
    tag: 'decisions',
  },

  {
    method: 'POST',
    path: '/v1/slack/interactions',
    operation: 'decideBySlack',
    group: 'decide',
    auth: 'hmac',
    form: true,
    largestBody: 64 * 1024,
    summary: 'Takes a signed click on a button of a Slack message',
    answers: { 200: 'ClickAnswer' },
    tag: 'decisions',
  },
  {
    method: 'POST',
    path: '/v1/tokens',
    operation: 'createToken',
    group: 'operate',
    auth: 'bearer',
    signedIn: true,
    people: true,
    names: 'tenant',
    summary: 'Makes an API token of mine; its value is shown once',
    body: tokenBody,
    query: none,
    answers: { 201: 'NewApiToken' },
    tag: 'tokens',
  },
  {
    method: 'GET',
    path: '/v1/tokens',
    operation: 'listTokens',
    group: 'operate',
    auth: 'bearer',
    signedIn: true,
    people: true,
    summary: 'Lists my live API tokens; with `owner` those of somebody in a tenant where I hold "admin"',
    query: tokenQuery,
    answers: { 200: 'ApiTokenList' },
    tag: 'tokens',
  },
  {
    method: 'DELETE',
    path: '/v1/tokens/{tokenId}',
    operation: 'revokeToken',
    group: 'operate',
    auth: 'bearer',
    signedIn: true,
    people: true,
    names: 'token',
    summary: 'Revokes an API token at once: mine, or one that reaches a tenant where I hold "admin"',
    body: emptyBody,
    bodyOptional: true,
    query: none,
    answers: { 204: 'Nothing' },
    tag: 'tokens',
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
    body: emptyBody,
    bodyOptional: true,
    query: none,
    answers: { 204: 'Nothing' },
    tag: 'environments',
  },

  {
    method: 'POST',
    path: '/v1/hooks/gates/{runId}',
    operation: 'finishGate',
    group: 'hooks',
    auth: 'hmac',
    summary: 'Takes the signed result of an http gate',
    answers: { 200: 'Accepted' },
    tag: 'hooks',
  },
  {
    method: 'POST',
    path: '/v1/hooks/approvals/{id}/{approver}',
    operation: 'decideByService',
    group: 'decide',
    auth: 'hmac',
    summary: 'Takes the signed decision of an automated approver',
    answers: { 200: 'Accepted' },
    tag: 'hooks',
  },
];
