/** Versions over HTTP: updates, tags, lifecycle and quarantine, with the real rows. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRequest, requestBody, runGates } from './requests.ts';
import { DIGEST, OTHER_DIGEST, startWorld, type World } from './world.ts';

const OLD = `sha256:${'c'.repeat(64)}`;
const NEW = `sha256:${'d'.repeat(64)}`;
const API = '/v1/artifacts/payment-api';

let world: World;
beforeAll(async () => {
  world = await startWorld();
  Object.assign(world.registry.tags, { '1.0.0': OLD, '2.0.0': NEW, 'latest-dev': NEW, '1.2.0-staging': OTHER_DIGEST });
  world.registry.pushedAt = { [OLD]: '2026-01-01T00:00:00.000Z', [DIGEST]: '2026-02-01T00:00:00.000Z' };
  const at = '2026-01-02T00:00:00.000Z';
  await world.state.environments.adopt('prod', 'payment-api', 'tenant-finance', {
    version: '1.0.0',
    digest: OLD,
    requestId: 'adopted',
    at,
  });
  await world.state.environments.adopt('staging', 'payment-api', 'tenant-finance', {
    version: '1.0.0',
    digest: OLD,
    requestId: 'adopted',
    at,
  });
  const consumer = (product: string, owner: string) => ({
    artifact: 'payment-api',
    product,
    owner,
    pipelines: [{ name: 'hourly', state: true }],
    environments: ['prod'],
  });
  await world.call('POST', '/v1/consumers', { as: 'dev', body: consumer('customer-insights', 'insights@example.com') });
  await world.call('POST', '/v1/consumers', { as: 'dev', body: consumer('orders-analytics', 'orders@example.com') });
});
afterAll(() => world.close());

const events = async (type: string) =>
  (await world.state.table.all({ pk: 'OUTBOX#0' })).map(({ line }) => JSON.parse(String(line))).filter((line) => line.type === type);

describe('versions', () => {
  it('lists artifacts with what each environment runs of them, of one’s own tenants only', async () => {
    const { status, json } = await world.call('GET', '/v1/artifacts', { as: 'viewer' });
    expect(status).toBe(200);
    expect(json.items.map(({ name }: { name: string }) => name)).toEqual(['payment-api']);
    expect(json.items[0].environments).toEqual([
      expect.objectContaining({ environment: 'staging', version: '1.0.0', lifecycle: 'active' }),
      expect.objectContaining({ environment: 'prod', version: '1.0.0', warnings: [] }),
    ]);
  });

  it('names the updates that a constraint takes, oldest first, and recommends the newest', async () => {
    const { json } = await world.call('GET', `${API}/updates?constraint=v1.*.*&current=v1.0.0`, { as: 'viewer' });
    expect(json.current).toMatchObject({ version: '1.0.0', publishedAt: '2026-01-01T00:00:00.000Z' });
    expect(json.updates.map(({ version, step }: Record<string, string>) => `${version} ${step}`)).toEqual(['1.1.0 minor', '1.2.0 minor']);
    expect(json.recommended).toMatchObject({ version: '1.2.0', compatibility: { status: 'compatible', by: 'version' } });
    const inProd = await world.call('GET', `${API}/updates?constraint=latest&environment=prod`, { as: 'viewer' });
    expect(inProd.json.updates.map(({ version }: { version: string }) => version)).toEqual(['1.0.0']);
  });

  it.each([
    ['constraint=v01.2.3', 400],
    ['constraint=', 400],
    [`constraint=${'x'.repeat(9_000)}`, 400],
    ['', 400],
    ['constraint=1.*&current=9.9.9', 404],
    ['constraint=1.*&environment=moon', 404],
  ])('REST-20 and REST-21: %s answers %i', async (query, status) => {
    expect((await world.call('GET', `${API}/updates?${query}`, { as: 'viewer' })).status).toBe(status);
  });

  it('says whether the tags of an environment name what they should, and whether the registry keeps them there', async () => {
    Object.assign(world.registry.tags, { '1.0.0-prod': OLD, 'latest-prod': NEW });
    world.registry.rule = { mutability: 'IMMUTABLE_WITH_EXCLUSION', exclusions: ['latest-*', 'sha256-*'] };
    const { json } = await world.call('GET', '/v1/environments/prod/tags?artifact=payment-api&version=1.0.0', { as: 'viewer' });
    expect(json).toMatchObject({
      complete: false,
      current: true,
      registries: [
        {
          tags: [
            { tag: '1.0.0-prod', state: 'right' },
            { tag: 'latest-prod', state: 'wrong', digest: NEW },
          ],
          immutability: { enforced: true },
        },
      ],
    });
    for (const [rule, problem] of [
      [{ mutability: 'MUTABLE', exclusions: [] }, /may be moved/],
      [{ mutability: 'IMMUTABLE', exclusions: [] }, /cannot be moved/],
      [{ mutability: 'IMMUTABLE_WITH_EXCLUSION', exclusions: ['*'] }, /may be moved/],
      [{ mutability: 'MUTABLE_WITH_EXCLUSION', exclusions: ['1*', 'latest*'] }, /cannot be moved/],
    ] as const) {
      world.registry.rule = { ...rule, exclusions: [...rule.exclusions] };
      const again = await world.call('GET', '/v1/environments/prod/tags?artifact=payment-api&version=1.0.0', { as: 'viewer' });
      expect(again.json.registries[0].immutability.problem).toMatch(problem);
    }
    world.registry.rule = undefined;
    const never = await world.call('GET', '/v1/environments/prod/tags?artifact=payment-api&version=2.0.0', { as: 'viewer' });
    expect([never.status, never.json.code]).toEqual([409, 'EVIDENCE_MISMATCH']);
  });
});

describe('REQ-340: lifecycle', () => {
  const body = {
    status: 'deprecated',
    deprecationDate: '2026-01-15',
    eolDate: '2099-01-15',
    replacement: '2.0.0',
    reason: 'Replaced by 2.0.0 long ago',
  };

  it('shows who uses a version', async () => {
    const { status, json } = await world.call('GET', `${API}/versions/v1.0.0`, { as: 'viewer' });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      version: '1.0.0',
      digest: OLD,
      lifecycle: { status: 'active', declared: false },
      inUse: {
        environments: [
          { environment: 'staging', products: [] },
          { environment: 'prod', products: ['customer-insights', 'orders-analytics'] },
        ],
        teams: ['insights@example.com', 'orders@example.com'],
        products: 2,
        pipelines: 2,
      },
      recommendation: 'Plan upgrade to 2.0.0',
    });
  });

  it('is written with one event, and warns wherever the version is used from then on', async () => {
    const { status, json } = await world.call('POST', `${API}/versions/1.0.0/lifecycle`, { as: 'cpi', body });
    expect(status).toBe(200);
    expect(json).toMatchObject({ lifecycle: { status: 'deprecated', eolDate: '2099-01-15', changedBy: 'cpi@example.com' } });
    expect(json.milestones).toEqual([{ date: '2099-01-15', kind: 'eol', text: 'End-of-life (no longer supported)' }]);
    expect(await events('lifecycle.changed')).toEqual([
      expect.objectContaining({
        rid: expect.stringMatching(/^sys:lifecycle:/),
        data: expect.objectContaining({ artifact: 'payment-api', version: '1.0.0' }),
      }),
    ]);
    const warning = /payment-api 1\.0\.0 is deprecated since 2026-01-15; its end of life is 2099-01-15; move to 2\.0\.0/;
    const preview = await world.call('POST', '/v1/requests/staging/preview', {
      as: 'dev',
      body: requestBody({ target: { version: '1.0.0' } }),
    });
    expect(preview.json.warnings.join('\n')).toMatch(warning);
    const prod = await world.call('GET', '/v1/artifacts', { as: 'viewer' });
    expect(prod.json.items[0].environments[1].warnings.join()).toMatch(warning);
  });

  it.each([
    [{ ...body, status: 'active' }, 400, 'INVALID_DATE'],
    [{ status: 'active', eolDate: '2020-01-01' }, 400, 'INVALID_DATE'],
    [{ ...body, deprecationDate: '2099-02-01' }, 400, 'INVALID_DATE'],
    [{ ...body, eolDate: 'tomorrow' }, 400, 'INVALID_DATE'],
    [{ status: 'deprecated', replacement: '1.0.0' }, 400, 'INVALID_REQUEST'],
    [{ status: 'deprecated', supportWindow: 'long' }, 400, 'INVALID_REQUEST'],
    [{ status: 'gone' }, 400, 'INVALID_REQUEST'],
    [{ status: 'active', colour: 'red' }, 400, 'UNKNOWN_FIELD'],
  ])('refuses %j', async (wrong, status, code) => {
    const answer = await world.call('POST', `${API}/versions/1.0.0/lifecycle`, { as: 'cpi', body: wrong });
    expect([answer.status, answer.json.code]).toEqual([status, code]);
  });

  it('is nobody’s business in another tenant, and not everybody’s in one’s own', async () => {
    const asked = (as: string, path: string) => world.call('POST', path, { as, body });
    expect((await asked('outsider', `${API}/versions/1.0.0/lifecycle`)).status).toBe(404);
    expect((await asked('dev', `${API}/versions/1.0.0/lifecycle`)).status).toBe(403);
    expect((await asked('cpi', `${API}/versions/7.7.7/lifecycle`)).status).toBe(404);
    expect((await asked('cpi', '/v1/artifacts/retail-web/versions/1.0.0/lifecycle')).status).toBe(404);
  });
});

describe('quarantine', () => {
  const quarantine = (body: object, as = 'cpi') => world.call('POST', `${API}/versions/1.1.0/quarantine`, { as, body });

  it('refuses the version everywhere until it is let go', async () => {
    const waiting = await createRequest(world);
    await runGates(world, waiting);
    expect((await quarantine({ reason: 'short' })).status).toBe(400);
    const { status, json } = await quarantine({ reason: 'Incident 4711: it charges twice' });
    expect([status, json.quarantine.by, json.quarantine.digest]).toEqual([200, 'cpi@example.com', DIGEST]);
    const created = await world.call('POST', '/v1/requests/staging', { as: 'dev', body: requestBody() });
    expect([created.status, created.json.code]).toEqual([422, 'VERSION_REFUSED']);
    expect(created.json.detail).toMatch(/charges twice/);
    world.registry.tags['hotfix'] = DIGEST;
    const renamed = await world.call('POST', '/v1/requests/staging', { as: 'dev', body: requestBody({ target: { version: 'hotfix' } }) });
    expect(renamed.json.code).toBe('VERSION_REFUSED');
    const updates = await world.call('GET', `${API}/updates?constraint=1.1.*`, { as: 'viewer' });
    expect(updates.json.updates).toEqual([]);
    const again = (await events('lifecycle.changed')).length;
    await quarantine({ reason: 'Said a second time, changes nothing' });
    expect(await events('lifecycle.changed')).toHaveLength(again);
    expect((await quarantine({ reason: 'It was a false alarm after all', quarantined: false })).json.quarantine).toBeNull();
    delete world.registry.tags['hotfix'];
    expect((await world.call('POST', '/v1/requests/staging/preview', { as: 'dev', body: requestBody() })).status).toBe(200);
  });
});
