import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Fault } from '../../../core/errors.ts';
import { cancel, edit } from '../../../core/promotion/create.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import { acting, decisionBy, NOW, prodPlan, requestBody } from '../../core/promotion/fixture.ts';
import { type RunWorld, startRunWorld } from '../run-world.ts';

let world: RunWorld;
let tasks: { begin: ReturnType<typeof import('../../../functions/promotion/begin.task.ts')['begin']> } & {
  wait: typeof import('../../../functions/promotion/wait.task.ts')['wait'];
  fail: typeof import('../../../functions/promotion/fail.task.ts')['fail'];
};
const seal = vi.fn(async (_promotion: Pick<Promotion, 'id' | 'lastOutboxKey'>) => {});

beforeAll(async () => {
  world = await startRunWorld();
  tasks = {
    begin: (await import('../../../functions/promotion/begin.task.ts')).begin({ seal }),
    wait: (await import('../../../functions/promotion/wait.task.ts')).wait,
    fail: (await import('../../../functions/promotion/fail.task.ts')).fail,
  };
});
afterAll(() => world.close());

beforeEach(async () => {
  seal.mockReset();
  world.setTime(NOW.toISOString());
  await world.state.table.remove('ENV#prod#payment-api', 'HEAD');
});

async function approved(more: Partial<Promotion> = {}, request = {}): Promise<Promotion> {
  const promotion = await world.create({}, request);
  const head = await world.put(promotion, { phase: 'approved', approvedAt: NOW.toISOString(), ...more }, [
    decisionBy('lead', promotion),
    decisionBy('security', promotion),
  ]);
  for (const wake of await world.state.wakes.pending()) await world.state.wakes.done(wake);
  return head;
}
const event = ({ id, attempt }: Pick<Promotion, 'id' | 'attempt'>) => ({ task: 'x', requestId: id, attempt });
const environment = () => world.state.environments.get('prod', 'payment-api');

