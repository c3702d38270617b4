/** Plans of deletions and carrying them out, over the real rows; registries and clusters are in memory. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { pinRows } from '../../adapters/retention/pin-rows.ts';
import { planRows } from '../../adapters/retention/plan-rows.ts';
import type { Configuration } from '../../core/environment/configuration.ts';
import { Fault } from '../../core/errors.ts';
import type { Acting } from '../../core/promotion/create.ts';
import type { StoredImage } from '../../core/retention/inventory.ts';
import type { RetentionWorld } from '../../functions/retention/make-plan.ts';
import { keepSchedule } from '../../functions/retention/schedule.ts';
import { requestBody } from './requests.ts';
import { startWorld, type World } from './world.ts';

const DAY = 86_400_000;

let world: World;
let makePlan: typeof import('../../functions/retention/make-plan.ts').makePlan;
let applyPlan: typeof import('../../functions/retention/apply-plan.ts').applyPlan;
beforeAll(async () => {
  world = await startWorld();
  ({ makePlan } = await import('../../functions/retention/make-plan.ts'));
  ({ applyPlan } = await import('../../functions/retention/apply-plan.ts'));
});
afterAll(() => world.close());

let count = 0;
const digestOf = (version: string): string => `sha256:${Buffer.from(`${artifact}${version}`).toString('hex').padStart(64, '0')}`;
let artifact: string;
let now: Date;
let stored: Record<string, StoredImage[]>;
let deletes: string[];
let refuse: (digest: string) => boolean;
let retention: RetentionWorld;

const minuteOf = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
const occupant = (version: string, minute: number) => ({
  ...{ version, digest: digestOf(version), requestId: `PR-${minute}`, at: minuteOf(minute) },
});

const adopt = (version: string, minute: number) =>
  world.state.environments.adopt('staging', artifact, 'tenant-finance', occupant(version, minute));

/** The rows of a rollout to staging that succeeds. */
async function move(version: string, minute: number, taken?: { back: ReturnType<typeof occupant> }): Promise<void> {
  const { environments, table } = world.state;
  const { environmentWrites } = await import('../../adapters/environment/environment-writes.ts');
  const { pinWrite } = await import('../../adapters/retention/pin-writes.ts');
  const record = (await environments.get('staging', artifact))!;
  const place = { environment: 'staging', artifact, holder: 'PR-1-1' };
  const now_ = occupant(version, minute);
  for (const change of [
    { kind: 'acquire' as const, ...place, fence: record.fence + 1 },
    {
      kind: 'occupy' as const,
      ...place,
      occupant: now_,
      previous: record.current!,
      history: { ...now_, outcome: 'succeeded' as const, ...(taken ? { kind: 'rollback' as const } : {}) },
      held: taken ? [taken.back] : [],
    },
  ])
    await table.transact(environmentWrites(change, { id: now_.requestId, tenant: 'tenant-finance' } as never, minuteOf(minute)));
  await table.transact([pinWrite({ artifact, digest: now_.digest, addEnvironment: 'staging' }, minuteOf(minute))]);
}

beforeEach(() => {
  artifact = `lib-${++count}`;
  now = new Date(Date.now() + 200 * DAY);
  deletes = [];
  refuse = () => false;
  const images = ['1.0.0', '1.1.0', '1.2.0', '1.3.0', '1.4.0'].map(
    (version): StoredImage => ({
      ...{ digest: digestOf(version), tags: [version], pushedAt: new Date().toISOString(), children: [] },
      blobs: [[`blob-${version}`, 1e9]],
    }),
  );
  stored = { dev: images, staging: [], prod: [] };
  const configuration: Configuration = {
    ...world.configuration,
    retention: {
      ...{ keepLast: 3, keepDays: 90, protectedTags: [], keepRollbacks: 1, legalHolds: [], schedule: 'daily' },
      ...{ graceSeconds: 86_400, maxDeletePercent: 60, pricePerGb: 0.09 },
    },
  };
  const clock = { now: () => now };
  retention = {
    configuration,
    clock,
    plans: planRows(world.state.table, clock),
    pins: pinRows(world.state.table, clock),
    environments: world.state.environments,
    promotions: world.state.promotions,
    connect: async () => {
      throw new Fault('UNAVAILABLE', 'the cluster does not answer');
    },
    images: {
      repositories: async () => [],
      stored: async ({ name }, repository) => (repository === artifact ? stored[name]! : []),
      mayDelete: () => true,
      remove: async ({ name }, _repository, digests) => {
        const failed = digests.filter(refuse);
        for (const digest of digests.filter((each) => !failed.includes(each))) {
          deletes.push(`${name} ${digest}`);
          stored[name] = stored[name]!.filter((image) => image.digest !== digest);
        }
        return failed.map((digest) => `${digest}: 500`);
      },
    },
  };
});

