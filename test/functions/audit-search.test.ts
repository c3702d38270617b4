import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCheckpoint } from '../../core/audit/checkpoint.ts';
import { expectDescribed } from './described.ts';
import { createRequest, outcome } from './requests.ts';
import { startWorld, type World } from './world.ts';

let world: World;
let id: string;
let retail: string;

beforeAll(async () => {
  world = await startWorld((configuration) => {
    const person = (subject: string, more: object) => ({
      subject,
      email: `${subject}@example.com`,
      name: subject,
      teams: [],
      tenants: [],
      roles: [],
      ...more,
    });
    configuration.people.push(
      // An auditor of one tenant only, and one of one environment only.
      person('finance-auditor', { tenants: ['tenant-finance'], roles: ['tenant-auditor'] }) as never,
      person('prod-auditor', {
        tenants: ['tenant-finance'],
        roles: ['tenant-auditor'],
        roleEnvironments: { 'tenant-auditor': ['prod'] },
      }) as never,
    );
    Object.assign(configuration.roles, { 'tenant-auditor': { verbs: ['audit.read', 'audit.export'], sees: 'tenant' } });
  });
  id = await createRequest(world, 'dev');
  await createRequest(world, 'cpi');
  await world.state.environments.adopt('prod', 'retail-web', 'tenant-retail', {
    ...{ version: '3.0.0', digest: `sha256:${'c'.repeat(64)}`, requestId: 'adopted', at: new Date().toISOString() },
  });
  retail = 'sys:adopt:prod:retail-web';
  await world.seal();
}, 60_000);
afterAll(() => world.close());

const search = (query = '', as = 'auditor') => world.call('GET', `/v1/audit${query}`, { as });
const ridsOf = async (query: string, as?: string) =>
  new Set((await search(query, as)).json.items.map(({ requestId }: { requestId: string }) => requestId));

describe('searching the log', () => {
  it('finds what was sealed, newest first, with who it was by the directory', async () => {
    const { status, json } = await search('?type=promotion.requested');
    expect(status).toBe(200);
    expect(json.items.map(({ actor }: { actor: { email: string } }) => actor.email)).toEqual(['cpi@example.com', 'dev@example.com']);
    expect(json.items[1]).toMatchObject({
      requestId: id,
      tenant: 'tenant-finance',
      artifact: 'payment-api',
      environment: 'staging',
      actor: { id: expect.stringMatching(/^p-/), name: expect.any(String), auth: 'oidc' },
      summary: expect.stringContaining(`promotion requested of payment-api: dev → staging (${id}`),
    });
  });

  it('by artifact, environment, user, type and time, and by all of them together', async () => {
    expect(await ridsOf('?artifact=retail-web')).toEqual(new Set([retail]));
    expect(await ridsOf('?environment=prod')).toEqual(new Set([retail]));
    expect(await ridsOf('?user=dev@example.com')).toEqual(new Set([id]));
    expect(await ridsOf('?user=DEV@example.com&artifact=payment-api&environment=staging&type=promotion.requested')).toEqual(new Set([id]));
    expect(await ridsOf('?user=dev@example.com&artifact=retail-web')).toEqual(new Set());
    expect(await ridsOf('?user=nobody@example.com')).toEqual(new Set());
    const { items } = (await search(`?user=dev@example.com`)).json;
    expect(await ridsOf(`?user=${items[0].actor.id}`)).toEqual(new Set([id]));
    const [last] = items;
    expect((await search(`?from=${last.at}&user=dev@example.com`)).json.items[0].id).toBe(last.id);
    expect((await search('?to=2001-01-01T00:00:00Z')).json.items).toEqual([]);
    expect((await search('?from=2090-01-01T00:00:00Z')).json.items).toEqual([]);
    expect(outcome(await search('?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z'))).toBe('400 INVALID_REQUEST');
    expect(outcome(await search('?from=yesterday'))).toBe('400 INVALID_DATE');
  });

  it('in pages that together are the whole, with cursors that hold for their question only', async () => {
    const all = (await search('?limit=100')).json.items.map(({ index }: { index: number }) => index);
    const paged: number[] = [];
    let cursor = '';
    do {
      const { json } = await search(`?limit=2${cursor}`);
      paged.push(...json.items.map(({ index }: { index: number }) => index));
      cursor = json.nextCursor === undefined ? '' : `&cursor=${json.nextCursor}`;
    } while (cursor !== '');
    expect(paged).toEqual(all);
    expect(new Set(all).size).toBe(all.length);
    const { nextCursor } = (await search('?limit=1')).json;
    expect(outcome(await search(`?limit=1&artifact=payment-api&cursor=${nextCursor}`))).toBe('400 BAD_CURSOR');
    expect(outcome(await search(`?limit=1&cursor=${nextCursor}`, 'finance-auditor'))).toBe('400 BAD_CURSOR');
  });

  it('AUTH-08, AUD-20: an auditor of one tenant sees its events only, whatever is asked', async () => {
    const tenantsOf = async (query: string, as: string) =>
      new Set((await search(query, as)).json.items.map(({ tenant }: { tenant: string }) => tenant));
    expect(await tenantsOf('', 'auditor')).toEqual(new Set(['', 'tenant-finance', 'tenant-retail']));
    for (const query of ['', '?tenant=tenant-retail', '?artifact=retail-web', '?environment=prod', '?user=system'])
      expect(
        [...(await tenantsOf(query, 'finance-auditor'))].filter((tenant) => tenant !== 'tenant-finance'),
        query,
      ).toEqual([]);
    expect((await search('?tenant=tenant-retail', 'finance-auditor')).json).toEqual({ items: [] });
    // Who audits one environment sees nothing of the others, nor of what belongs to none.
    expect((await search('', 'prod-auditor')).json).toEqual({ items: [] });
    for (const as of ['dev', 'cpi', 'viewer', 'outsider']) expect(outcome(await search('', as)), as).toBe('403 FORBIDDEN');
  });

  it('an erased person leaves the events, without a name', async () => {
    const { actor } = (await search('?user=cpi@example.com')).json.items[0];
    const row = await world.state.table.get(`PERSON#${actor.id}`, 'PSEUDONYM');
    await world.state.table.remove(`PERSON#${row!['key']}`, 'PERSON');
    expect((await search(`?user=${actor.id}`)).json.items[0].actor).toMatchObject({ id: actor.id, email: null, name: null });
  });
});

it('the newest checkpoint is the signed note', async () => {
  const { status, json } = await world.call('GET', '/v1/audit/checkpoint', { as: 'auditor' });
  expect(status).toBe(200);
  const { size, root, origin } = parseCheckpoint(Buffer.from(json.checkpoint));
  expect(json).toMatchObject({ size, origin, root: root.toString('base64') });
  expect(size).toBeGreaterThan(3);
});

it('the answers are as the description says', () => expectDescribed(world));
