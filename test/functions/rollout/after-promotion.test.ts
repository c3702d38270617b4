/** A promotion whose checks fail after its end, over real rows: the cluster and what the workload answers are doubled. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { environmentWrites } from '../../../adapters/environment/environment-writes.ts';
import { raiseAlert } from '../../../adapters/notification/system-alerts.ts';
import { ENGINE } from '../../../core/access/identity.ts';
import type { RolledBack } from '../../../core/environment/environment.ts';
import { Fault } from '../../../core/errors.ts';
import { withPhase } from '../../../core/promotion/change.ts';
import { create } from '../../../core/promotion/create.ts';
import { engineChange } from '../../../core/promotion/engine-change.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import type { MetricAnswer } from '../../../core/rollout/metric.ts';
import type { Cluster } from '../../../core/rollout/ports.ts';
import { actor, prodPlan, requestBody } from '../../core/promotion/fixture.ts';
import { startWorld, type World } from '../world.ts';

const MOST = 20;
let world: World;
beforeAll(async () => {
  world = await startWorld((configuration) => {
    const { 'payment-api': api } = configuration.artifacts;
    const { workload } = api!;
    const metrics = [{ name: 'errors', prometheus: 'https://prometheus.example.com', query: 'errors', max: 1 }];
    configuration.artifacts = {};
    // A new one for each test.
    for (let count = 1; count <= MOST; count++)
      configuration.artifacts[`api-${count}`] = {
        ...api!,
        name: `api-${count}`,
        workload: { ...workload!, name: `api-${count}`, metrics },
      };
    configuration.environments['prod']!.rollback.watchAfterSeconds = 1_800;
    configuration.lifecycle.support.blockEol = true;
  });
});
afterAll(() => world.close());

const digestOf = (version: string): string => `sha256:${version.replaceAll('.', '').padStart(64, '0')}`;
let artifact: string;
let count = 0;
/** Seconds since 1.2.0 came. */
let seconds: number;
/** What the cluster runs, what its workload answers, what metrics say. */
let runs: string;
let health: number;
let measured: MetricAnswer;
let hasAddress: boolean;
/** Happens between the probe and what follows from it. */
let meanwhile: () => Promise<void>;
let lost: Fault | undefined;

beforeEach(() => {
  artifact = `api-${++count}`;
  Object.assign(world.registry, { gone: [], labels: {} });
  [seconds, runs, health, hasAddress, lost] = [60, digestOf('1.2.0'), 200, true, undefined];
  measured = { kind: 'value', value: 0 };
  meanwhile = async () => undefined;
});

const began = Date.UTC(2026, 0, 1);
const at = (more: number) => new Date(began + more * 1000).toISOString();

interface Live {
  held?: RolledBack[];
  requestId?: string;
}

/** What the engine writes when a version has become live. */
async function live(version: string, when: number, { held = [], requestId = `PR-2025-${1000 + count}` }: Live = {}): Promise<void> {
  const { environments, table } = world.state;
  const before = await environments.get('prod', artifact);
  const occupant = { version, digest: digestOf(version), requestId, at: at(when) };
  const place = { environment: 'prod', artifact, holder: 'PR-1-1' };
  const promotion = { id: requestId, tenant: 'tenant-finance' } as Promotion;
  const history = { ...occupant, outcome: 'succeeded' as const };
  for (const change of [
    { kind: 'acquire' as const, ...place, fence: (before?.fence ?? 0) + 1 },
    { kind: 'occupy' as const, ...place, occupant, ...(before?.current ? { previous: before.current } : {}), history, held },
  ])
    await table.transact(environmentWrites(change, promotion, occupant.at));
}

/** 1.1.0 ran, and `dev` has promoted 1.2.0 just now. */
async function promoted(more: Live = {}): Promise<string> {
  const { plan, spec } = prodPlan(world.configuration, requestBody({ name: artifact }));
  const id = `PR-2026-${5000 + count}`;
  const brought = { ...plan, artifact, version: '1.2.0', digest: digestOf('1.2.0') };
  const by = { actor: actor('dev'), auth: 'oidc', channel: 'rest' } as const;
  await world.state.promotions.commit(create({ ...by, id, now: new Date(began), plan: brought, spec, requestedVersion: '1.2.0' }));
  await live('1.1.0', -3_600);
  await live('1.2.0', 0, { ...more, requestId: id });
  return id;
}

