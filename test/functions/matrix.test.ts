import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identityKey } from '../../core/access/identity.ts';
import { eventId } from '../../core/audit/line.ts';
import { ROUTES, type Route } from '../../functions/routes.ts';
import { CALLERS, type CallerKind, type Outcome, outcomeOf, type Whose } from './access-matrix.ts';
import { type BuildSystem, startBuildSystem } from './build-system.ts';
import { requestBody, runGates } from './requests.ts';
import { startWorld, type World } from './world.ts';

/** A person in the place of each role; the token is made by `cpi`, the job answers to `dev`. */
const PEOPLE: Partial<Record<CallerKind, string>> = {
  viewer: 'viewer',
  devops: 'dev',
  cpi: 'cpi',
  'cpi-admin': 'admin',
  approver: 'security',
  auditor: 'auditor',
  'other tenant': 'outsider',
};
/** To whom things belong that are nobody's of the columns. */
const SOMEBODY = 'cpi2';
const LENDER = 'lead';
const ENVIRONMENT = 'staging';
/** A plan of retention that reaches the finance tenant. */
const PLAN = 'gc-0123456789abcdef';
/** A version of the configuration that somebody proposed. */
const VERSION = `sha256:${'d'.repeat(64)}`;
/** Names a thing of the finance tenant in every way that a body can, and fits no schema: nothing is ever changed. */
const BODY = {
  target: { type: 'api', name: 'payment-api', version: '1.1.0' },
  artifact: 'payment-api',
  tenants: ['tenant-finance'],
  tenant: 'tenant-finance',
  planId: PLAN,
  nonsense: true,
};

/** What a route demands in its query, naming things of the finance tenant. */
const QUERIES: Readonly<Record<string, string>> = {
  verifyCopy: '?artifact=payment-api&version=1.0.0',
  environmentTags: '?artifact=payment-api&version=1.0.0',
  listUpdates: '?constraint=latest',
};

const THINGS = [
  'id',
  'eventId',
  'exportId',
  'reviewId',
  'delegationId',
  'tokenId',
  'consumerId',
  'subscriptionId',
  'muteId',
  'name',
  'version',
  'planId',
  'hash',
] as const;
/** Belongs to the tenant, not to a person. */
const SHARED = { name: 'payment-api', version: '1.1.0', planId: PLAN, hash: VERSION };
type Things = Partial<Record<(typeof THINGS)[number], string>>;

let world: World;
let github: BuildSystem;
const credentials = new Map<CallerKind, string>();
const own = new Map<CallerKind, Things>();
let foreign: Things;

beforeAll(async () => {
  world = await startWorld(async (configuration, issueCertificate) => {
    github = await startBuildSystem(issueCertificate);
    configuration.ci.push({
      ...{ name: 'payments', issuer: github.issuer, audience: 'greenlight', claims: { repository: ['acme/payments'] } },
      ...{ tenants: ['tenant-finance'], roles: ['devops'], owner: 'dev' },
    });
    // Everybody who may approve at all is asked: the matrix is about verbs, not about whom a rule names.
    const rules = [{ role: 'cpi' }, { role: 'cpi-admin' }, { team: 'security' }].map((rule) => ({ ...rule, min: 1 }));
    configuration.environments[ENVIRONMENT]!.approvals = [{ name: 'review', rules }];
  });
  for (const [caller, person] of Object.entries(PEOPLE) as [CallerKind, string][])
    credentials.set(caller, `Bearer ${(await world.token(person))['access_token']}`);
  const made = await post('/v1/tokens', `Bearer ${(await world.token('cpi'))['access_token']}`, { name: 'of the test' });
  credentials.set('API token', `Bearer ${made.token}`);
  credentials.set('CI job', `Bearer ${await github.token({ exp: Math.floor(Date.now() / 1000) + 3_600 })}`);
  const plan = { id: PLAN, tenants: ['tenant-finance'], units: 0, chunks: 0, kept: [], warnings: [], unavailable: [] };
  const totals = { artifacts: 0, delete: 0, keep: 0, bytes: 0, bytesFreed: 0 };
  await world.state.table.put({ PK: `RETENTION#${PLAN}`, SK: 'HEAD', body: { ...plan, totals, pricePerGb: 0 } });
  const proposal = {
    hash: VERSION,
    base: VERSION,
    proposedAt: '2026-01-01T00:00:00Z',
    reason: 'why',
    needsReview: true,
    difference: [],
    warnings: [],
  };
  const proposedBy = { key: identityKey({ issuer: world.issuer, subject: 'nobody' }), email: 'nobody@example.com', kind: 'person' };
  await world.state.table.put({ PK: 'CONFIG#0', SK: `V#${VERSION}`, body: { ...proposal, proposedBy } });
  foreign = {
    ...SHARED,
    id: await requestOf(await bearerOf(SOMEBODY)),
    reviewId: await reviewOf(SOMEBODY),
    delegationId: (await post('/v1/delegations', await bearerOf(LENDER), { until: tomorrow() })).id,
    tokenId: (await post('/v1/tokens', await bearerOf(SOMEBODY), { name: 'of somebody' })).id,
    consumerId: await consumerOf(await bearerOf(SOMEBODY)),
    subscriptionId: (await post('/v1/subscriptions', await bearerOf(SOMEBODY), { url: 'https://hooks.example.com/' })).id,
    muteId: (await post('/v1/mutes', await bearerOf(SOMEBODY), { event: 'promotion.started' })).id,
  };
  const held = { version: '1.0.0', digest: `sha256:${'e'.repeat(64)}`, requestId: 'adopted', at: new Date().toISOString() };
  await world.state.environments.adopt(ENVIRONMENT, 'payment-api', 'tenant-finance', held);
  for (const caller of CALLERS) own.set(caller, await thingsOf(caller));
  for (const things of [foreign, ...own.values()]) if (things.id !== undefined) things.eventId = eventId(things.id, 1);
  await world.seal();
});
afterAll(() => {
  github.close();
  return world.close();
});