const CPI: Acting = { actor: { id: 'a-cpi', key: 'cpi', kind: 'person', email: 'cpi@example.com' }, auth: 'oidc', channel: 'rest' };
const plan = () => makePlan(retention, { tenants: ['tenant-finance'], artifact }, CPI);
const apply = (id: string) => applyPlan(retention, id, CPI, () => false);
const later = (days: number) => {
  now = new Date(now.getTime() + days * DAY);
};
const events = async (id: string) =>
  (await world.state.table.all({ pk: 'OUTBOX#0' }))
    .map(({ line }) => JSON.parse(String(line)))
    .filter(({ rid }) => rid === `sys:gc:${id}`)
    .sort((left, right) => left.seq - right.seq);
const left = () => stored['dev']!.flatMap(({ tags }) => tags);

describe('a plan', () => {
  it('says what would go, with one event, and deletes nothing', async () => {
    const made = await plan();
    expect(made).toMatchObject({
      status: 'planned',
      totals: { artifacts: 5, delete: 2, keep: 3, bytesFreed: 2e9 },
      pricePerGb: 0.09,
      units: 2,
    });
    expect((await retention.plans.units(made)).map(({ version }) => version)).toEqual(['1.0.0', '1.1.0']);
    expect(await events(made.id)).toEqual([expect.objectContaining({ type: 'gc.planned', seq: 1, prev: '' })]);
    expect(deletes).toEqual([]);
  });

  it('is applied after its grace time, one event for each artifact that goes, with what and why, chained', async () => {
    const made = await plan();
    await expect(apply(made.id)).rejects.toThrow(/may be applied from/);
    later(1);
    const applied = await apply(made.id);
    expect(applied).toMatchObject({ status: 'applied', result: { deleted: 2, bytesFreed: 2e9, left: [], failed: [] } });
    expect(left()).toEqual(['1.2.0', '1.3.0', '1.4.0']);
    const told = await events(made.id);
    expect(told.map(({ type, seq }) => `${type} ${seq}`)).toEqual(['gc.planned 1', 'gc.deleted 2', 'gc.deleted 3']);
    expect(told[1].data).toMatchObject({
      artifact,
      version: '1.0.0',
      digests: [digestOf('1.0.0')],
      reason: expect.stringContaining('nothing uses it'),
    });
    expect(await apply(made.id)).toMatchObject({ status: 'applied', result: { deleted: 2 } });
    expect(await events(made.id)).toHaveLength(3);
  });

  it('GC-02: is PLAN_STALE when something of it must stay by now, or the rules have changed; nothing is deleted then', async () => {
    const made = await plan();
    later(2);
    world.registry.tags['1.0.0'] = digestOf('1.0.0');
    const body = requestBody({ target: { name: artifact, version: '1.0.0' } });
    expect((await world.call('POST', '/v1/requests/staging', { as: 'dev', body })).status).toBe(201);
    await expect(apply(made.id)).rejects.toThrow(/1\.0\.0 must stay now/);
    delete world.registry.tags['1.0.0'];
    const another = await plan();
    expect((await retention.plans.units(another)).map(({ version }) => version)).toEqual(['1.1.0']);
    later(2);
    retention.configuration.retention!.keepDays = 91;
    await expect(apply(another.id)).rejects.toThrow(/rules of retention have changed/);
    later(10);
    await expect(apply(another.id)).rejects.toThrow(/has expired/);
    await expect(apply('gc-0000000000000000')).rejects.toThrow(/no such plan/);
    expect(deletes).toEqual([]);
  });

  it('an artifact that is requested after the last look stays: they meet on its row', async () => {
    const made = await plan();
    later(2);
    const { decideDeletion } = retention.pins;
    world.registry.tags['1.0.0'] = digestOf('1.0.0');
    let asked = 0;
    retention.pins.decideDeletion = async (...args) => {
      if (++asked === 1) {
        const body = requestBody({ target: { name: artifact, version: '1.0.0' } });
        expect((await world.call('POST', '/v1/requests/staging', { as: 'dev', body })).status).toBe(201);
      }
      return decideDeletion(...args);
    };
    const applied = await apply(made.id);
    expect(applied.result).toMatchObject({ deleted: 1, left: [{ version: '1.0.0', why: expect.stringContaining('relied on') }] });
    expect(left()).toContain('1.0.0');
    delete world.registry.tags['1.0.0'];
  });

  it('GC-06: goes on past what a registry refuses, says so, and ends what is left when it is applied again', async () => {
    const made = await plan();
    later(2);
    refuse = (digest) => digest === digestOf('1.0.0');
    const first = await apply(made.id);
    expect(first).toMatchObject({ status: 'incomplete', result: { deleted: 1, failed: [{ version: '1.0.0' }] } });
    expect(left()).toContain('1.0.0');
    refuse = () => false;
    expect(await keepSchedule(retention, () => false)).toEqual(
      expect.arrayContaining([expect.objectContaining({ id: made.id, status: 'applied' })]),
    );
    expect((await retention.plans.get(made.id))!.result).toMatchObject({ deleted: 2, failed: [] });
    expect(left()).toEqual(['1.2.0', '1.3.0', '1.4.0']);
  });

  it('GC-06: killed after the deletion and before it was said, it says it once', async () => {
    const made = await plan();
    later(2);
    const { finishDeletion } = retention.pins;
    retention.pins.finishDeletion = async () => {
      throw new Error('killed');
    };
    await expect(apply(made.id)).rejects.toThrow('killed');
    expect(left()).not.toContain('1.0.0');
    retention.pins.finishDeletion = finishDeletion;
    expect(await apply(made.id)).toMatchObject({ status: 'applied', result: { deleted: 2 } });
    expect((await events(made.id)).map(({ data }) => data.version ?? data.plan)).toEqual([made.id, '1.0.0', '1.1.0']);
  });

  it('GC-07: is stopped when it would delete nearly everything', async () => {
    retention.configuration.retention!.keepLast = 0;
    const made = await plan();
    expect(made.stop).toMatch(/5 of 5 artifacts \(100 %\)/);
    later(2);
    expect(await apply(made.id)).toMatchObject({ status: 'stopped' });
    expect(deletes).toEqual([]);
  });

  it('GC-10: nothing goes whose use cannot be read, and the plan says why', async () => {
    retention.configuration.artifacts = {
      ...world.configuration.artifacts,
      [artifact]: { name: artifact, tenant: 'tenant-finance', workload: { name: artifact, container: artifact, replicas: 1, smoke: [] } },
    };
    expect(await plan()).toMatchObject({ totals: { delete: 0 }, unavailable: [{ artifact, why: 'the cluster does not answer' }] });
    delete retention.configuration.artifacts[artifact]!.workload;
    const made = await plan();
    expect(made.units).toBe(2);
    retention.configuration.artifacts[artifact]!.workload = { name: artifact, container: artifact, replicas: 1, smoke: [] };
    later(2);
    await expect(apply(made.id)).rejects.toThrow(/cannot be read/);
    expect(deletes).toEqual([]);
  });

  it('an environment lets go of what it neither runs nor may return to, and of nothing else', async () => {
    await adopt('1.0.0', 1);
    await move('1.1.0', 2);
    await move('1.4.0', 3);
    const made = await plan();
    expect((await retention.plans.units(made)).map(({ version }) => version)).toEqual(['1.0.0']);
    expect(made.kept.map(({ reason, versions }) => `${reason}: ${versions}`)).toEqual([
      'in use: 1.4.0',
      'rollback: 1.1.0',
      'keep last: 1.2.0,1.3.0',
    ]);
    later(2);
    expect(await apply(made.id)).toMatchObject({ result: { deleted: 1 } });
    expect((await retention.pins.standing(artifact, digestOf('1.1.0'))).environments).toEqual(new Set(['staging']));
  });
});