describe('the start of a rollout', () => {
  it('takes the lock once the evidence is sealed, and not before', async () => {
    const promotion = await approved();
    seal.mockRejectedValueOnce(new Fault('AUDIT_UNAVAILABLE', 'not sealed'));
    await expect(tasks.begin(event(promotion))).rejects.toMatchObject({ name: 'AUDIT_UNAVAILABLE' });
    expect((await world.head(promotion)).phase).toBe('approved');
    expect((await environment())?.holder).toBeUndefined();
    seal.mockImplementationOnce(async ({ lastOutboxKey }) => {
      expect(lastOutboxKey).toBe(promotion.lastOutboxKey);
      expect((await world.head(promotion)).phase).toBe('approved');
    });
    expect(await tasks.begin(event(promotion))).toEqual({ next: 'copy' });
    expect(await world.head(promotion)).toMatchObject({ phase: 'promoting', step: 'copying', fence: 1 });
    expect(await environment()).toMatchObject({ holder: `${promotion.id}-1`, fence: 1 });
  });

  it('begun again after a crash goes on without a second event', async () => {
    const promotion = await approved();
    await tasks.begin(event(promotion));
    expect(await tasks.begin(event(promotion))).toEqual({ next: 'copy' });
    expect((await world.events(promotion)).filter((type) => type === 'promotion.started')).toHaveLength(1);
  });

  it('of two at once is one; the other waits and is woken when the first ends', async () => {
    const [one, two] = [await approved(), await approved()];
    const answers = await Promise.all([tasks.begin(event(one)), tasks.begin(event(two))]);
    expect(answers.map(({ next }) => next).sort()).toEqual(['copy', 'turn']);
    const [first, second] = answers[0]!.next === 'copy' ? [one, two] : [two, one];
    expect(answers).toContainEqual({ next: 'turn', waitSeconds: 3600 });
    expect(await world.head(second)).toMatchObject({ phase: 'approved', waitingOn: 'lock' });
    await tasks.wait({ ...event(second), kind: 'turn', taskToken: 'second-turn' });
    expect(await world.wakes(second)).toEqual([]);
    await tasks.fail({ ...event(first), step: 'copying', failure: { Error: 'DIGEST_MISMATCH', Cause: '{"errorMessage":"bytes differ"}' } });
    expect(await world.head(first)).toMatchObject({
      phase: 'failed',
      failure: { code: 'DIGEST_MISMATCH', message: 'bytes differ', step: 'copying' },
    });
    expect((await environment())?.holder).toBeUndefined();
    expect((await environment())?.health).toBe('healthy');
    expect(await world.wakes(second)).toEqual(['resume 1']);
    expect(await tasks.begin(event(second))).toEqual({ next: 'copy' });
    expect(await environment()).toMatchObject({ holder: `${second.id}-1`, fence: 2 });
  });

  it('waits for the scheduled date', async () => {
    const promotion = await approved({}, { scheduledDate: '2026-11-20T12:10:00Z' });
    expect(await tasks.begin(event(promotion))).toEqual({ next: 'turn', waitSeconds: 600 });
    world.setTime('2026-11-20T12:10:00.000Z');
    expect(await tasks.begin(event(promotion))).toEqual({ next: 'copy' });
  });

  it('ends runs of an attempt that is over, of requests that are over, and of none', async () => {
    const promotion = await approved();
    for (const other of [
      { ...promotion, attempt: 2 },
      { id: 'PR-2026-9999', attempt: 1 },
    ])
      expect(await tasks.begin(event(other))).toEqual({ next: 'end' });
    await world.state.promotions.commit(cancel(await world.head(promotion), acting('dev')));
    expect(await tasks.begin(event(promotion))).toEqual({ next: 'end' });
    expect(seal).not.toHaveBeenCalled();
  });

  it('fails where the stored plan is not the one that was approved, or the evidence has gone', async () => {
    const changed = await approved();
    const key = `PLAN#${changed.planHash}`;
    const row = (await world.state.table.get(`REQ#${changed.id}`, key))!;
    await world.state.table.put({ ...row, body: { ...(row['body'] as object), approvals: [] } });
    expect(await tasks.begin(event(changed))).toEqual({ next: 'end' });
    expect((await world.head(changed)).failure?.code).toBe('PLAN_CHANGED');
    const unproven = await approved();
    const evidence = (await world.state.table.get('ENV#staging#payment-api', `DIGEST#${unproven.digest}`))!;
    await world.state.table.remove('ENV#staging#payment-api', `DIGEST#${unproven.digest}`);
    expect(await tasks.begin(event(unproven))).toEqual({ next: 'end' });
    expect((await world.head(unproven)).failure?.code).toBe('EVIDENCE_MISMATCH');
    await world.state.table.put(evidence);
    expect(seal).not.toHaveBeenCalled();
  });

  it('SELF-13: goes back to approval when a decision is of nobody who may approve now, and another one can give it', async () => {
    const promotion = await approved();
    const stranger = decisionBy('qa', promotion, { teams: ['security'] });
    await world.state.table.remove(`DECISION#${promotion.id}`, `${promotion.planHash}#${decisionBy('security', promotion).actor.key}`);
    await world.put(promotion, {}, [stranger]);
    expect(await tasks.begin(event(promotion))).toEqual({ next: 'approval' });
    expect(await world.events(promotion)).toEqual(['promotion.requested', 'approval.voided']);
    expect((await world.head(promotion)).approvedAt).toBeUndefined();
    const { decideRequest } = await import('../../../functions/approval/decide-request.ts');
    const { promotion: decided } = await decideRequest(promotion.id, 'prod', { ...acting('security'), decision: 'approve' });
    expect(decided.phase).toBe('approved');
    expect(await tasks.begin(event(promotion))).toEqual({ next: 'copy' });
  });
});