const bearerOf = async (person: string) => `Bearer ${(await world.token(person))['access_token']}`;

async function post(path: string, as: string, body: object) {
  const answer = await world.call('POST', path, { as, body });
  if (answer.status !== 201) throw new Error(`${path} ${answer.text}`);
  return answer.json;
}

/** A registered consumer. */
async function consumerOf(as: string): Promise<string> {
  const body = { artifact: 'payment-api', product: 'orders', pipelines: [] };
  return (await world.call('POST', '/v1/consumers', { as, body })).json.id;
}

const tomorrow = () => new Date(Date.now() + 86_400_000).toISOString();

/** A request of somebody to staging whose approval is open. */
async function requestOf(as: string): Promise<string> {
  const { id } = (await post(`/v1/requests/${ENVIRONMENT}`, as, requestBody())).metadata;
  await runGates(world, id);
  return id;
}

/** An open review of a waiver on a request of that person. */
async function reviewOf(person: string): Promise<string> {
  const id = `rv-${randomBytes(8).toString('hex')}`;
  const party = (subject: string) => ({ key: identityKey({ issuer: world.issuer, subject }), email: `${subject}@example.com` });
  const review = {
    ...{ id, tenant: 'tenant-finance', requestId: 'PR-2026-0001', environment: ENVIRONMENT, artifact: 'payment-api', gate: 'policy' },
    ...{ by: party('nobody'), requester: party(person), owners: [], openedAt: '2026-01-01T00:00:00Z', dueAt: '2099-01-01T00:00:00Z' },
  };
  await world.state.table.put({ PK: 'REVIEW#0', SK: id, tenant: review.tenant, body: review });
  return id;
}

/** What a caller can have of its own. */
async function thingsOf(caller: CallerKind): Promise<Things> {
  const as = credentials.get(caller);
  const person = PEOPLE[caller];
  if (as === undefined || caller === 'other tenant') return {};
  const things: Things = { ...SHARED };
  if (['devops', 'cpi', 'cpi-admin', 'API token', 'CI job'].includes(caller)) things.id = await requestOf(as);
  if (['auditor', 'cpi-admin'].includes(caller)) {
    const { json } = await world.call('POST', '/v1/audit/exports', { as, body: { format: 'ndjson' } });
    things.exportId = json.exportId;
  }
  if (person === undefined) return things;
  things.reviewId = await reviewOf(person);
  things.tokenId = (await post('/v1/tokens', as, { name: 'my own' })).id;
  things.muteId = (await post('/v1/mutes', as, { event: 'promotion.started' })).id;
  if (['cpi', 'cpi-admin', 'approver'].includes(caller))
    things.delegationId = (await post('/v1/delegations', as, { until: tomorrow() })).id;
  return things;
}

/** Path with a thing in it; undefined when the caller has none of that kind. */
function pathOf(route: Route, things: Things): string | undefined {
  let isMissing = false;
  const path = route.path.replace(/\{(\w+)\}/g, (_all, name: string) => {
    const value = name === 'env' ? ENVIRONMENT : things[name as keyof Things];
    isMissing ||= value === undefined;
    return value ?? '';
  });
  return isMissing ? undefined : path;
}

async function seen(route: Route, caller: CallerKind, things: Things): Promise<Outcome | 'none' | string> {
  const path = pathOf(route, things);
  if (path === undefined) return 'none';
  const as = credentials.get(caller);
  const answer = await world.call(route.method, `${path}${QUERIES[route.operation] ?? ''}`, {
    ...(as ? { as } : {}),
    ...(route.method === 'GET' ? {} : { body: BODY }),
  });
  if (answer.status === 401 || answer.status === 403 || answer.status === 404) return answer.status;
  // A write that passed stopped at its body: otherwise this test would have changed something.
  const isExpected = route.method !== 'GET' ? answer.status === 400 : answer.status === (route.needsState ? 409 : 200);
  return isExpected ? 'passes' : `${answer.status} ${answer.text}`;
}

describe('AUTH-01 and AUTH-07: the matrix of routes and roles', () => {
  const bearer = ROUTES.filter(({ auth }) => auth === 'bearer');

  it('can name a thing for every route', () => {
    const unknown = bearer.filter((route) => pathOf(route, Object.fromEntries(THINGS.map((thing) => [thing, 'x']))) === undefined);
    expect(unknown.map(({ path }) => path)).toEqual([]);
  });

  it.each(CALLERS)('is what the functions answer to: %s', async (caller) => {
    const wrong: string[] = [];
    let compared = 0;
    for (const route of bearer) {
      for (const whose of ['foreign', 'own'] as const satisfies Whose[]) {
        const answered = await seen(route, caller, whose === 'own' ? own.get(caller)! : foreign);
        if (answered === 'none') continue;
        // Where nothing is named, there is no difference between one's own and anybody's.
        const expected = outcomeOf(route, caller, route.path.includes('{') && !isOnlyEnvironment(route) ? whose : 'foreign');
        compared++;
        if (answered !== expected) wrong.push(`${route.method} ${route.path} (${whose}): ${answered} instead of ${expected}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(compared).toBeGreaterThanOrEqual(bearer.length);
  });
});

function isOnlyEnvironment({ path }: Route): boolean {
  return [...path.matchAll(/\{(\w+)\}/g)].every(([, name]) => name === 'env');
}