describe('the way back', () => {
  it('that is proven stays, however many versions that were taken back are newer', async () => {
    await adopt('1.0.0', 1);
    await move('1.1.0', 2);
    await move('1.2.0', 3);
    await move('1.1.0', 4, { back: occupant('1.2.0', 3) });
    const made = await plan();
    expect(await retention.plans.units(made)).toEqual([]);
    expect(made.kept.map(({ reason, versions }) => `${reason}: ${versions}`)).toContain('rollback: 1.0.0,1.2.0');
  });
});

describe('the schedule', () => {
  it('plans once a day, applies after the grace time, and leaves out what must stay by then', async () => {
    later(300);
    retention.configuration.artifacts = { [artifact]: { name: artifact, tenant: 'tenant-finance' } };
    const ran = async () => (await keepSchedule(retention, () => false)).filter((each) => each.createdBy === 'system');
    const first = (await ran()).find(({ status }) => status === 'planned')!;
    expect(first.units).toBe(2);
    expect(await ran()).toEqual([]);
    later(2);
    const second = await ran();
    expect(second).toContainEqual(expect.objectContaining({ id: first.id, status: 'applied' }));
    expect(left()).toEqual(['1.2.0', '1.3.0', '1.4.0']);
    retention.configuration.retention!.schedule = 'never';
    later(5);
    expect(await ran()).toEqual([]);
    delete retention.configuration.retention;
    expect(await ran()).toEqual([]);
    expect((await plan()).warnings[0]).toMatch(/not configured/);
  });

  it('RACE-11: one run at a time, the second is told so; a run that was killed stops nobody for ever', async () => {
    expect(await retention.plans.begin('first')).toBe(true);
    expect(await retention.plans.begin('second')).toBe(false);
    const { handler } = await import('../../functions/retention/retain.job.ts');
    await world.state.table.put({ PK: 'RETENTION#0', SK: 'RUN', run: 'first', until: new Date(now.getTime() + 60_000).toISOString() });
    for (const job of ['retention', 'lifecycle'] as const)
      expect(await handler({ job })).toMatchObject({ outcome: 'refused', code: 'ALREADY_RUNNING' });
    await retention.plans.end('second');
    expect(await retention.plans.begin('second')).toBe(false);
    later(1);
    expect(await retention.plans.begin('third')).toBe(true);
    await retention.plans.end('third');
    expect(await handler({ job: 'lifecycle' })).toMatchObject({ outcome: 'done' });
  });
});

