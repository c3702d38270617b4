/** Retention and the life of versions through the whole stack, under its permissions, with real registries and a cluster. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { synthesize } from './assembly.ts';
import { FlowCloud } from './cloud.ts';
import { expectDescribed } from './described.ts';
import { bodyOf, expectProblem, pending, push, WORKLOAD } from './requests.ts';

const RETENTION = `
artifacts:
  retention: { keep_last_versions: 2, keep_duration_days: 0, grace: 1h, delete_schedule: never, price_per_gb_month: 0.09 }
  lifecycle: { "${WORKLOAD}:1.0.0": { status: deprecated, eol_date: 2099-12-31, replacement: 1.0.5 } }
`;

let cloud: FlowCloud;
beforeAll(async () => {
  cloud = await FlowCloud.start(await synthesize((yaml) => `${yaml.replace(/\nartifacts:\n(?: .*\n)+/, '\n')}${RETENTION}`));
  for (const version of ['1.0.1', '1.0.2', '1.0.3', '1.0.4', '1.0.5']) await push(cloud, version, 'true');
  await pending(cloud, 'staging', '1.0.3');
});
afterAll(() => cloud?.stop());

const preview = () => cloud.api('POST', '/v1/retention/preview', { as: 'cpi', body: { artifact: WORKLOAD } });
const tagsAt = async (registry: 'dev' | 'staging' | 'prod'): Promise<string[]> =>
  ((await (await fetch(`http://${cloud.endpoints.registries[registry]}/v2/${WORKLOAD}/tags/list`)).json()) as { tags: string[] }).tags;

let planId: string;

it('plans what may go, says why everything else stays, and deletes nothing (REQ-334, GC-01)', async () => {
  const { status, body } = await preview();
  expect(status, JSON.stringify(body)).toBe(200);
  expect(
    body.delete.map(({ version }: { version: string }) => version),
    JSON.stringify([body.keep, body.unavailable, body.warnings]),
  ).toEqual(['1.0.1', '1.0.2']);
  expect(body.keep.map(({ reason, versions }: { reason: string; versions: string[] }) => `${reason}: ${versions}`)).toEqual([
    'in use: 1.0.0',
    'pending request: 1.0.3',
    'keep last: 1.0.5,1.0.4',
  ]);
  // The image with its signature and its SBOM is one.
  expect(body.totals).toMatchObject({ artifacts: 6, delete: 2, keep: 4 });
  expect(body.delete[0].manifests).toBeGreaterThanOrEqual(3);
  planId = body.planId;
  expectProblem(await cloud.api('POST', '/v1/retention/apply', { as: 'cpi', body: { planId } }), 409, 'STATE_CONFLICT');
  expectProblem(await cloud.api('POST', '/v1/retention/apply', { as: 'dev', body: { planId } }), 403, 'FORBIDDEN');
  expectProblem(await cloud.api('POST', '/v1/retention/apply', { as: 'outsider', body: { planId } }), 404, 'NOT_FOUND');
  expect(await tagsAt('dev')).toContain('1.0.1');
});

it('GC-10: deletes nothing of an artifact while its cluster does not answer', async () => {
  await cloud.fault({ service: 'kubernetes', status: 503 });
  const { body } = await preview();
  await cloud.clearFaults();
  expect([body.totals.delete, body.unavailable.map(({ artifact }: { artifact: string }) => artifact)]).toEqual([0, [WORKLOAD]]);
});

it('deletes it after the grace time with its signatures, records it, and leaves the rest whole', async () => {
  await cloud.advance('PT61M');
  const { status, body } = await cloud.api('POST', '/v1/retention/apply', { as: 'cpi', body: { planId } });
  expect(status, JSON.stringify(body)).toBe(200);
  expect(body).toMatchObject({ status: 'applied', result: { deleted: 2, left: [], failed: [], after: { artifacts: 4 } } });
  const tags = await tagsAt('dev');
  expect(tags.filter((tag) => /^1\./.test(tag)).sort()).toEqual(expect.arrayContaining(['1.0.0', '1.0.3', '1.0.4', '1.0.5']));
  expect(tags).not.toEqual(expect.arrayContaining(['1.0.1']));
  expect(tags.filter((tag) => tag.endsWith('.sig'))).toHaveLength(4);
  const gone = await cloud.api('POST', '/v1/requests/staging/preview', {
    as: 'dev',
    body: (await import('./requests.ts')).bodyOf('1.0.1'),
  });
  expectProblem(gone, 404, 'NOT_FOUND');
  expect((await cloud.api('GET', '/v1/retention/plans', { as: 'cpi' })).body.items[0]).toMatchObject({ mine: true });
});

it('names updates, warns of what is deprecated, and refuses what is in quarantine', async () => {
  const updates = await cloud.api('GET', `/v1/artifacts/${WORKLOAD}/updates?constraint=v1.0.*&current=1.0.0`, { as: 'viewer' });
  expect(updates.body.recommended).toMatchObject({
    version: '1.0.5',
    publishedAt: expect.any(String),
    compatibility: { status: 'compatible' },
  });
  const version = await cloud.api('GET', `/v1/artifacts/${WORKLOAD}/versions/1.0.0`, { as: 'viewer' });
  expect(version.body).toMatchObject({ lifecycle: { status: 'deprecated', replacement: '1.0.5' }, createdAt: expect.any(String) });
  expect(version.body.inUse.environments.map(({ environment }: { environment: string }) => environment)).toEqual([
    'dev',
    'staging',
    'prod',
  ]);
  const tags = await cloud.api('GET', `/v1/environments/prod/tags?artifact=${WORKLOAD}&version=1.0.0`, { as: 'viewer' });
  expect(tags.body.registries[0].immutability).toEqual({ rule: 'IMMUTABLE_WITH_EXCLUSION', enforced: true });
  const quarantine = { reason: 'Incident 4711: it charges twice' };
  expect((await cloud.api('POST', `/v1/artifacts/${WORKLOAD}/versions/1.0.4/quarantine`, { as: 'cpi', body: quarantine })).status).toBe(
    200,
  );
  expectProblem(await cloud.api('POST', '/v1/requests/staging', { as: 'dev', body: bodyOf('1.0.4') }), 422, 'VERSION_REFUSED');
  expect(await expectDescribed(cloud)).toBeGreaterThan(5);
});
