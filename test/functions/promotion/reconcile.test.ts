import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { membershipOfKey } from '../../../core/access/membership.ts';
import { decide } from '../../../core/approval/decide.ts';
import { askedFrom } from '../../../core/approval/remind.ts';
import { expired } from '../../../core/promotion/begin.ts';
import { PHASES } from '../../../core/promotion/phase.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import type { Reconciled } from '../../../functions/promotion/reconcile.job.ts';
import { acting, decisionBy, keyOf, NOW } from '../../core/promotion/fixture.ts';
import { type RunWorld, startRunWorld } from '../run-world.ts';

/** How often a race is run; `npm run test:races` does it 500 times. */
const ROUNDS = Number(process.env['RACE_ROUNDS'] ?? 12);
const PATIENCE = { timeout: 300_000 + ROUNDS * 3_000 };

let world: RunWorld;
let reconcile: typeof import('../../../functions/promotion/reconcile.job.ts')['handler'];

beforeAll(async () => {
  world = await startRunWorld();
  ({ handler: reconcile } = await import('../../../functions/promotion/reconcile.job.ts'));
});
afterAll(() => world.close());
beforeEach(() => world.setTime(NOW.toISOString()));

/** Everything that the job did: what is not named must not have happened. */
const done = (some: Partial<Reconciled>): Reconciled => ({
  expired: 0,
  lapsed: 0,
  reminded: 0,
  woken: 0,
  overdue: 0,
  superseded: 0,
  ...some,
});

/** Ends what earlier tests left, so that each counts its own. */
async function clear(): Promise<void> {
  const { items } = await world.state.promotions.listOpen({ tenants: ['tenant-finance'], limit: 1000 });
  for (const promotion of items) await world.put(promotion, { phase: 'cancelled' });
  for (const wake of await world.state.wakes.pending()) await world.state.wakes.done(wake);
}

