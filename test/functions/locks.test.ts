import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { expectDescribed } from './described.ts';
import { createRequest, openApproval, outcome, runGates } from './requests.ts';
import { DIGEST, startWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld((configuration) => {
    const { staging, prod } = configuration.environments;
    staging!.execute = 'manual';
    prod!.windows = [
      { name: 'audit week', kind: 'deny', start: '2030-03-29T18:00', minutes: 3 * 1_440, repeat: 'FREQ=YEARLY', zone: 'Europe/Paris' },
    ];
    staging!.windows = [{ name: 'stock taking', kind: 'deny', start: '2030-06-01T08:00', minutes: 600, zone: 'Europe/Paris' }];
  });
});
afterAll(() => world.close());
afterEach(async () => {
  vi.useRealTimers();
  for (const row of [...(await lockRows('staging')), ...(await lockRows('prod'))])
    await world.state.table.remove(row['PK'] as string, row['SK'] as string);
});

const lockRows = (environment: string) => world.state.table.all({ pk: `LOCK#${environment}` });
const lock = (as: string, body: object = {}, environment = 'staging') =>
  world.call('POST', `/v1/environments/${environment}/lock`, { as, body: { reason: 'incident 4711', ...body } });
const unlock = (as: string, body: object = {}, environment = 'staging') =>
  world.call('POST', `/v1/environments/${environment}/unlock`, { as, body: { reason: 'it is over', ...body } });
const execute = (id: string) => world.call('POST', `/v1/requests/staging/${id}/execute`, { as: 'cpi', body: {} });
const explain = async (id: string) => (await world.call('GET', `/v1/requests/staging/${id}/explain`, { as: 'cpi' })).json;
const lines = async () =>
  (await world.state.table.all({ pk: 'OUTBOX#0' }))
    .map(({ line }) => JSON.parse(line as string))
    .filter(({ rid }) => rid.startsWith('sys:lock:'));

/** Approved, and waiting for a person's word. */
async function confirmed(): Promise<string> {
  const id = await openApproval(world, 'dev', { target: { version: '1.2.0' } });
  expect((await world.call('POST', `/v1/requests/staging/${id}/approve`, { as: 'cpi', body: {} })).status).toBe(200);
  return id;
}

