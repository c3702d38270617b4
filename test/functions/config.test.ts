import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectDescribed } from './described.ts';
import { createRequest, outcome, requestBody, runGates } from './requests.ts';
import { startWorld, type World } from './world.ts';

const FILE = readFileSync(join(import.meta.dirname, '../../greenlight.yaml'), 'utf8');

let world: World;
/** The file of this world: its issuer and people are those of the repository's. */
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

const propose = (as: string, text: string, query = '') =>
  world.call('POST', `/v1/config${query}`, { as, body: { text, reason: 'because the audit asks for it' } });
const approve = (as: string, hash: string) => world.call('POST', `/v1/config/${hash}/approve`, { as, body: {} });
const config = async (as = 'admin') => (await world.call('GET', '/v1/config', { as })).json;
const lines = async () =>
  (await world.state.table.all({ pk: 'OUTBOX#0' })).map(({ line }) => JSON.parse(line as string)).filter(({ rid }) => rid === 'sys:config');
/** One more person has to agree in production; and in staging. */
const STRICTER = FILE.replace('{ team: security, min: 1 }', '{ team: security, min: 1 }, { team: qa, min: 1 }');
const STAGING = (text: string) => text.replace('gates: [policy]\n    approvals:', 'gates: []\n    approvals:');

describe('a version of the configuration', () => {
  it('that concerns production is in force once a second person has agreed, for every function at once', async () => {
    const before = await config();
    expect(before.version).toBe(before.deployed);
    const dry = await propose('admin', STRICTER, '?store=false');
    expect(dry).toMatchObject({ status: 200, json: { state: 'previewed', needsReview: true } });
    expect((await config()).versions).toEqual([]);
    const proposed = await propose('admin', STRICTER);
    expect(proposed).toMatchObject({
      status: 201,
      json: { state: 'proposed', needsReview: true, base: before.version, version: dry.json.version },
    });
    expect(proposed.json.difference).toEqual([
      { path: 'environments.prod.approvals[approval].rules', before: expect.any(Array), after: expect.any(Array) },
      { path: 'environments.prod.rollback.approvals[approval].rules', before: expect.any(Array), after: expect.any(Array) },
    ]);
    expect((await config()).version).toBe(before.version);
    // SELF-11: who proposed it does not decide on it, and what was requested before keeps what it was promised.
    const { version: hash } = proposed.json;
    expect(outcome(await approve('admin', hash))).toBe('403 SELF_APPROVAL');
    for (const as of ['cpi', 'viewer', 'lead', 'outsider']) expect(outcome(await approve(as, hash)), as).toBe('403 FORBIDDEN');
    const pending = await createRequest(world, 'dev');
    expect((await approve('policy', hash)).json).toMatchObject({ state: 'in_force', approvedBy: 'policy@example.com' });
    const rules = (await world.call('POST', '/v1/requests/prod/preview?store=false', { as: 'dev', body: requestBody() })).json;
    expect(rules.code === undefined ? rules.approvals.stages[0].rules.length : rules.code).toEqual(rules.code ?? 3);
    expect((await world.state.configuration()).environments['prod']!.approvals[0]!.rules).toHaveLength(3);
    expect((await world.call('GET', `/v1/requests/staging/${pending}`, { as: 'dev' })).json.status.planHash).toMatch(/^sha256:/);
    await runGates(world, pending);
    expect(outcome(await approve('policy', hash))).toBe('409 STATE_CONFLICT');
    expect((await lines()).map(({ type, seq }) => [type, seq])).toEqual([
      ['config.proposed', 1],
      ['config.changed', 2],
    ]);
    expect(
      (await world.state.table.all({ pk: 'NOTICE#0' })).filter(({ body }) => (body as { type: string }).type === 'config.changed'),
    ).toHaveLength(1);
    expect(JSON.stringify(await lines())).not.toContain('audit asks');
  });

  it('that concerns no production is in force at once, and another one that was proposed before it is stale', async () => {
    const other = (await propose('admin', STRICTER.replace('bake: 5s', 'bake: 7s'))).json;
    const next = await propose('admin', STAGING(STRICTER));
    expect(next).toMatchObject({ status: 201, json: { state: 'in_force', needsReview: false } });
    expect((await config()).version).toBe(next.json.version);
    expect(outcome(await approve('policy', other.version))).toBe('409 PLAN_STALE');
    const { versions } = await config();
    expect(versions.map(({ state }: { state: string }) => state).sort()).toEqual(['in_force', 'replaced', 'stale']);
  });

  it('is refused, and changes nothing, where it is not understood, below the floor, or names what the functions cannot reach', async () => {
    const before = [(await config()).version, (await lines()).length];
    for (const [text, expected] of [
      [FILE.replace('approval_timeout_days', 'aproval_timeout_days'), '400 INVALID_REQUEST'],
      ['a: &a [*a, *a]\n', '400 INVALID_REQUEST'],
      [FILE.replace(/approvals:\n\s+- \{ name: approval.*\n/, 'approvals: []\n'), '422 POLICY_FLOOR'],
      [
        FILE.replace(
          'promotion:\n',
          'promotion:\n  policies: [{ name: auto, from_env: staging, to_env: prod, conditions: [], approval: none }]\n',
        ),
        '422 POLICY_FLOOR',
      ],
      [FILE.replace('account: "222222222222"', 'account: "333333333333"'), '422 POLICY_FLOOR'],
      [STAGING(STRICTER), '409 STATE_CONFLICT'],
    ] as const)
      expect(outcome(await propose('admin', text)), expected).toBe(expected);
    const typo = await propose('admin', FILE.replace('approval_timeout_days', 'aproval_timeout_days'));
    expect(typo.json.errors[0].message).toContain('did you mean "approval_timeout_days"?');
    for (const as of ['dev', 'cpi', 'viewer', 'auditor']) expect(outcome(await propose(as, FILE)), as).toBe('403 FORBIDDEN');
    expect(outcome(await approve('policy', `sha256:${'0'.repeat(64)}`))).toBe('404 NOT_FOUND');
    expect(outcome(await approve('policy', '__proto__'))).toBe('404 NOT_FOUND');
    expect([(await config()).version, (await lines()).length]).toEqual(before);
  });

  it('is shown in full to those only who may change it', async () => {
    const { versions, configuration } = await config('viewer');
    expect(configuration).toBeUndefined();
    expect(versions.length).toBeGreaterThan(0);
    expect(JSON.stringify(versions)).not.toMatch(/difference|audit asks|tenant-retail/);
    expect((await config('admin')).configuration.environments.prod.tier).toBe('production');
  });

  it('gives way to a later deployment, which brings a newer file', async () => {
    const row = (await world.state.table.get('CONFIG#0', 'HEAD'))!;
    await world.state.table.put({ ...row, deployed: `sha256:${'1'.repeat(64)}` });
    expect((await world.state.configuration()).hash).toBe(row['hash']);
    world.state.forgetConfiguration();
    expect((await world.state.configuration()).hash).toBe((await config()).deployed);
    await world.state.table.put(row);
    world.state.forgetConfiguration();
    expect((await world.state.configuration()).hash).toBe(row['hash']);
  });

  it('that is in force and cannot be read is not replaced by the deployed one', async () => {
    const row = (await world.state.table.get('CONFIG#0', 'HEAD'))!;
    await world.state.table.put({ ...row, hash: `sha256:${'2'.repeat(64)}` });
    world.state.forgetConfiguration();
    await expect(world.state.configuration()).rejects.toThrow('not stored');
    await world.state.table.put(row);
    world.state.forgetConfiguration();
    await expect(world.state.configuration()).resolves.toMatchObject({ hash: row['hash'] });
  });
});

describe('the description', () => {
  it('fits every answer that these tests were given', () => expectDescribed(world));
});