describe('the deadline', () => {
  it('ends every request that may expire at that instant and not before, and tells its run', async () => {
    await clear();
    const requests = new Map<string, Promotion>();
    for (const phase of PHASES) requests.set(phase, await world.put(await world.create(), { phase }));
    const { expiresAt } = requests.get('approved')!;
    world.setTime(new Date(Date.parse(expiresAt) - 1).toISOString());
    expect(await reconcile()).toEqual(done({}));
    world.setTime(expiresAt);
    expect(await reconcile()).toEqual(done({ expired: 4 }));
    expect(await reconcile()).toEqual(done({}));
    const gone = ['validating', 'blocked', 'pending_approval', 'approved'];
    for (const [phase, request] of requests) {
      const head = await world.head(request);
      expect(head.phase, phase).toBe(gone.includes(phase) ? 'expired' : phase);
      if (gone.includes(phase)) {
        expect(await world.events(request)).toEqual(['promotion.requested', 'promotion.expired']);
        expect(await world.wakes(request)).toContain('resume 1');
      }
    }
  });

  it('two jobs at once expire each request once', async () => {
    await clear();
    const requests = await Promise.all([1, 2, 3, 4].map(() => world.create()));
    for (const request of requests) await world.put(request, { phase: 'pending_approval' });
    world.setTime(requests[0]!.expiresAt);
    const outcomes = await Promise.all([reconcile(), reconcile()]);
    expect(outcomes[0]!.expired + outcomes[1]!.expired).toBe(4);
    for (const request of requests) expect(await world.events(request)).toEqual(['promotion.requested', 'promotion.expired']);
  });

  it(
    `RACE-02: approval and expiry at the same instant have exactly one winner, and the history agrees, ${ROUNDS} times`,
    PATIENCE,
    async () => {
      await clear();
      const outcomes = { approved: 0, expired: 0 };
      const membership = membershipOfKey(world.configuration, keyOf('security'));
      for (let round = 0; round < ROUNDS; round++) {
        const created = await world.create();
        const promotion = await world.put(created, { phase: 'pending_approval' }, [decisionBy('lead', created)]);
        const plan = (await world.state.promotions.plan(promotion.id, promotion.planHash))!;
        const decisions = await world.state.promotions.decisions(promotion.id);
        const facts = {
          promotion,
          plan,
          decisions,
          membership,
          approvers: await world.state.approversNow(),
          gatesHash: '',
          isReciprocal: false,
          now: new Date(Date.parse(promotion.expiresAt) - 1).toISOString(),
        };
        const outcome = decide({ ...facts, hashText: () => '' }, { ...acting('security'), decision: 'approve' });
        if (outcome.kind !== 'change') throw new Error();
        const changes = [outcome.change, expired(promotion)];
        if (round % 2) changes.reverse();
        const [first, second] = await Promise.allSettled(changes.map((change) => world.state.promotions.commit(change)));
        expect([first!.status, second!.status].sort()).toEqual(['fulfilled', 'rejected']);
        const { phase } = await world.head(promotion);
        expect(await world.events(promotion)).toEqual([
          'promotion.requested',
          phase === 'approved' ? 'approval.decided' : 'promotion.expired',
        ]);
        expect(await world.state.promotions.decisions(promotion.id)).toHaveLength(phase === 'approved' ? 2 : 1);
        outcomes[phase as 'approved']++;
      }
      expect(outcomes.approved + outcomes.expired).toBe(ROUNDS);
    },
  );

  it(
    `RACE-02: a decision that is on its way when the deadline comes is taken or refused as a whole, ${ROUNDS} times`,
    PATIENCE,
    async () => {
      await clear();
      const { decideRequest } = await import('../../../functions/approval/decide-request.ts');
      for (let round = 0; round < ROUNDS; round++) {
        world.setTime(NOW.toISOString());
        const created = await world.create();
        const promotion = await world.put(created, { phase: 'pending_approval' }, [decisionBy('lead', created)]);
        world.setTime(new Date(Date.parse(promotion.expiresAt) - 1).toISOString());
        const deciding = decideRequest(promotion.id, 'prod', { ...acting('security'), decision: 'approve' });
        const said = deciding.then(
          () => 'approved',
          (error: { code?: string }) => error.code,
        );
        // Somewhere between its first read and its answer.
        for (let turn = 0; turn < round % 16; turn++) await new Promise((resolve) => setImmediate(resolve));
        world.setTime(promotion.expiresAt);
        const [answer] = await Promise.all([said, reconcile()]);
        await reconcile();
        const decided = await world.state.promotions.decisions(promotion.id);
        expect((await world.head(promotion)).phase).toBe('expired');
        if (answer === 'approved')
          expect(await world.events(promotion)).toEqual(['promotion.requested', 'approval.decided', 'promotion.expired']);
        else {
          expect(answer).toBe('EXPIRED');
          expect(await world.events(promotion)).toEqual(['promotion.requested', 'promotion.expired']);
        }
        expect(decided).toHaveLength(answer === 'approved' ? 2 : 1);
      }
    },
  );

  it('takes no decision any more, from whoever comes late', async () => {
    await clear();
    const { decideRequest } = await import('../../../functions/approval/decide-request.ts');
    const request = await world.put(await world.create(), { phase: 'pending_approval' });
    world.setTime(request.expiresAt);
    const approve = () => decideRequest(request.id, 'prod', { ...acting('lead'), decision: 'approve' });
    await expect(approve()).rejects.toMatchObject({ code: 'EXPIRED' });
    await reconcile();
    await expect(approve()).rejects.toMatchObject({ code: 'EXPIRED' });
    expect(await world.state.promotions.decisions(request.id)).toEqual([]);
  });
});

