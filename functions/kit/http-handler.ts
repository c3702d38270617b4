/**
 * One middleware chain for every route: size → media type → who it is → route → environment → the thing → verb → schema → handler → answer.
 * The order is the order of refusals of the contract: 413, 415, 401, 404, 405, 403, 400, and then what the rules say.
 */
import middy, { type MiddyfiedHandler } from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { bundledConfiguration } from '../../adapters/environment/bundled-configuration.ts';
import { requiredVariable } from '../../adapters/state/table.ts';
import { holdsVerb } from '../../core/access/membership.ts';
import { refuseRobot } from '../../core/access/robot.ts';
import type { Verb } from '../../core/access/verb.ts';
import type { Configuration } from '../../core/environment/configuration.ts';
import { Refusal } from '../../core/errors.ts';
import { type FunctionGroup, ROUTES, type Route } from '../routes.ts';
import { authenticate } from './authenticate.ts';
import { checkSchema } from './check-schema.ts';
import { conditional } from './conditional.ts';
import type { Caller, HttpAnswer, HttpCall, RouteHandler, TwoPhaseHandler } from './http.ts';
import { once } from './idempotency.ts';
import { log } from './log.ts';
import { routesOfPath } from './match-route.ts';
import { checkMediaType } from './media-type.ts';
import { problem } from './problem.ts';
import { readForm } from './read-form.ts';
import { readJson } from './read-json.ts';
import { type HttpRequest, readRequest } from './read-request.ts';
import { sendAnswer } from './send-answer.ts';
import { clock, configuration, table } from './state.ts';

/** What the steps of the chain hand on. */
interface Passage {
  request?: HttpRequest;
  caller?: Caller;
}

export type LambdaHttpHandler = MiddyfiedHandler<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Error, Context>;

/** Handler of a group: every route of the group needs its operation in `handlers`, or the function does not even load. */
export function httpHandler(group: FunctionGroup, handlers: Readonly<Record<string, RouteHandler>>): LambdaHttpHandler {
  const operations = ROUTES.filter((route) => route.group === group).map((route) => route.operation);
  const missing = operations.filter((operation) => !Object.hasOwn(handlers, operation));
  const surplus = Object.keys(handlers).filter((operation) => !operations.includes(operation));
  if (missing.length + surplus.length > 0)
    throw new Error(`group ${group}: missing ${missing.join()}, not in the route table ${surplus.join()}`);

  const passages = new WeakMap<object, Passage>();
  const chain = middy<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Error, Context>(async (event: APIGatewayProxyEventV2) => {
    const { request, caller } = passages.get(event)!;
    const answer = await serve(request!, request!.route!, handlers[request!.route!.operation]!, caller);
    return sendAnswer(answer, request!.requestId);
  });
  const before = (step: (passage: Passage, event: APIGatewayProxyEventV2) => void | Promise<void>) =>
    chain.before(async ({ event }) => {
      const passage = passages.get(event) ?? {};
      passages.set(event, passage);
      await step(passage, event);
    });
  before((passage, event) => {
    passage.request = readRequest(event);
  });
  before(({ request }) => checkMediaType(request!));
  before(async (passage) => {
    const caller = await callerFor(passage.request!);
    if (caller) passage.caller = caller;
  });
  before(({ request }) => refuseUnknownRoute(request!));
  chain.onError((step) => {
    const { requestId } = step.event.requestContext;
    step.response = sendAnswer(problem(step.error, requestId), requestId);
    logAnswer(step.event, step.response);
  });
  chain.after(({ event, response }) => logAnswer(event, response));
  return chain;
}

function logAnswer(event: APIGatewayProxyEventV2, response: APIGatewayProxyStructuredResultV2 | null): void {
  // No path and no query: a path may hold anything, and a mailed link carries its token in the query.
  log.info('http', { requestId: event.requestContext.requestId, route: event.routeKey, status: response?.statusCode });
}

/** Routes of ours say how they are entered; beyond them, everything under /v1 asks for a token before it says what exists. */
async function callerFor(request: HttpRequest): Promise<Caller | undefined> {
  if (request.route) return request.route.auth === 'bearer' ? authenticate(request) : undefined;
  const routes = routesOfPath(request.path);
  const isOpen = routes.length > 0 ? routes.some((route) => route.auth !== 'bearer') : !/^\/v1(?:\/|$)/.test(request.path);
  return isOpen ? undefined : authenticate(request);
}

