/** Promotion by policy over the real rows: what is asked for, once, what people decide against it, and how it is explained and replayed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PromotionPolicy } from '../../../core/policy/promotion-policy.ts';
import type { MetricSource } from '../../../core/rollout/ports.ts';
import { expectDescribed } from '../described.ts';
import { outcome, runGates } from '../requests.ts';
import { DIGEST, OTHER_DIGEST, startWorld, type World } from '../world.ts';

const FILE = readFileSync(join(import.meta.dirname, '../../../greenlight.yaml'), 'utf8');
const THIRD = `sha256:${'c'.repeat(64)}`;
const POLICY: PromotionPolicy = {
  ...{ name: 'to-staging', enabled: true, from: 'dev', to: 'staging', artifacts: ['payment-*'], prereleases: false },
  ...{ allTestsPass: true, noRegressions: true, soakSeconds: 3_600, notify: ['teams@acme.example'] },
  metrics: [{ name: 'errors', prometheus: 'https://prometheus.example', query: 'errors{namespace="{{namespace}}"}', max: 1 }],
};

let world: World;
let errors = 0;
const asked: string[] = [];
const ask: MetricSource = async (_check, query) => {
  asked.push(query);
  return { kind: 'value', value: errors };
};

beforeAll(async () => {
  world = await startWorld((configuration) => {
    configuration.policies = [POLICY, { ...POLICY, name: 'off', enabled: false, metrics: [] }];
  });
  world.registry.pushedAt = { [DIGEST]: '2026-01-01T00:00:00.000Z' };
  delete world.registry.tags['1.2.0'];
});
afterAll(() => world.close());

async function propose(): Promise<string[]> {
  const { proposeAll } = await import('../../../functions/policy/propose.ts');
  const { policyRows } = await import('../../../adapters/policy/policy-rows.ts');
  const { reader, images, state } = world;
  const records = policyRows(state.table);
  const done = await proposeAll({ registries: reader, images, records, clock: state.clock, ask, isLate: () => false });
  expect(done.failed).toEqual([]);
  return done.asked;
}
const get = async (id: string) => (await world.call('GET', `/v1/requests/staging/${id}`, { as: 'cpi' })).json;
const policies = async (as = 'viewer') => (await world.call('GET', '/v1/policies', { as })).json.items;
const replay = (body: object, as = 'viewer') => world.call('POST', '/v1/policies/replay', { as, body });
const publish = (version: string, digest: string, at: Date) => {
  world.registry.tags[version] = digest;
  world.registry.pushedAt[digest] = at.toISOString();
};

describe('a policy of promotion', () => {
  it('asks for nothing while a metric is not clearly good, and says why nothing is asked for', async () => {
    errors = 2;
    expect(await propose()).toEqual([]);
    expect(asked).toEqual(['errors{namespace="dev"}']);
    const [listed, off] = await policies();
    expect(listed).toMatchObject({ name: 'to-staging', enabled: true, conditions: { soakSeconds: 3_600, metrics: ['errors'] } });
    expect(listed.now).toEqual([expect.objectContaining({ artifact: 'payment-api', version: '1.1.0', outcome: 'promote' })]);
    expect(off).toMatchObject({ enabled: false, now: [{ outcome: 'promote' }] });
    expect(JSON.stringify(await policies())).not.toMatch(/teams@|prometheus/);
    expect((await policies('outsider')).map(({ now }: { now: [] }) => now)).toEqual([[], []]);
  });

  it('asks once, in the name of its rule, with the gates and approvals of everybody', async () => {
    errors = 0;
    // Two jobs at once, as the schedule may fire twice.
    const [one, other] = await Promise.all([propose(), propose()]);
    const ids = [...one, ...other];
    expect(ids).toHaveLength(1);
    expect(await propose()).toEqual([]);
    const request = await get(ids[0]!);
    expect(request).toMatchObject({
      metadata: { createdBy: expect.stringMatching(/^policy:to-staging@[0-9a-f]{8}$/) },
      spec: { target: { version: '1.1.0', targetEnvironment: 'staging' }, preChecks: { stagingTestsPassed: false } },
      status: { approvals: { required: true }, digest: DIGEST },
    });
    expect(request.spec.request.justification).toContain('Asked for by policy to-staging');
    const notices = (await world.state.table.all({ pk: 'NOTICE#0' })).map(({ body }) => body as { requestId: string; to?: string[] });
    expect(notices.filter(({ requestId }) => requestId === ids[0])).toEqual([
      expect.objectContaining({ type: 'promotion.requested', data: { policy: 'to-staging' }, to: ['teams@acme.example'] }),
    ]);
    const lines = (await world.state.table.all({ pk: 'OUTBOX#0' })).map(({ line }) => JSON.parse(line as string));
    expect(lines.filter(({ rid }) => rid === ids[0])).toEqual([
      expect.objectContaining({
        type: 'promotion.requested',
        actor: { id: expect.stringMatching(/^policy:to-staging@/), auth: 'engine', channel: 'schedule' },
      }),
    ]);
    expect((await policies())[0].now[0]).toMatchObject({ outcome: 'none', because: `${ids[0]} asks for 1.1.0 already` });
  });

  it('is decided on by people, and does not ask again for what they have rejected', async () => {
    const [{ id }] = (await world.call('GET', '/v1/requests/staging', { as: 'cpi' })).json.items.map(
      ({ metadata }: { metadata: { id: string } }) => metadata,
    );
    await runGates(world, id);
    const rejected = await world.call('POST', `/v1/requests/staging/${id}/reject`, { as: 'cpi', body: { reason: 'not before the audit' } });
    expect(rejected.status).toBe(200);
    expect(await propose()).toEqual([]);
    expect((await policies())[0].now[0]).toMatchObject({ outcome: 'hold', because: expect.stringContaining('rejected') });
  });

  it('waits for the soak time of what is published next, and takes no prerelease', async () => {
    const now = world.state.clock.now().getTime();
    publish('1.2.0', OTHER_DIGEST, new Date(now - 60_000));
    publish('1.3.0-rc.1', THIRD, new Date(now - 30_000));
    expect(await propose()).toEqual([]);
    expect((await policies())[0].now[0]).toMatchObject({ version: '1.2.0', outcome: 'wait', due: new Date(now + 3_540_000).toISOString() });
    world.registry.pushedAt[OTHER_DIGEST] = new Date(now - 3_600_001).toISOString();
    expect(await propose()).toHaveLength(1);
  });

  it('holds a version in quarantine', async () => {
    publish('1.4.0', THIRD, new Date(Date.now() - 7_200_000));
    delete world.registry.tags['1.3.0-rc.1'];
    const bad = { version: '1.4.0', reason: 'leaks memory' };
    const path = '/v1/artifacts/payment-api/versions/1.4.0/quarantine';
    expect(outcome(await world.call('POST', path, { as: 'admin', body: { reason: bad.reason } }))).toBe('200');
    expect((await policies())[0].now[0]).toMatchObject({
      version: '1.4.0',
      outcome: 'hold',
      because: expect.stringContaining('quarantine'),
    });
    expect(await propose()).toEqual([]);
  });
});

describe('the replay of a policy', () => {
  it('decides every recorded decision again, and shows what another rule would have done', async () => {
    const answer = await replay({ policy: 'to-staging' });
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({
      recorded: { total: 2, reproduced: 2, otherRule: 0, differing: [] },
      assumed: ['dev was healthy and ran what was promoted, as far as no promotion failed', 'metric errors was good'],
    });
    expect(answer.json.versions.map(({ version, outcome: what }: { version: string; outcome: string }) => [version, what])).toEqual(
      expect.arrayContaining([['1.1.0', 'promote']]),
    );
    const text = FILE.replace(
      'promotion:\n',
      'promotion:\n  policies: [{ name: to-staging, from_env: dev, to_env: staging, artifacts: ["payment-*"], conditions: [{ days_in_dev: 300 }] }]\n',
    );
    const stricter = await replay({ policy: 'to-staging', text, days: 200 });
    expect(stricter.json).toMatchObject({ policy: { enabled: false }, recorded: { total: 2, otherRule: 2, reproduced: 1 } });
  });

  it('changes nothing, and refuses what it cannot replay', async () => {
    const before = await world.state.table.all({ pk: 'POLICY#to-staging' });
    expect(outcome(await replay({ policy: 'nobody' }))).toBe('404 NOT_FOUND');
    expect(outcome(await replay({ policy: 'to-staging', artifact: 'retail-web' }))).toBe('404 NOT_FOUND');
    expect(outcome(await replay({ policy: 'to-staging', artifact: 'payment-api' }, 'outsider'))).toBe('404 NOT_FOUND');
    expect(outcome(await replay({ policy: 'to-staging', text: 'promotion: [' }))).toBe('400 INVALID_REQUEST');
    expect(outcome(await replay({ policy: 'to-staging', text: FILE }))).toBe('404 NOT_FOUND');
    expect(outcome(await replay({ policy: 'to-staging', days: 0 }))).toBe('400 INVALID_REQUEST');
    const other = FILE.replaceAll('staging', 'stage').replace(
      'promotion:\n',
      'promotion:\n  policies: [{ name: to-staging, from_env: dev, to_env: stage, conditions: [] }]\n',
    );
    expect(outcome(await replay({ policy: 'to-staging', text: other }))).toBe('400 INVALID_REQUEST');
    expect(await world.state.table.all({ pk: 'POLICY#to-staging' })).toEqual(before);
  });

  it('answers as it is described', () => expectDescribed(world));
});