describe('REQ-340: reminders', () => {
  it('go once for each mark to who looks after versions and to owners of products, while the version runs', async () => {
    const version = '3.0.0';
    const name = 'payment-api';
    await world.state.environments.adopt('prod', name, 'tenant-finance', {
      version,
      digest: digestOf(version),
      requestId: 'adopted',
      at: new Date().toISOString(),
    });
    world.registry.tags[version] = digestOf(version);
    await world.call('POST', '/v1/consumers', {
      as: 'dev',
      body: { artifact: name, product: 'orders', owner: 'orders@example.com', pipelines: [] },
    });
    const eolDate = new Date(Date.now() + 20 * DAY).toISOString().slice(0, 10);
    const set = { status: 'deprecated', eolDate, replacement: '4.0.0' };
    expect((await world.call('POST', `/v1/artifacts/${name}/versions/${version}/lifecycle`, { as: 'cpi', body: set })).status).toBe(200);
    const { remindOfEnds } = await import('../../functions/lifecycle/remind-of-ends.ts');
    expect(await remindOfEnds({ configuration: world.configuration })).toEqual([`${name} ${version} ${eolDate}#30`]);
    expect(await remindOfEnds({ configuration: world.configuration })).toEqual([]);
    const notices = (await world.state.table.all({ pk: 'NOTICE#0' })).map(
      ({ body }) => body as { to?: string[]; data: Record<string, unknown> },
    );
    const reminder = notices.find(({ data }) => data['signal'] === 'end_of_life')!;
    expect(reminder.to).toEqual(expect.arrayContaining(['orders@example.com', 'cpi@example.com', 'admin@example.com']));
    expect(reminder.to).not.toContain('viewer@example.com');
    expect(reminder.data['reason']).toMatch(/reaches its end of life on .*; move to 4\.0\.0/);
  });
});