const cluster = {
  deployment: async () => {
    if (lost) throw lost;
    const { container } = world.configuration.artifacts[artifact]!.workload!;
    return { spec: { template: { spec: { containers: [{ name: container, image: `registry.example.com/x@${runs}` }] } } } };
  },
  service: async () => ({
    spec: { ports: [{ port: 80 }] },
    status: { loadBalancer: hasAddress ? { ingress: [{ hostname: 'app.example.com' }] } : {} },
  }),
} as unknown as Cluster;

async function look(): Promise<string[]> {
  const { lookAfterPromotions } = await import('../../../functions/rollout/look-after-promotions.ts');
  const { draftRollback } = await import('../../../functions/rollout/draft-rollback.ts');
  const { lockOn } = await import('../../../functions/environment/hold.ts');
  const { promotions, environments, watches, table } = world.state;
  const clock = { now: () => new Date(began + seconds * 1000) };
  const { takenBack } = await lookAfterPromotions({
    ...{ promotions, environments, watches, clock, lockOn },
    configuration: async () => ({ ...world.configuration, artifacts: { [artifact]: world.configuration.artifacts[artifact]! } }),
    origin: 'https://greenlight.example.com',
    connect: async () => cluster,
    probe: async (_origin, { path }) => {
      await meanwhile();
      const body = { status: path.includes('ready') ? 'ready' : 'ok', id: 'x' };
      return {
        kind: 'answer',
        status: path === '/api/health' ? health : 200,
        body: `${JSON.stringify(body)}`.replace('"ok"', '"ok","x":"Sign In"'),
      };
    },
    metrics: async () => measured,
    draft: (ask) => draftRollback(ask, world.reader),
    alert: (reason, where) =>
      raiseAlert(
        table,
        clock.now(),
        { type: 'environment.failing', data: where },
        { type: 'environment.alert', data: { ...where, reason } },
      ),
  });
  return takenBack;
}

/** A look each minute. */
async function looks(number: number): Promise<string[]> {
  const ids: string[] = [];
  for (let each = 0; each < number; each++, seconds += 60) ids.push(...(await look()));
  return ids;
}

async function alerts(): Promise<{ requestId: string; reason: string; to?: string[] }[]> {
  const rows = await world.state.table.all({ pk: 'NOTICE#0' });
  return rows
    .map((row) => row['body'] as { type: string; requestId: string; to?: string[]; data: { reason: string; artifact?: string } })
    .filter(({ type, requestId, data }) => type === 'environment.alert' && (data.artifact === artifact || !requestId.startsWith('sys:')))
    .map(({ requestId, data, to }) => ({ requestId, reason: data.reason, ...(to ? { to } : {}) }));
}

const events = async () => (await world.state.table.all({ pk: 'OUTBOX#0' })).length;