describe('approvals that were given long ago', () => {
  const DAY = 86_400_000;
  const inDays = (days: number) => new Date(NOW.getTime() + days * DAY).toISOString();

  it('RACE-19: of a date after their end are asked for again then, and the rollout begins at its date by the new ones', async () => {
    await clear();
    const { begin } = await import('../../../functions/promotion/begin.task.ts');
    const { decideRequest } = await import('../../../functions/approval/decide-request.ts');
    const run = (promotion: Promotion) =>
      begin({ seal: async () => {} } as never)({ task: 'begin', requestId: promotion.id, attempt: promotion.attempt });
    const approveBoth = async (promotion: Promotion) => {
      for (const subject of ['lead', 'security']) await decideRequest(promotion.id, 'prod', { ...acting(subject), decision: 'approve' });
    };
    const created = await world.create({}, { scheduledDate: inDays(5) });
    const promotion = await world.put(created, { phase: 'pending_approval' });
    await approveBoth(promotion);
    expect(await run(promotion)).toMatchObject({ next: 'turn' });
    world.setTime(new Date(Date.parse(inDays(3)) - 1).toISOString());
    expect(await reconcile()).toEqual(done({}));
    world.setTime(inDays(3));
    expect(await reconcile()).toEqual(done({ lapsed: 1 }));
    expect(await reconcile()).toEqual(done({}));
    expect(await world.wakes(promotion)).toContain('resume 1 turn');
    expect(await run(promotion)).toEqual({ next: 'approval' });
    const asked = await world.head(promotion);
    expect(asked).toMatchObject({ phase: 'pending_approval', edition: 2 });
    expect(asked.planHash).not.toBe(promotion.planHash);
    await approveBoth(promotion);
    world.setTime(inDays(5));
    expect(await run(promotion)).toEqual({ next: 'copy' });
    expect((await world.events(promotion)).filter((type) => type === 'approval.decided' || type === 'approval.voided')).toEqual([
      ...['approval.decided', 'approval.decided', 'approval.voided', 'approval.decided', 'approval.decided'],
    ]);
    await world.put(await world.head(promotion), { phase: 'succeeded' });
    await world.state.table.remove('ENV#prod#payment-api', 'HEAD');
  });

  it('two jobs at once ask once', async () => {
    await clear();
    const promotion = await world.put(await world.create(), { phase: 'approved', approvedAt: NOW.toISOString() });
    world.setTime(inDays(3));
    const outcomes = await Promise.all([reconcile(), reconcile()]);
    expect(outcomes[0]!.lapsed + outcomes[1]!.lapsed).toBe(1);
    expect(await world.events(promotion)).toEqual(['promotion.requested', 'approval.voided']);
  });
});

describe('people who do not answer', () => {
  it('are reminded by the settings of the environment, once by two jobs at once, and somebody else hears of it', async () => {
    await clear();
    const { afterSeconds, escalateAfterSeconds } = world.configuration.environments['prod']!.reminders;
    const later = (seconds: number) => world.setTime(new Date(NOW.getTime() + seconds * 1000).toISOString());
    const promotion = await world.put(await world.create(), { phase: 'pending_approval', ...askedFrom(NOW.toISOString()) });
    later(afterSeconds - 1);
    expect(await reconcile()).toEqual(done({}));
    later(afterSeconds);
    const outcomes = await Promise.all([reconcile(), reconcile()]);
    expect(outcomes[0]!.reminded + outcomes[1]!.reminded).toBe(1);
    later(escalateAfterSeconds);
    await reconcile();
    expect((await world.head(promotion)).reminders).toMatchObject({ given: 1, escalated: true });
  });
});

describe('a run that sleeps in vain', () => {
  it('is woken when its date has come, or the lock is free; nobody else is', async () => {
    await clear();
    const approved = async (more: Partial<Promotion>) => world.put(await world.create(), { phase: 'approved', ...more });
    const due = await approved({ waitingOn: 'schedule', scheduledDate: NOW.toISOString() });
    const ahead = await approved({ waitingOn: 'schedule', scheduledDate: '2026-11-20T12:00:00.001Z' });
    const queued = await approved({ waitingOn: 'lock' });
    const unconfirmed = await approved({ waitingOn: 'confirm' });
    for (const wake of await world.state.wakes.pending()) await world.state.wakes.done(wake);
    await world.state.table.put({
      PK: 'ENV#prod#payment-api',
      SK: 'HEAD',
      environment: 'prod',
      artifact: 'payment-api',
      fence: 1,
      revision: 1,
      holder: 'x',
    });
    expect(await reconcile()).toEqual(done({ woken: 1 }));
    expect(await world.wakes(due)).toEqual(['resume 1 turn']);
    expect([await world.wakes(ahead), await world.wakes(queued), await world.wakes(unconfirmed)]).toEqual([[], [], []]);
    await world.state.table.remove('ENV#prod#payment-api', 'HEAD');
    expect(await reconcile()).toEqual(done({ woken: 2 }));
    expect(await world.wakes(queued)).toEqual(['resume 1 turn']);
    expect(await world.wakes(unconfirmed)).toEqual([]);
  });
});

it('one request that cannot be read keeps no other from its end', async () => {
  await clear();
  const [broken, whole] = [await world.create(), await world.create()];
  for (const request of [broken, whole]) await world.put(request, { phase: 'pending_approval' });
  // The next history line of this one is taken: its transaction can never go through.
  await world.state.table.put({ PK: `REQ#${broken.id}`, SK: 'EVENT#000002', body: {} });
  world.setTime(whole.expiresAt);
  expect((await reconcile()).expired).toBe(1);
  expect((await world.head(whole)).phase).toBe('expired');
});
