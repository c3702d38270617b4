/** What clients do wrong, each with the one answer that is right. None of them may change anything. */

import type { Sent } from './load-client.ts';
import { ENVIRONMENT, type Person } from './load-cloud.ts';

/** How far the promotion of a client is: not asked for, waiting for two approvals, for one, or for nobody. */
export type Stage = 'new' | 'pending' | 'half' | 'approved';

/** Where a client stands when it does something wrong. */
export interface Place {
  stage: Stage;
  /** A body that would be taken. */
  create: Record<string, unknown>;
  /** Key that the request was created under. */
  createKey: string;
  /** Address of the request; undefined while it is new. */
  path?: string;
  /** The two whose approval counts, in the order in which they give it, and one who comes too late. */
  approvers: readonly [Person, Person];
  late: Person;
}

export interface InvalidOperation {
  name: string;
  /** Stages in which this answer is certain. */
  when: readonly Stage[];
  status: number;
  code: string;
  send(place: Place): Sent;
}

const ALWAYS: readonly Stage[] = ['new', 'pending', 'half', 'approved'];
const ASKED: readonly Stage[] = ['pending', 'half', 'approved'];
const REQUESTS = `/v1/requests/${ENVIRONMENT}`;
/** 256 KiB are taken. */
const TOO_LARGE = 256 * 1024 + 1;

const creating = (body: unknown, more: Partial<Sent> = {}): Sent => ({
  method: 'POST',
  path: REQUESTS,
  as: 'dev',
  body: typeof body === 'string' ? body : JSON.stringify(body),
  ...more,
});
const deciding = ({ path }: Place, verb: 'approve' | 'reject', as: Person, body: object = {}): Sent => ({
  method: 'POST',
  path: `${path}/${verb}`,
  as,
  body: JSON.stringify(body),
});
const reading = (query: string): Sent => ({ method: 'GET', path: `${REQUESTS}?${query}`, as: 'dev' });
const withTarget = ({ create }: Place, change: object): object => ({ ...create, target: { ...(create['target'] as object), ...change } });

