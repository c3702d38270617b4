import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { environmentWrites } from '../../../adapters/environment/environment-writes.ts';
import { holding, type RolledBack } from '../../../core/environment/environment.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import { MIGRATIONS_LABEL } from '../../../core/rollout/migrations.ts';
import { expectDescribed } from '../described.ts';
import { eventsOf, outcome, requestBody, runGates } from '../requests.ts';
import { type Answer, DIGEST, startWorld, type World } from '../world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld((configuration) => {
    const { prod } = configuration.registries;
    configuration.registries['prod2'] = { ...prod!, name: 'prod2' };
    configuration.environments['prod']!.registries = ['prod', 'prod2'];
    Object.assign(configuration.environments['staging']!.rollback, { approvals: [], gates: [] });
  });
});
afterAll(() => world.close());

/** A new artifact for each test. */
let artifact: string;
let count = 0;
beforeEach(() => {
  artifact = `service-${++count}`;
  Object.assign(world.registry, { gone: [], labels: {} });
});

const digestOf = (version: string): string => `sha256:${version.replaceAll('.', '').padStart(64, '0')}`;
const at = (minute: number): string => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();

interface Live {
  environment?: string;
  held?: RolledBack[];
  rolledBack?: RolledBack;
  seconds?: number;
}

/** What the engine writes when a version has become live. */
async function live(version: string, minute: number, { environment = 'prod', held = [], rolledBack, seconds }: Live = {}): Promise<void> {
  const { environments, table } = world.state;
  const before = await environments.get(environment, artifact);
  const occupant = { version, digest: digestOf(version), requestId: `PR-2025-${1000 + minute}`, at: at(minute) };
  const place = { environment, artifact, holder: 'PR-1-1' };
  const promotion = { id: occupant.requestId, tenant: 'tenant-finance' } as Promotion;
  const fence = (before?.fence ?? 0) + 1;
  const history = { ...occupant, outcome: 'succeeded' as const, ...(seconds === undefined ? {} : { seconds }) };
  const back = rolledBack ? { rolledBack } : {};
  for (const change of [
    { kind: 'acquire' as const, ...place, fence },
    { kind: 'occupy' as const, ...place, occupant, ...(before?.current ? { previous: before.current } : {}), history, held, ...back },
  ])
    await table.transact(environmentWrites(change, promotion, occupant.at));
}

const call = (path: string, more: object, as = 'cpi', environment = 'prod'): Promise<Answer> =>
  world.call('POST', `/v1/environments/${environment}/${path}`, {
    as,
    body: { artifact, reason: 'orders fail since the release', ...more },
  });
const rollback = (more: object, as?: string, environment?: string) => call('rollback', more, as, environment);
const preview = (more: object, as?: string) => call('rollback/preview', more, as);