describe('a promotion whose checks fail twice after its end', () => {
  it('CAN-13 is taken back by itself, to what it replaced, and nobody and nothing is asked first', async () => {
    const promotion = await promoted();
    health = 500;
    expect(await looks(1)).toEqual([]);
    const before = await events();
    const [id, ...more] = await looks(1);
    expect(more).toEqual([]);
    const head = (await world.state.promotions.head(id!))!;
    expect(head).toMatchObject({
      kind: 'rollback',
      phase: 'requested',
      artifact,
      to: 'prod',
      digest: digestOf('1.1.0'),
      requester: ENGINE,
    });
    const plan = (await world.state.promotions.plan(id!, head.planHash))!;
    expect(plan).toMatchObject({ approvals: [], gates: [], waitSeconds: 0, execute: 'auto', rollbackTarget: digestOf('1.2.0') });
    const { spec } = (await world.state.promotions.texts(id!))!;
    expect(spec.request.justification).toContain('/api/health answered 500');
    // One event and one notice more, in the transaction of the request: not one can be there without the other.
    expect(await events()).toBe(before + 1);
    const mine = (await alerts()).filter(({ requestId }) => requestId === id);
    expect(mine).toEqual([{ requestId: id, reason: expect.stringContaining('1.2.0 fails its checks'), to: ['dev@example.com'] }]);
    expect((await world.state.wakes.pending()).filter(({ requestId }) => requestId === id)).toMatchObject([{ kind: 'start' }]);
    const shown = await world.call('GET', `/v1/requests/prod/${id}`, { as: 'cpi' });
    expect(shown.json.metadata.createdBy).toBe('system');
    expect(shown.json.status.approvals.stages).toEqual([]);
    expect((await world.state.environments.get('prod', artifact))!.current!.requestId).toBe(promotion);
  });

  it('is asked for once, whoever looks at the same time or comes again after a crash', async () => {
    await promoted();
    health = 500;
    await looks(1);
    const [one, two] = await Promise.all([look(), look()]);
    expect([...one, ...two]).toHaveLength(1);
    expect(await looks(3)).toEqual([]);
  });

  it('is taken back by the same request when the process dies before that is stored', async () => {
    await promoted();
    health = 500;
    await looks(1);
    const { promotions } = world.state;
    const { commit } = promotions;
    const tried: string[] = [];
    promotions.commit = async (change) => {
      tried.push(change.after.id);
      throw new Error('killed');
    };
    expect(await looks(2)).toEqual([]);
    promotions.commit = commit;
    const [id] = await looks(1);
    expect(tried).toEqual([id, id]);
  });

  it('CAN-11 is taken back to a version past its end of life, which nobody may ask for: it undoes a change and chooses nothing', async () => {
    await promoted();
    health = 500;
    const path = `/v1/artifacts/${artifact}/versions/1.1.0/lifecycle`;
    const end = await world.call('POST', path, { as: 'cpi', body: { status: 'eol', eolDate: '2026-01-15' } });
    expect(end.status, end.text).toBe(200);
    const body = { artifact, to: '1.1.0', reason: 'orders fail since the release' };
    expect((await world.call('POST', '/v1/environments/prod/rollback', { as: 'cpi', body })).json).toMatchObject({
      code: 'VERSION_REFUSED',
    });
    const [id] = await looks(2);
    const { promotions } = world.state;
    const head = (await promotions.head(id!))!;
    const approved = withPhase(withPhase(head, 'validating'), 'approved', {
      approvedAt: new Date().toISOString(),
      expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
    });
    await promotions.commit(engineChange(head, approved, { type: 'promotion.waiting', action: 'approved' }));
    const { begin } = await import('../../../functions/promotion/begin.task.ts');
    expect(await begin({ seal: async () => undefined })({ task: 'begin', requestId: id!, attempt: 1 })).toEqual({ next: 'copy' });
  });

  it('is taken back for its metrics too, and not because the metrics service is away', async () => {
    await promoted();
    measured = { kind: 'none', reason: 'the metrics service answered 503', unreached: true };
    expect(await looks(3)).toEqual([]);
    measured = { kind: 'value', value: 5 };
    expect(await looks(2)).toHaveLength(1);
  });
});