export const INVALID_OPERATIONS: readonly InvalidOperation[] = [
  {
    name: 'a body that is cut off',
    when: ALWAYS,
    status: 400,
    code: 'INVALID_REQUEST',
    send: ({ create }) => creating(JSON.stringify(create).slice(0, -1)),
  },
  {
    name: 'a field that nobody knows',
    when: ALWAYS,
    status: 400,
    code: 'UNKNOWN_FIELD',
    send: ({ create }) => creating({ ...create, status: 'approved' }),
  },
  {
    name: 'the same key twice',
    when: ALWAYS,
    status: 400,
    code: 'DUPLICATE_KEY',
    send: ({ create }) => creating(JSON.stringify(create).replace('{', '{"previewRef":"a","previewRef":"b",')),
  },
  {
    name: 'a justification of one word',
    when: ALWAYS,
    status: 400,
    code: 'INVALID_REQUEST',
    send: ({ create }) => creating({ ...create, request: { ...(create['request'] as object), justification: 'please' } }),
  },
  {
    name: 'a date that does not exist',
    when: ALWAYS,
    status: 400,
    code: 'INVALID_DATE',
    send: ({ create }) => creating({ ...create, request: { ...(create['request'] as object), scheduledDate: '2031-02-30T10:00:00Z' } }),
  },
  {
    name: 'a form instead of JSON',
    when: ALWAYS,
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
    send: ({ create }) => creating(create, { headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
  },
  {
    name: 'a body that is too large',
    when: ALWAYS,
    status: 413,
    code: 'PAYLOAD_TOO_LARGE',
    send: () => creating(' '.repeat(TOO_LARGE)),
  },
  {
    name: 'nobody who asks',
    when: ALWAYS,
    status: 401,
    code: 'UNAUTHENTICATED',
    send: ({ create }) => ({ method: 'POST', path: REQUESTS, body: JSON.stringify(create) }),
  },
  {
    name: 'a version that was never published',
    when: ALWAYS,
    status: 404,
    code: 'NOT_FOUND',
    send: (place) => creating(withTarget(place, { version: '9.9.9' })),
  },
  {
    name: 'an artifact of another tenant',
    when: ALWAYS,
    status: 404,
    code: 'NOT_FOUND',
    send: (place) => creating(withTarget(place, { name: 'retail-web' })),
  },
  {
    name: 'an environment that is not there',
    when: ALWAYS,
    status: 404,
    code: 'NOT_FOUND',
    send: ({ create }) => creating(create, { path: '/v1/requests/moon' }),
  },
  {
    name: 'a step that skips an environment',
    when: ALWAYS,
    status: 422,
    code: 'NOT_NEXT_ENV',
    send: (place) => creating(withTarget(place, { sourceEnvironment: 'dev' }), { path: '/v1/requests/prod' }),
  },
  {
    name: 'somebody who may only look',
    when: ALWAYS,
    status: 403,
    code: 'FORBIDDEN',
    send: ({ create }) => creating(create, { as: 'viewer' }),
  },
  {
    name: 'two keys for one write',
    when: ALWAYS,
    status: 400,
    code: 'INVALID_REQUEST',
    send: ({ create }) => creating(create, { headers: { 'idempotency-key': 'one, two' } }),
  },
  { name: 'a cursor that nobody wrote', when: ALWAYS, status: 400, code: 'BAD_CURSOR', send: () => reading('cursor=bm9ib2R5.d3JvdGU') },
  { name: 'a page of nothing', when: ALWAYS, status: 400, code: 'INVALID_REQUEST', send: () => reading('limit=0') },
  { name: 'a parameter twice', when: ALWAYS, status: 400, code: 'AMBIGUOUS_PARAMETER', send: () => reading('limit=1&limit=2') },
  {
    name: 'a method that is not there',
    when: ALWAYS,
    status: 405,
    code: 'METHOD_NOT_ALLOWED',
    send: () => ({ method: 'DELETE', path: REQUESTS, as: 'dev' }),
  },
  {
    name: 'an approval of nothing',
    when: ALWAYS,
    status: 404,
    code: 'NOT_FOUND',
    send: (place) => deciding({ ...place, path: `${REQUESTS}/PR-2026-999999999` }, 'approve', 'cpi'),
  },
  {
    name: 'the key of an earlier request with another body',
    when: ASKED,
    status: 409,
    code: 'IDEMPOTENCY_MISMATCH',
    send: (place) => creating(withTarget(place, { version: '1.0.1' }), { headers: { 'idempotency-key': place.createKey } }),
  },
  { name: 'the own request', when: ASKED, status: 403, code: 'SELF_APPROVAL', send: (place) => deciding(place, 'approve', 'dev') },
  { name: 'another tenant', when: ASKED, status: 404, code: 'NOT_FOUND', send: (place) => deciding(place, 'approve', 'outsider') },
  {
    name: 'another environment',
    when: ASKED,
    status: 404,
    code: 'NOT_FOUND',
    send: (place) => deciding({ ...place, path: place.path!.replace(ENVIRONMENT, 'prod') }, 'approve', 'cpi'),
  },
  { name: 'a viewer who approves', when: ASKED, status: 403, code: 'FORBIDDEN', send: (place) => deciding(place, 'approve', 'viewer') },
  {
    name: 'an approver of other things',
    when: ASKED,
    status: 403,
    code: 'NOT_AN_APPROVER',
    send: (place) => deciding(place, 'approve', 'lead'),
  },
  {
    name: 'a plan that nobody made',
    when: ASKED,
    status: 409,
    code: 'PLAN_CHANGED',
    send: (place) => deciding(place, 'approve', place.late, { planHash: `sha256:${'0'.repeat(64)}` }),
  },
  {
    name: 'a hash that is none',
    when: ASKED,
    status: 400,
    code: 'INVALID_REQUEST',
    send: (place) => deciding(place, 'approve', place.late, { planHash: 'sha256:0' }),
  },
  {
    name: 'a rejection without a reason',
    when: ASKED,
    status: 400,
    code: 'INVALID_REQUEST',
    send: (place) => deciding(place, 'reject', place.late),
  },
  {
    name: 'an approval with a vote',
    when: ASKED,
    status: 400,
    code: 'UNKNOWN_FIELD',
    send: (place) => deciding(place, 'approve', place.late, { votes: 2 }),
  },
  {
    name: 'a second thought',
    when: ['half', 'approved'],
    status: 409,
    code: 'ALREADY_DECIDED',
    send: (place) => deciding(place, 'reject', place.approvers[0], { reason: 'on second thought, rather not' }),
  },
  {
    name: 'a third approver',
    when: ['approved'],
    status: 409,
    code: 'STATE_CONFLICT',
    send: (place) => deciding(place, 'approve', place.late),
  },
];

/** The one invalid operation that leaves a trace: its attempt is recorded in the log. */
export const RECORDED = 'SELF_APPROVAL';