describe('a rollback', () => {
  it('is a request of its own kind, within one environment, to the version that ran there', async () => {
    await live('1.2.2', 1);
    await live('1.2.3', 2);
    const answer = await rollback({ to: 'v1.2.2-prod', from: '1.2.3' });
    expect(answer.status, answer.text).toBe(201);
    expect(answer.headers['location']).toBe(`/v1/requests/prod/${answer.json.metadata.id}`);
    expect(answer.json.spec).toMatchObject({
      kind: 'rollback',
      target: { name: artifact, version: '1.2.2', sourceEnvironment: 'prod', targetEnvironment: 'prod' },
      request: {
        justification: 'orders fail since the release',
        releaseNotes: expect.stringContaining('Rolls prod back from 1.2.3 to 1.2.2'),
        priority: 'urgent',
      },
    });
    const { id } = answer.json.metadata;
    const head = (await world.state.promotions.head(id))!;
    expect(head).toMatchObject({ kind: 'rollback', from: 'prod', to: 'prod', digest: digestOf('1.2.2'), releaseVersion: '1.2.2' });
    const plan = (await world.state.promotions.plan(id, head.planHash))!;
    expect(plan).toMatchObject({
      rollbackTarget: digestOf('1.2.3'),
      source: { by: 'PR-2025-1001' },
      registries: { source: 'prod', targets: ['prod', 'prod2'] },
      tags: ['latest-prod'],
      waitSeconds: 0,
      execute: 'auto',
    });
    expect(plan.gates.map(({ name }) => name)).toEqual(['policy', 'signature']);
    expect(await eventsOf(world, id, 'promotion.requested')).toBe(1);
    const { items } = (await world.call('GET', '/v1/requests/prod', { as: 'cpi' })).json;
    expect(items[0]).toMatchObject({ metadata: { id }, spec: { kind: 'rollback' } });
  });

  it('finds a version that ran long before what the environment shows', async () => {
    for (let version = 0; version < 30; version++) await live(`1.0.${version}`, version);
    expect((await rollback({ to: '1.0.0' })).json.status.digest).toBe(digestOf('1.0.0'));
  });

  it('asks as the policy of rollbacks says, and never its own requester', async () => {
    await live('1.2.2', 1);
    await live('1.2.3', 2);
    const { json } = await rollback({ to: '1.2.2' }, 'admin');
    await runGates(world, json.metadata.id);
    const path = `/v1/requests/prod/${json.metadata.id}`;
    expect(outcome(await world.call('POST', `${path}/approve`, { as: 'admin', body: {} }))).toBe('403 SELF_APPROVAL');
    expect(outcome(await world.call('POST', `${path}/approve`, { as: 'lead', body: {} }))).toBe('200');
    const closed = await world.call('POST', `${path}/approve`, { as: 'security', body: {} });
    expect(closed.json.status.phase).toBe('approved');
  });

  it('CAN-13 waits for approval where the policy demands it, and for nobody where it does not', async () => {
    for (const environment of ['staging', 'prod']) {
      await live('1.2.2', 1, { environment });
      await live('1.2.3', 2, { environment });
    }
    const [prod, staging] = [await rollback({ to: '1.2.2' }), await rollback({ to: '1.2.2' }, 'cpi', 'staging')];
    const phases = await Promise.all(
      [prod, staging].map(async ({ json }) => {
        await runGates(world, json.metadata.id);
        return (await world.state.promotions.head(json.metadata.id))!.phase;
      }),
    );
    expect(phases).toEqual(['pending_approval', 'approved']);
  });

  it('is not edited, because its impact belongs to its target', async () => {
    await live('1.2.2', 1);
    await live('1.2.3', 2);
    const { json } = await rollback({ to: '1.2.2' });
    await runGates(world, json.metadata.id);
    const edited = await world.call('PATCH', `/v1/requests/prod/${json.metadata.id}`, {
      as: 'cpi',
      body: { request: { impactAssessment: 'low' } },
    });
    expect(outcome(edited)).toBe('409 STATE_CONFLICT');
    expect(json.status.allowedActions).not.toContain('edit');
  });

  it('is for who holds the verb in the tenant of the artifact, and unknown to everybody else', async () => {
    await live('1.2.2', 1);
    await live('1.2.3', 2);
    for (const as of ['dev', 'viewer', 'lead']) expect(outcome(await rollback({ to: '1.2.2' }, as))).toBe('403 FORBIDDEN');
    expect(outcome(await rollback({ to: '1.2.2' }, 'outsider'))).toBe('404 NOT_FOUND');
    expect(outcome(await rollback({ to: '1.2.2' }, 'cpi', 'moon'))).toBe('404 NOT_FOUND');
    for (const more of [{ to: '' }, { to: '1.2.2', reason: 'short' }, { to: '1.2.2', artifact: 'A B' }, { to: '1.2.2', confirm: 1 }])
      expect((await rollback(more)).status).toBe(400);
    expect(outcome(await rollback({ to: '1.2.2', force: true }))).toBe('400 UNKNOWN_FIELD');
  });
});