function refuseUnknownRoute(request: HttpRequest): void {
  if (request.route) return;
  const allowed = routesOfPath(request.path).map((route) => route.method);
  if (allowed.length === 0) throw new Refusal('NOT_FOUND', 'there is nothing here', { hint: 'see /docs' });
  const allow = [...new Set(allowed)].join(', ');
  throw new Refusal('METHOD_NOT_ALLOWED', 'this path does not take that method', { headers: { allow }, hint: `use ${allow}` });
}

async function serve(request: HttpRequest, route: Route, handler: RouteHandler, caller: Caller | undefined): Promise<HttpAnswer> {
  // Of who comes by a link nothing is read before the link is verified: `visit` then puts the version in force here. The console's page is the same
  // under any version, and has to be there to say that the table is not.
  const config = await (route.auth === 'link' || route.page ? bundledConfiguration() : configuration());
  const { env } = request.params;
  if (env !== undefined && !Object.hasOwn(config.environments, env)) throw new Refusal('NOT_FOUND', 'there is no such environment');
  const reading = readBody(request, route);
  const call: HttpCall = {
    requestId: request.requestId,
    caller: caller as Caller,
    configuration: config,
    params: request.params,
    query: {},
    body: 'body' in reading ? reading.body : undefined,
    rawBody: request.rawBody,
    headers: request.headers,
    cookies: request.cookies,
    sourceIp: request.sourceIp,
    origin: requiredVariable('API_ORIGIN'),
  };
  const found: unknown = typeof handler === 'function' ? undefined : await find(handler, call, route);
  if (route.people && caller) refuseRobot(caller.actor);
  if (route.verb && caller) refuseWithoutVerb([route.verb].flat(), caller, env, config);
  // A signed hook has no query; its signature is what is looked at first.
  const query = route.auth === 'hmac' ? {} : readForm(request.rawQuery);
  call.query = (route.query ? checkSchema(route.query, query, 'query') : query) as HttpCall['query'];
  if ('refusal' in reading) throw reading.refusal;
  if (route.body) call.body = checkSchema(route.body, call.body, 'body');
  const handle = () => (typeof handler === 'function' ? handler(call) : handler.handle(call, found));
  if (!caller) return handle();
  if (route.method === 'GET') {
    const answer = await handle();
    return answer.status === 200 ? conditional(request.headers['if-none-match'], answer) : answer;
  }
  const content = `${request.path}\n${request.rawQuery}\n${request.rawBody.toString('base64')}`;
  const key = request.headers['idempotency-key'];
  return once(table, clock, { key, identity: caller.actor.key, operation: route.operation, content }, handle);
}

function refuseWithoutVerb(verbs: readonly Verb[], { membership }: Caller, env: string | undefined, { roles }: Configuration): void {
  if (verbs.some((verb) => holdsVerb(membership, verb, env))) return;
  const wanted = verbs.map((verb) => `"${verb}"`).join(' or ');
  const detail = `your roles do not include the verb ${wanted}${env === undefined ? '' : ` in ${env}`}`;
  const having = Object.keys(roles).filter((role) => verbs.some((verb) => roles[role]!.verbs.includes(verb)));
  if (having.length === 0) throw new Refusal('FORBIDDEN', detail);
  throw new Refusal('FORBIDDEN', detail, {
    hint: `it belongs to: ${having.join(', ')}; \`greenlight whoami\` (GET /v1/me) says what you hold`,
  });
}

/** What a robot may do nowhere is said before what it may not do here; that a thing does not exist is said before both. */
async function find(handler: TwoPhaseHandler, call: HttpCall<unknown, unknown>, route: Route): Promise<unknown> {
  try {
    return await handler.find(call);
  } catch (error) {
    if (route.people && error instanceof Refusal && error.status === 403) refuseRobot(call.caller.actor);
    throw error;
  }
}

/** The body, or why it cannot be read: that is said after 404 and 403. Signed hooks get text, because their signature covers the bytes. */
function readBody(request: HttpRequest, route: Route): { body: unknown } | { refusal: Refusal } {
  if (route.method === 'GET') return { body: undefined };
  if (route.auth === 'hmac') return { body: request.rawBody.toString('utf8') };
  if (request.rawBody.length === 0 && (route.bodyOptional || route.form)) return { body: {} };
  try {
    return { body: route.form ? readForm(request.rawBody.toString('utf8')) : readJson(request.rawBody) };
  } catch (error) {
    if (error instanceof Refusal) return { refusal: error };
    throw error;
  }
}