describe('waiting', () => {
  it('keeps the token; what happened before it was kept wakes the run at once', async () => {
    const promotion = await world.put(await world.create(), { phase: 'pending_approval' });
    const wait = (taskToken: string) => tasks.wait({ ...event(promotion), kind: 'approval', taskToken });
    await wait('first');
    expect(await world.wakes(promotion)).toEqual(['start 1']);
    expect(await world.state.wakes.token(promotion.id, 1)).toEqual({ taskToken: 'first', wait: 'approval' });
    await world.put(promotion, { phase: 'approved' });
    await wait('second');
    expect(await world.wakes(promotion)).toEqual(['resume 1 approval', 'start 1']);
  });

  it('for its turn ends at once when the lock is free or nothing is waited for', async () => {
    const promotion = await approved({ waitingOn: 'lock' });
    const wait = () => tasks.wait({ ...event(promotion), kind: 'turn', taskToken: 't' });
    await wait();
    expect(await world.wakes(promotion)).toEqual(['resume 1 turn']);
    await tasks.begin(event(await approved()));
    await wait();
    // `approved` has cleared the wakes, and no new one has come.
    expect(await world.wakes(promotion)).toEqual([]);
    await world.put(promotion, { waitingOn: 'schedule' });
    await wait();
    expect(await world.wakes(promotion)).toEqual([]);
    const { waitingOn: _none, ...rest } = await world.head(promotion);
    await world.state.table.put({ ...(await world.state.table.get(`REQ#${promotion.id}`, 'HEAD'))!, body: rest });
    await wait();
    expect(await world.wakes(promotion)).toEqual(['resume 1 turn']);
  });

  it('of a run whose plan was edited ends, although the next attempt waits for approval too', async () => {
    const promotion = await world.put(await world.create(), { phase: 'pending_approval' });
    const other = prodPlan(world.configuration, requestBody({}, { rollbackPlan: 'Call somebody' }));
    const edited = await world.state.promotions.commit(
      edit(await world.head(promotion), { ...acting('dev'), ...other, changes: [], requestedVersion: '1.1.0', now: NOW }),
    );
    await world.put(edited, { phase: 'pending_approval' });
    await tasks.wait({ ...event(promotion), kind: 'approval', taskToken: 'old-run' });
    expect(await world.wakes(promotion)).toContain('resume 1 approval');
    await tasks.wait({ ...event(edited), kind: 'approval', taskToken: 'new-run' });
    expect(await world.wakes(promotion)).not.toContain('resume 2 approval');
  });
});

describe('failing', () => {
  const failure = { Error: 'UNAVAILABLE', Cause: 'plain text' };

  it('marks the environment only where it was touched', async () => {
    const promotion = await approved();
    await tasks.begin(event(promotion));
    await tasks.fail({ ...event(promotion), step: 'canary', failure });
    expect(await environment()).toMatchObject({ health: 'failed' });
    expect(await environment()).not.toHaveProperty('holder');
    expect((await world.head(promotion)).failure).toEqual({ code: 'UNAVAILABLE', message: 'plain text', step: 'canary' });
  });

  it('leaves alone a lock that another run holds by now', async () => {
    const promotion = await approved();
    await tasks.begin(event(promotion));
    const row = (await world.state.table.get('ENV#prod#payment-api', 'HEAD'))!;
    await world.state.table.put({ ...row, holder: 'PR-2026-8888-1' });
    await tasks.fail({ ...event(promotion), step: 'copying', failure });
    expect(await environment()).toMatchObject({ holder: 'PR-2026-8888-1' });
    expect((await world.head(promotion)).phase).toBe('failed');
  });

  it.each(['blocked', 'succeeded', 'cancelled', 'expired', 'rejected', 'rolled_back', 'failed'] as const)(
    'leaves a request that is %s',
    async (phase) => {
      const promotion = await approved({ phase });
      expect(await tasks.fail({ ...event(promotion), failure })).toEqual({ next: 'end' });
      expect((await world.head(promotion)).phase).toBe(phase);
      expect(await world.events(promotion)).toEqual(['promotion.requested']);
    },
  );

  it('leaves another attempt and an unknown request, and does it once', async () => {
    const promotion = await approved();
    for (const other of [
      { ...promotion, attempt: 2 },
      { id: 'PR-2026-9999', attempt: 1 },
    ])
      await tasks.fail({ ...event(other), failure });
    expect((await world.head(promotion)).phase).toBe('approved');
    await Promise.all([1, 2].map(() => tasks.fail({ ...event(promotion) })));
    expect(await world.events(promotion)).toEqual(['promotion.requested', 'promotion.failed']);
    expect((await world.head(promotion)).failure).toMatchObject({ code: 'UNKNOWN', step: 'unknown' });
  });
});