describe('what cannot be rolled back', () => {
  it('CAN-11 is a version that a registry has lost, in whole or in part: the refusal says which', async () => {
    await live('1.2.2', 1);
    await live('1.2.3', 2);
    for (const gone of [`prod2 ${digestOf('1.2.2')}`, `prod2 blob of ${digestOf('1.2.2')}`]) {
      world.registry.gone = [gone];
      for (const answer of [await preview({ to: '1.2.2' }), await rollback({ to: '1.2.2' })]) {
        expect(outcome(answer)).toBe('422 VERSION_REFUSED');
        expect(answer.json.detail).toContain('1.2.2 cannot run again: registry prod2');
      }
    }
  });

  it('CAN-11 is a version in quarantine; one that is past its end of life comes back with a warning, unless the configuration refuses it', async () => {
    await live('1.2.2', 1);
    await live('1.2.3', 2);
    world.registry.tags['1.2.2'] = digestOf('1.2.2');
    const path = `/v1/artifacts/${artifact}/versions/1.2.2`;
    const set = (what: string, body: object) => world.call('POST', `${path}/${what}`, { as: 'cpi', body });
    expect((await set('quarantine', { reason: 'it charges every customer twice' })).status).toBe(200);
    for (const answer of [await preview({ to: '1.2.2' }), await rollback({ to: '1.2.2' })]) {
      expect(outcome(answer)).toBe('422 VERSION_REFUSED');
      expect(answer.json.detail).toContain('charges every customer twice');
    }
    await set('quarantine', { reason: 'it was another service', quarantined: false });
    await set('lifecycle', { status: 'eol', replacement: '1.2.3' });
    expect((await preview({ to: '1.2.2' })).json.warnings.join()).toContain('1.2.2 is past its end of life');
  });

  it('is what runs, what never ran, or anything where nothing else ran', async () => {
    expect(outcome(await rollback({ to: '1.2.2' }))).toBe('409 NOTHING_TO_ROLL_BACK');
    await live('1.2.2', 1);
    expect(outcome(await rollback({ to: '1.2.1' }))).toBe('409 NOTHING_TO_ROLL_BACK');
    await live('1.2.3', 2);
    expect(outcome(await rollback({ to: '1.2.3' }))).toBe('409 STATE_CONFLICT');
    expect(outcome(await rollback({ to: '1.2.1' }))).toBe('409 EVIDENCE_MISMATCH');
    expect(outcome(await rollback({ to: '1.2.2', from: '1.2.4' }))).toBe('409 STATE_CONFLICT');
    expect((await world.call('GET', `/v1/requests/prod?artifact=${artifact}`, { as: 'cpi' })).json.items).toEqual([]);
  });

  it('CAN-12 is an environment that somebody changes now; one that others only wait for is free', async () => {
    await live('1.2.2', 1);
    await live('1.2.3', 2);
    const waiting = await rollback({ to: '1.2.2' });
    expect(waiting.status).toBe(201);
    const place = { environment: 'prod', artifact, holder: 'PR-2026-7777-1' };
    const held = environmentWrites({ kind: 'acquire', ...place, fence: 9 }, { tenant: 'tenant-finance' } as Promotion, at(3));
    await world.state.table.transact(held);
    const refused = await rollback({ to: '1.2.2' });
    expect(outcome(refused)).toBe('409 ENV_LOCKED');
    expect(refused.json.detail).toMatch(/by PR-2026-7777 now/);
    await world.state.table.transact(environmentWrites({ kind: 'release', ...place }, { tenant: 't' } as Promotion, at(4)));
    expect((await rollback({ to: '1.2.2' })).status).toBe(201);
  });
});