describe('a promotion stays', () => {
  it('when the second look finds it well again, or looks overlap', async () => {
    await promoted();
    health = 500;
    await looks(1);
    health = 200;
    await looks(1);
    health = 500;
    await look();
    seconds += 30;
    expect(await look()).toEqual([]);
    seconds += 15;
    expect(await look()).toHaveLength(1);
  });

  it('when nothing could be found out: the cluster is away, runs something else, or has no address for it', async () => {
    await promoted();
    health = 500;
    lost = new Fault('UNAVAILABLE', 'the cluster did not answer');
    expect(await looks(2)).toEqual([]);
    [lost, runs] = [undefined, digestOf('9.9.9')];
    expect(await looks(2)).toEqual([]);
    [runs, hasAddress] = [digestOf('1.2.0'), false];
    expect(await looks(2)).toEqual([]);
    expect((await alerts()).filter(({ requestId }) => requestId.startsWith('sys:'))).toEqual([]);
  });

  it('when its time is over', async () => {
    await promoted();
    health = 500;
    seconds = 1_790;
    await looks(1);
    expect(await looks(3)).toEqual([]);
  });

  it('while somebody has locked the environment, also since the checks began, and goes when it is unlocked', async () => {
    await promoted();
    health = 500;
    await looks(1);
    const lock = (verb: string) =>
      world.call('POST', `/v1/environments/prod/${verb}`, { as: 'cpi', body: { artifact, reason: 'we look at it' } });
    let locked = false;
    meanwhile = async () => {
      if (!locked) expect((await lock('lock')).status).toBe(200);
      locked = true;
    };
    expect(await looks(3)).toEqual([]);
    expect(locked).toBe(true);
    expect((await alerts()).filter(({ requestId }) => requestId.startsWith('sys:'))).toEqual([]);
    expect((await lock('unlock')).status).toBe(200);
    expect(await looks(2)).toHaveLength(1);
  });

  it('while another rollout has begun since the checks did, and is left to it', async () => {
    await promoted();
    health = 500;
    await looks(1);
    const { environments, table } = world.state;
    const place = { environment: 'prod', artifact, holder: 'PR-9-1' };
    const owner = { id: 'PR-9', tenant: 'tenant-finance' } as Promotion;
    let acquired = false;
    meanwhile = async () => {
      if (acquired) return;
      acquired = true;
      const { fence } = (await environments.get('prod', artifact))!;
      await table.transact(environmentWrites({ kind: 'acquire', ...place, fence: fence + 1 }, owner, at(100)));
    };
    expect(await looks(2)).toEqual([]);
    expect((await alerts()).filter(({ requestId }) => requestId.startsWith('sys:'))).toEqual([]);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    [
      'CAN-14 its risk is high',
      async () => {
        await promoted();
        const drop = JSON.stringify([{ kind: 'drop_table', name: 'orders', reversible: false }]);
        world.registry.labels[digestOf('1.2.0')] = { 'greenlight.dev/migrations': drop };
      },
      'the risk of going back is high',
    ],
    [
      'what it replaced was taken back itself',
      () => promoted({ held: [{ version: '1.1.0', digest: digestOf('1.1.0'), requestId: 'PR-1', at: at(0) }] }),
      'the risk of going back is high',
    ],
    [
      'CAN-11 a registry has lost what it replaced',
      async () => {
        await promoted();
        world.registry.gone.push(`prod ${digestOf('1.1.0')}`);
      },
      'cannot run again',
    ],
  ])('and people are told once, with one event, when %s', async (_, prepare, why) => {
    await prepare();
    health = 500;
    await looks(1);
    const before = await events();
    expect(await looks(4)).toEqual([]);
    expect((await alerts()).filter(({ requestId }) => requestId.startsWith('sys:'))).toEqual([
      { requestId: expect.anything(), reason: expect.stringContaining(why) },
    ]);
    expect(await events()).toBe(before + 1);
  });

  it('and people are told when a registry that is away keeps it from going back for long; it goes when that is back', async () => {
    await promoted();
    health = 500;
    const { digestOf: asks } = world.reader;
    world.reader.digestOf = async () => {
      throw new Fault('UNAVAILABLE', 'registry prod did not answer');
    };
    expect(await looks(7)).toEqual([]);
    expect((await alerts()).filter(({ requestId }) => requestId.startsWith('sys:'))).toMatchObject([
      { reason: expect.stringContaining('registry prod did not answer') },
    ]);
    world.reader.digestOf = asks;
    expect(await looks(1)).toHaveLength(1);
  });

  it('where the person who may has cancelled its way back', async () => {
    await promoted();
    health = 500;
    const [id] = await looks(2);
    expect((await world.call('POST', `/v1/requests/prod/${id}/cancel`, { as: 'cpi', body: {} })).status).toBe(200);
    expect(await looks(3)).toEqual([]);
  });
});
