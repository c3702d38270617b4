/** The OpenAPI 3.1 description, made from the route table. It is written at build time; no function carries it. */
import * as z from 'zod';
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject, type ZodOpenApiResponsesObject } from 'zod-openapi';
import { ANSWERS } from './answers.ts';
import { problemAnswer, problemCode } from './kit/answer.ts';
import { statusOf } from './kit/problem.ts';
import type { ProblemCode } from './kit/problem-codes.ts';
import { EXAMPLES } from './openapi-examples.ts';
import { ROUTES, type Route } from './routes.ts';

const PROBLEM = { 'application/problem+json': { schema: problemAnswer } };
/** What a mailed link takes. Described here and judged by the handlers: a schema would answer before it is known where a form comes from. */
const LINK_QUERY = z.object({ t: z.string().meta({ description: 'The token of the mailed link' }) });
const LINK_FORM = z.object({
  t: z.string(),
  csrf: z.string().meta({ description: 'From the page of the link, with the cookie that it sets' }),
  confirm: z.string().meta({ description: '`<env> <last 6 of the digest>`, as the page shows it' }),
});
const DECISION_FORM = LINK_FORM.extend({ decision: z.enum(['approve', 'reject']), comment: z.string().max(4_000).optional() });
const REVOKE_FORM = LINK_FORM.partial({ confirm: true });
const MEANING: Readonly<Record<number, string>> = {
  400: 'Unreadable, or against the schema',
  401: 'Not signed in, or a link or signature that does not hold',
  403: 'Not yours to do',
  404: "Unknown, or another tenant's",
  409: 'Would be right in another state',
  410: 'Its time is over',
  413: 'Body larger than 256 KiB, or than what this route takes',
  415: 'Wrong content type',
  422: 'Well formed, but the configuration forbids it',
  429: 'Too many failures; Retry-After says when',
  500: 'Our fault; the request id finds it',
  503: 'A dependency is away; Retry-After says when',
};

/** The whole document as a plain object. */
export function openApiDocument() {
  return createDocument({
    openapi: '3.1.1',
    info: {
      title: 'Greenlight',
      version: '1.0.0',
      description:
        'Release promotion: previews, requests, approvals, rollouts, and their proof. Errors are RFC 9457 problems with a closed list of codes.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    tags: [...new Set(ROUTES.filter(({ page }) => !page).map((route) => route.tag))].map((name) => ({ name })),
    paths: paths(),
    components: {
      schemas: { Problem: problemAnswer, ProblemCode: problemCode },
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'Access token of the OIDC issuer of people, ID token of a configured build system, or an API token (`glt_…`)',
        },
        session: { type: 'apiKey', in: 'cookie', name: '__Host-session', description: 'Set by /v1/login; writes need our own Origin' },
      },
    },
  });
}

function paths(): ZodOpenApiPathsObject {
  const found: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const route of ROUTES.filter(({ page }) => !page)) {
    found[route.path] ??= {};
    found[route.path]![route.method.toLowerCase()] = operationOf(route);
  }
  return found as ZodOpenApiPathsObject;
}

function operationOf(route: Route): ZodOpenApiOperationObject {
  const example = EXAMPLES[route.operation];
  const names = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
  const mediaType = route.form ? 'application/x-www-form-urlencoded' : 'application/json';
  return {
    operationId: route.operation,
    summary: route.summary,
    ...(route.people ? { description: 'For people: a robot is refused with `HUMAN_REQUIRED`.' } : {}),
    tags: [route.tag],
    ...(route.auth === 'bearer' ? { security: [{ bearer: [] }, { session: [] }] } : { security: [] }),
    requestParams: {
      ...(names.length > 0 ? { path: z.object(Object.fromEntries(names.map((name) => [name, z.string()]))) } : {}),
      ...(route.query ? { query: route.query as z.ZodObject } : route.auth === 'link' && !route.form ? { query: LINK_QUERY } : {}),
      ...(isWrite(route) ? { header: writeHeaders(route) } : {}),
    },
    ...(route.body
      ? {
          requestBody: {
            required: !route.bodyOptional,
            content: { [mediaType]: { schema: route.body, ...(example === undefined ? {} : { example }) } },
          },
        }
      : route.auth === 'link' && route.form
        ? { requestBody: { content: { [mediaType]: { schema: route.operation === 'revokeLink' ? REVOKE_FORM : DECISION_FORM } } } }
        : {}),
    responses: responsesOf(route),
  };
}

function isWrite(route: Route): boolean {
  return route.auth === 'bearer' && route.method !== 'GET';
}

function writeHeaders(route: Route) {
  const key = z.string().max(255).optional().meta({ description: 'The same key gives the same answer for 24 hours' });
  const match = z.string().optional().meta({ description: 'metadata.version of the request as it was read' });
  return z.object({ 'Idempotency-Key': key, ...(route.path.includes('{id}') ? { 'If-Match': match } : {}) });
}

function responsesOf(route: Route): ZodOpenApiResponsesObject {
  const answers: ZodOpenApiResponsesObject = {};
  for (const [status, name] of Object.entries(route.answers)) {
    const key = status as `${1 | 2 | 3 | 4 | 5}${string}`;
    if (name === 'Redirect') answers[key] = { description: 'Elsewhere', headers: z.object({ Location: z.string() }) };
    else if (name === 'Page') answers[key] = { description: 'A page', content: { 'text/html': { schema: ANSWERS.Page } } };
    else answers[key] = { description: route.summary, content: contentOf(route, name) };
  }
  for (const status of refusedStatuses(route)) {
    // People who follow a link read a page where programs get the problem.
    const page = route.auth === 'link' ? { 'text/html': { schema: ANSWERS.Page } } : {};
    answers[String(status) as '400'] = { description: MEANING[status]!, content: { ...PROBLEM, ...page } };
  }
  return answers;
}

function contentOf(route: Route, name: keyof typeof ANSWERS) {
  const json = { 'application/json': { schema: ANSWERS[name] } };
  if (route.operation !== 'getRequest') return json;
  return { ...json, 'application/yaml': { schema: z.string().meta({ description: 'The ticket of seed 000' }) } };
}

function refusedStatuses(route: Route): number[] {
  const statuses = new Set<ProblemCode>(['INVALID_REQUEST', 'INTERNAL', 'UNAVAILABLE', 'TOO_MANY_REQUESTS']);
  if (route.path.startsWith('/v1/')) statuses.add('UNAUTHENTICATED').add('FORBIDDEN');
  // What a link or a signed message names is found by what it carries.
  if (route.path.includes('{') || route.names || route.auth === 'link' || route.auth === 'hmac') statuses.add('NOT_FOUND');
  if (route.auth === 'link') statuses.add('STATE_CONFLICT').add('EXPIRED');
  if (route.needsState) statuses.add('STATE_CONFLICT');
  if (route.method !== 'GET')
    statuses.add('PAYLOAD_TOO_LARGE').add('UNSUPPORTED_MEDIA_TYPE').add('STATE_CONFLICT').add('EXPIRED').add('LIMIT');
  return [...new Set([...statuses].map(statusOf))].filter((status) => !(status in route.answers)).sort();
}