describe('the impact of a rollback', () => {
  const dropped = JSON.stringify([{ kind: 'drop_column', name: 'orders.total', reversible: false }]);

  it('is shown before, and changes nothing', async () => {
    await live('1.2.2', 1, { seconds: 30 });
    await live('1.2.3', 2, { seconds: 40 });
    world.registry.labels[digestOf('1.2.3')] = {
      [MIGRATIONS_LABEL]: JSON.stringify([{ kind: 'create_table', name: 'refunds', reversible: true }]),
    };
    const rows = async () =>
      (await Promise.all(['OUTBOX#0', 'WAKE#0', 'NOTICE#0'].map((pk) => world.state.table.all({ pk })))).flat().length;
    const before = await rows();
    const { status, json } = await preview({ to: '1.2.2' });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      ...{ environment: 'prod', current: { version: '1.2.3' }, target: { version: '1.2.2' }, confirm: null },
      steps: ['verifying_copy'],
      impact: {
        risk: { level: 'LOW' },
        downtime: { fromSeconds: 30, toSeconds: 40, measuredRollouts: 2 },
        data: { notes: expect.arrayContaining(['These tables will be dropped on rollback']) },
      },
    });
    expect(json.gates.map(({ status }: { status: string }) => status)).toEqual(['passed', 'passed']);
    expect(await rows()).toBe(before);
    const same = await rollback({ to: '1.2.2', planHash: json.planHash });
    expect(same.json.status.planHash).toBe(json.planHash);
  });

  it('CAN-14 has to be confirmed where it is high', async () => {
    await live('1.2.2', 1);
    await live('1.2.3', 2);
    world.registry.labels[digestOf('1.2.3')] = { [MIGRATIONS_LABEL]: dropped };
    const shown = (await preview({ to: '1.2.2' })).json;
    expect(shown).toMatchObject({ confirm: `prod ${digestOf('1.2.2').slice(-6)}`, impact: { risk: { level: 'HIGH' } } });
    for (const confirm of [undefined, false, 'yes', `staging ${digestOf('1.2.2').slice(-6)}`]) {
      const refused = await rollback({ to: '1.2.2', ...(confirm === undefined ? {} : { confirm }) });
      expect(outcome(refused)).toBe('409 CONFIRM_IMPACT');
      expect(refused.json.hint).toContain(shown.confirm);
    }
    for (const confirm of [true, shown.confirm])
      expect((await rollback({ to: '1.2.2', confirm })).json.spec.request.impactAssessment).toBe('high');
  });

  it('is not guessed where the image cannot be read', async () => {
    await live('1.2.2', 1);
    await live('1.2.3', 2);
    world.registry.labels[digestOf('1.2.3')] = new Error('the registry is silent');
    const { impact } = (await preview({ to: '1.2.2' })).json;
    expect(impact).toMatchObject({ data: { risk: 'MEDIUM', notes: ['What 1.2.3 changed is not known: the registry is silent'] } });
  });

  it('is high where the version was itself taken back from there', async () => {
    const bad = { version: '1.2.3', digest: digestOf('1.2.3'), requestId: 'PR-2025-1003', at: at(3) };
    await live('1.2.2', 1);
    await live('1.2.3', 2);
    await live('1.2.2', 3, { held: holding([], bad), rolledBack: bad });
    expect(outcome(await rollback({ to: '1.2.3' }))).toBe('409 CONFIRM_IMPACT');
    expect((await rollback({ to: '1.2.3', confirm: true })).status).toBe(201);
    const { artifacts } = (await world.call('GET', '/v1/environments/prod', { as: 'cpi' })).json;
    const mine = artifacts.find((each: { artifact: string }) => each.artifact === artifact);
    expect(mine).toMatchObject({ current: { version: '1.2.2' }, rolledBack: bad, held: [bad] });
  });

  it('never brings a version that is held back by a machine, promoted or rolled back to', async () => {
    const bad = { version: '1.1.0', digest: DIGEST, requestId: 'PR-2025-1003', at: at(3) };
    await live('1.0.0', 1, { environment: 'staging' });
    await live('1.1.0', 2, { environment: 'staging' });
    const { environments, table } = world.state;
    await live('1.0.0', 3, { environment: 'staging', held: [bad], rolledBack: bad });
    await table.transact([
      {
        put: { PK: `ENV#staging#${artifact}`, SK: 'AT#2025', body: { ...bad, outcome: 'succeeded' } },
      },
    ]);
    expect((await environments.get('staging', artifact))!.held).toEqual([bad]);
    const token = (await world.call('POST', '/v1/tokens', { as: 'cpi', body: { name: 'nightly' } })).json.token;
    const promote = (as: string) => world.call('POST', '/v1/requests/staging', { as, body: requestBody({ target: { name: artifact } }) });
    expect(outcome(await promote(`Bearer ${token}`))).toBe('403 HUMAN_REQUIRED');
    expect((await promote('cpi')).status).toBe(201);
    const back = (as: string) => rollback({ to: DIGEST, confirm: true }, as, 'staging');
    expect(outcome(await back(`Bearer ${token}`))).toBe('403 HUMAN_REQUIRED');
    expect((await back('cpi')).status).toBe(201);
  });

  it('that has changed since the preview voids what was seen', async () => {
    await live('1.2.2', 1);
    await live('1.2.3', 2);
    const { planHash } = (await preview({ to: '1.2.2' })).json;
    world.registry.labels[digestOf('1.2.3')] = { [MIGRATIONS_LABEL]: dropped };
    expect(outcome(await rollback({ to: '1.2.2', planHash }))).toBe('409 PLAN_CHANGED');
  });
});

it('answers nothing that the OpenAPI document does not describe', () => expectDescribed(world));