describe('a lock', () => {
  it('is set and lifted with a reason, shown with it, and each of the two leaves one line of the log', async () => {
    const before = (await lines()).length;
    expect(await lock('cpi', { artifact: 'payment-api' })).toMatchObject({
      status: 200,
      json: { environment: 'staging', tenant: 'tenant-finance', artifact: 'payment-api', locked: true, by: 'cpi@example.com' },
    });
    const again = await lock('cpi', { artifact: 'payment-api' });
    expect(outcome(again)).toBe('409 ENV_LOCKED');
    expect(again.json.detail).toContain('incident 4711');
    const shown = (await world.call('GET', '/v1/environments/staging', { as: 'viewer' })).json;
    const placeOf = (name: string) => shown.artifacts.find(({ artifact }: { artifact: string }) => artifact === name);
    expect(shown.locks).toMatchObject([{ artifact: 'payment-api', reason: 'incident 4711' }]);
    expect(placeOf('payment-api')).toMatchObject({ flags: { locked: true }, lock: { reason: 'incident 4711', by: 'cpi@example.com' } });
    // Neither what is locked nor why is anybody else's business.
    const elsewhere = (await world.call('GET', '/v1/environments/staging', { as: 'outsider' })).json;
    expect(elsewhere.locks).toEqual([]);
    expect(JSON.stringify(elsewhere)).not.toContain('4711');
    expect((await unlock('cpi2', { artifact: 'payment-api' })).json).toMatchObject({ locked: false, reason: 'incident 4711' });
    expect(outcome(await unlock('cpi', { artifact: 'payment-api' }))).toBe('409 STATE_CONFLICT');
    const written = (await lines()).slice(before);
    expect(written.map(({ type, seq }) => [type, seq])).toEqual([
      ['environment.locked', 1],
      ['environment.unlocked', 2],
    ]);
    expect(JSON.stringify(written)).not.toContain('incident');
  });

  it('refuses in the order of the contract, and then has changed nothing', async () => {
    const before = [(await lines()).length, (await lockRows('staging')).length];
    for (const [answer, expected] of [
      [await world.call('POST', '/v1/environments/staging/lock', { body: { reason: 'incident 4711' } }), '401 UNAUTHENTICATED'],
      [await lock('cpi', {}, 'moon'), '404 NOT_FOUND'],
      [await lock('outsider', { artifact: 'payment-api' }), '404 NOT_FOUND'],
      [await lock('cpi', { artifact: 'retail-web' }), '404 NOT_FOUND'],
      [await lock('cpi', { tenant: 'tenant-retail' }), '404 NOT_FOUND'],
      [await lock('cpi', { tenant: '*' }), '404 NOT_FOUND'],
      [await lock('dev'), '403 FORBIDDEN'],
      [await lock('viewer'), '403 FORBIDDEN'],
      [await lock('cpi', { reason: '   ' }), '400 INVALID_REQUEST'],
      [await lock('cpi', { until: 'tomorrow' }), '400 UNKNOWN_FIELD'],
      [await lock('cpi', { artifact: 7 }), '400 INVALID_REQUEST'],
      [await lock('cpi', { artifact: '__proto__' }), '400 INVALID_REF'],
      [await unlock('cpi'), '409 STATE_CONFLICT'],
    ] as const)
      expect(outcome(answer)).toBe(expected);
    expect([(await lines()).length, (await lockRows('staging')).length]).toEqual(before);
  });

  it('of two at the same instant is one', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => lock('cpi')));
    expect(answers.map(outcome).sort()).toEqual(['200', ...Array(7).fill('409 ENV_LOCKED')]);
    expect(await lockRows('staging')).toHaveLength(1);
  });

  it('keeps a person from executing and from rolling back, and says by whom and why', async () => {
    await world.state.environments.adopt('staging', 'payment-api', 'tenant-finance', {
      version: '1.1.0',
      digest: DIGEST,
      requestId: 'adopted',
      at: '2026-11-01T00:00:00.000Z',
    });
    const id = await confirmed();
    // The operator's own lock is of everything.
    expect((await lock('admin')).json).toMatchObject({ tenant: null, artifact: null });
    expect(outcome(await execute(id))).toBe('409 ENV_LOCKED');
    const rollback = { artifact: 'payment-api', to: '1.0.0', reason: 'it answers with errors' };
    const refused = await world.call('POST', '/v1/environments/staging/rollback', { as: 'cpi', body: rollback });
    expect(outcome(refused)).toBe('409 ENV_LOCKED');
    expect(refused.json.detail).toContain('admin@example.com');
    expect((await explain(id)).conditions).toContainEqual(
      expect.objectContaining({ kind: 'lock', met: false, resolution: expect.stringContaining('greenlight unlock staging') }),
    );
    // Only who reaches every tenant ends what holds for every tenant.
    expect(outcome(await unlock('cpi'))).toBe('409 STATE_CONFLICT');
    expect((await unlock('admin')).status).toBe(200);
    expect((await execute(id)).status).toBe(200);
  });

  it('lets requests be made and approved, and wakes who waited when it is lifted', async () => {
    await lock('cpi');
    const id = await createRequest(world, 'dev', { target: { version: '1.2.0' } });
    await runGates(world, id);
    expect((await world.call('POST', `/v1/requests/staging/${id}/approve`, { as: 'cpi', body: {} })).status).toBe(200);
    const head = (await world.state.promotions.head(id))!;
    await world.state.promotions.commit({
      before: head,
      after: { ...head, waitingOn: 'lock' },
      event: {
        type: 'promotion.waiting',
        actor: head.requester,
        auth: 'engine',
        channel: 'engine',
        data: {},
        history: { action: 'waiting' },
      },
    });
    await unlock('cpi');
    expect((await world.state.wakes.pending()).filter(({ requestId, wait }) => requestId === id && wait === 'turn')).toHaveLength(1);
  });
});

describe('a freeze', () => {
  const during = () => vi.useFakeTimers({ toFake: ['Date'], now: new Date('2030-06-01T09:00:00+02:00') });

  it('keeps a person from executing until it is over, and explain says when that is', async () => {
    const id = await confirmed();
    const head = (await world.state.promotions.head(id))!;
    during();
    // The approvals are as old as the request; what is looked at here is the window.
    await world.state.table.put({
      ...(await world.state.table.get(`REQ#${id}`, 'HEAD'))!,
      body: { ...head, approvedAt: '2030-06-01T06:00:00.000Z', expiresAt: '2030-06-30T00:00:00.000Z' },
    });
    const { holdOn } = await import('../../functions/environment/hold.ts');
    const hold = await holdOn(head);
    expect(hold).toMatchObject({ waitingOn: 'window', until: '2030-06-01T16:00:00.000Z' });
    const { execute: rule } = await import('../../core/promotion/create.ts');
    const acting = { actor: head.requester, auth: 'oidc', channel: 'rest' } as const;
    expect(() => rule(head, acting, hold)).toThrow(
      expect.objectContaining({ code: 'FREEZE_WINDOW', hint: expect.stringContaining('16:00') }),
    );
    vi.useRealTimers();
    expect((await explain(id)).conditions).toContainEqual(
      expect.objectContaining({ kind: 'window', met: true, message: 'staging is open' }),
    );
    expect((await execute(id)).status).toBe(200);
  });

  it('is shown with the environment', async () => {
    const { items } = (await world.call('GET', '/v1/environments', { as: 'cpi' })).json;
    expect(items[0].window).toBeUndefined();
    expect(items[2]).toMatchObject({ window: { open: true, closedBy: [] } });
    expect(items[2].artifacts[0].flags.frozen).toBe(false);
  });
});

describe('the description', () => {
  it('fits every answer that these tests were given', () => expectDescribed(world));
});
