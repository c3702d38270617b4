/**
 * The catalogue's races between people, over the real rows: each pair of commands is sent at the same time, again and again. `RACE_ROUNDS` says how
 * often; a few rounds find what is broken for good, the 500 of `npm run test:races` what is broken seldom.
 */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { lineHash } from '../../core/audit/line.ts';
import type { PromotionChange, WakeDraft } from '../../core/promotion/change.ts';
import { create } from '../../core/promotion/create.ts';
import { engineChange } from '../../core/promotion/engine-change.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { openApproval, outcome } from './requests.ts';
import { type Answer, startWorld, type World } from './world.ts';

const ROUNDS = Number(process.env['RACE_ROUNDS'] ?? 12);
/** Each round takes about a third of a second where several test files share two cores. */
const PATIENCE = { timeout: 300_000 + ROUNDS * 3_000 };

let world: World;
/** A request whose approval is open, as a pattern for the others. */
let pattern: string;
let count = 0;

beforeAll(async () => {
  world = await startWorld((configuration) => {
    const cpi = configuration.people.find(({ subject }) => subject === 'cpi')!;
    configuration.people.push({ ...cpi, subject: 'cpi3', email: 'cpi3@example.com' });
    configuration.environments['staging']!.approvals = [{ name: 'review', rules: [{ role: 'cpi', min: 2 }] }];
  });
  pattern = await openApproval(world);
});
afterAll(() => world.close());

/** Another request like the pattern, by two writes instead of ten. */
async function openRequest(): Promise<string> {
  const { promotions, table, clock } = world.state;
  const { promotion, plan, texts } = (await promotions.aggregate(pattern))!;
  const id = `PR-2099-${String(++count).padStart(4, '0')}`;
  const common = { auth: 'oidc', channel: 'rest', requestedVersion: promotion.requestedVersion } as const;
  await promotions.commit(create({ ...common, actor: promotion.requester, id, plan, spec: texts.spec, now: clock.now() }));
  const row = (await table.get(`REQ#${id}`, 'HEAD'))!;
  const body = { ...(row['body'] as object), phase: 'pending_approval' };
  await table.put({ ...row, phase: 'pending_approval', body });
  return id;
}

const send = (id: string, verb: string, as: string, body: object = {}) =>
  world.call('POST', `/v1/requests/staging/${id}/${verb}`, { as, body });
const approve = (id: string, as: string) => send(id, 'approve', as);
const reject = (id: string, as: string) => send(id, 'reject', as, { reason: 'The rollback plan is thin' });
const edit = (id: string, as: string) =>
  world.call('PATCH', `/v1/requests/staging/${id}`, { as, body: { request: { impactAssessment: 'high' } } });

interface After {
  phase: string;
  /** History, from the first decision on. */
  actions: string[];
  /** People whose decision is stored on the plan that stands. */
  decided: string[];
  /** Audit events since the request was made: one for each line of the history. */
  events: string[];
  /** Wakes of this request that begin or end a wait, without the one that began it. */
  wakes: string[];
}

async function after(id: string): Promise<After> {
  const { promotions, table, wakes } = world.state;
  const { promotion, history } = (await promotions.aggregate(id))!;
  const lines = (await table.all({ pk: 'OUTBOX#0' })).filter(({ rid }) => rid === id);
  const events = lines
    .sort((left, right) => Number(left['seq']) - Number(right['seq']))
    .map(({ line }) => JSON.parse(String(line)).type as string);
  expect(
    lines.map(({ seq }) => seq),
    'numbered without a gap',
  ).toEqual(lines.map((_line, index) => index + 1));
  expect(history).toHaveLength(events.length);
  const decisions = (await promotions.decisions(id)).filter(({ planHash }) => planHash === promotion.planHash);
  const pending = (await wakes.pending()).filter(({ requestId }) => requestId === id);
  const woken = pending.map(({ kind, attempt, wait }: WakeDraft) => [kind, attempt, wait].filter((part) => part !== undefined).join(' '));
  for (const wake of await wakes.pending()) await wakes.done(wake);
  await clearOutbox(lines);
  return {
    phase: promotion.phase,
    actions: history.slice(1).map(({ action }) => action),
    decided: decisions.map(({ actor }) => actor.email.split('@')[0]!).sort(),
    events: events.slice(1),
    wakes: woken.filter((wake) => wake !== 'start 1').sort(),
  };
}

/** Rows of rounds that are over would make each round slower than the one before. */
async function clearOutbox(lines: Record<string, unknown>[]): Promise<void> {
  for (const { PK, SK } of lines) await world.state.table.remove(String(PK), String(SK));
}

/** Both at the same time, one of them a little later: by nothing, or by as much as brings it between any two steps of the other. */
async function together(round: number, one: () => Promise<Answer>, other: () => Promise<Answer>): Promise<[string, string]> {
  const later = async (turns: number, run: () => Promise<Answer>) => {
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
    return outcome(await run());
  };
  const turns = (round * 7) % 40;
  return Promise.all([later(round % 2 === 0 ? turns : 0, one), later(round % 2 === 0 ? 0 : turns, other)]);
}

const seen = new Map<string, Set<string>>();
const note = (race: string, result: string) => seen.set(race, (seen.get(race) ?? new Set()).add(result));

it(`RACE-01: two who approve at the same time reach the quorum once, ${ROUNDS} times`, PATIENCE, async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const id = await openRequest();
    expect(
      await together(
        round,
        () => approve(id, 'cpi'),
        () => approve(id, 'cpi2'),
      ),
    ).toEqual(['200', '200']);
    expect(await after(id)).toEqual({
      phase: 'approved',
      actions: ['approved', 'approved'],
      decided: ['cpi', 'cpi2'],
      events: ['approval.decided', 'approval.decided'],
      wakes: ['resume 1 approval'],
    });
  }
});

it(`RACE-01: a third, who comes at the same time, is heard or told that it is over, ${ROUNDS} times`, PATIENCE, async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const id = await openRequest();
    const answers = (await Promise.all(['cpi', 'cpi2', 'cpi3'].map((as) => approve(id, as)))).map(outcome);
    expect(answers.filter((answer) => answer === '200')).toHaveLength(2);
    expect(answers).toContain('409 STATE_CONFLICT');
    expect(await after(id)).toMatchObject({ phase: 'approved', actions: ['approved', 'approved'], wakes: ['resume 1 approval'] });
  }
});

it(`RACE-03: the approval that closes and a rejection have one winner, ${ROUNDS} times`, PATIENCE, async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const id = await openRequest();
    await approve(id, 'cpi3');
    const answers = await together(
      round,
      () => approve(id, 'cpi'),
      () => reject(id, 'cpi2'),
    );
    const isApproved = answers[0] === '200';
    expect(answers).toEqual(isApproved ? ['200', '409 STATE_CONFLICT'] : ['409 STATE_CONFLICT', '200']);
    expect(await after(id)).toEqual({
      phase: isApproved ? 'approved' : 'rejected',
      actions: ['approved', isApproved ? 'approved' : 'rejected'],
      decided: ['cpi3', isApproved ? 'cpi' : 'cpi2'].sort(),
      events: ['approval.decided', 'approval.decided'],
      wakes: ['resume 1 approval'],
    });
    note('reject', answers.join());
  }
});

it(`RACE-03: the approval that closes and a cancellation leave no run that goes on, ${ROUNDS} times`, PATIENCE, async () => {
  const { begin } = await import('../../functions/promotion/begin.task.ts');
  for (let round = 0; round < ROUNDS; round++) {
    const id = await openRequest();
    await approve(id, 'cpi3');
    const answers = await together(
      round,
      () => approve(id, 'cpi'),
      () => send(id, 'cancel', 'dev'),
    );
    const isHeard = answers[0] === '200';
    expect(answers).toEqual([isHeard ? '200' : '409 STATE_CONFLICT', '200']);
    const { phase, actions, decided, wakes } = await after(id);
    expect({ phase, decided }).toEqual({ phase: 'cancelled', decided: isHeard ? ['cpi', 'cpi3'] : ['cpi3'] });
    expect(actions).toEqual(['approved', ...(isHeard ? ['approved'] : []), 'cancelled']);
    expect(wakes).toEqual(['resume 1', ...(isHeard ? ['resume 1 approval'] : [])]);
    const next = await begin({ seal: async () => expect.fail('evidence of a request that was cancelled') } as never)({
      ...{ task: 'begin', requestId: id, attempt: 1 },
    });
    expect(next).toEqual({ next: 'end' });
    note('cancel', answers.join());
  }
});

it(`RACE-03: an approval never counts for the plan that an edit makes meanwhile, ${ROUNDS} times`, PATIENCE, async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const id = await openRequest();
    await approve(id, 'cpi3');
    const answers = await together(
      round,
      () => approve(id, 'cpi'),
      () => edit(id, 'dev'),
    );
    expect(['200', '409 PLAN_CHANGED']).toContain(answers[0]);
    expect(answers[1]).toBe('200');
    const { phase, decided, actions, wakes } = await after(id);
    expect({ phase, decided }).toEqual({ phase: 'validating', decided: [] });
    expect(actions).toEqual(['approved', ...(answers[0] === '200' ? ['approved'] : []), 'edited']);
    expect(wakes).toEqual(expect.arrayContaining(['resume 1', 'start 2']));
    note('edit', answers.join());
  }
});

it('RACE-13: a clock that jumps back and forth leaves the order of events, the log and the deadline as they are', async () => {
  const id = await openRequest();
  const { promotions, table } = world.state;
  const real = Date.now();
  const at = async (shift: number, change: (head: Promotion) => PromotionChange) => {
    vi.useFakeTimers({ toFake: ['Date'], now: real + shift });
    await promotions.commit(change((await promotions.head(id))!));
  };
  const { handler: reconcile } = await import('../../functions/promotion/reconcile.job.ts');
  const note = (name: string) => (head: Promotion) => engineChange(head, head, { type: 'promotion.waiting', action: name });
  try {
    await at(3_600_000, note('an hour ahead'));
    await at(-3_600_000, note('an hour behind'));
    await at(0, note('in between'));
    const { history, promotion } = (await promotions.aggregate(id))!;
    expect(history.map(({ seq, action }) => [seq, action])).toEqual([
      [1, 'created'],
      [2, 'an hour ahead'],
      [3, 'an hour behind'],
      [4, 'in between'],
    ]);
    const lines = (await table.all({ pk: 'OUTBOX#0' }))
      .filter(({ rid }) => rid === id)
      .sort((one, other) => Number(one['seq']) - Number(other['seq']));
    const chain = lines.map(({ line }) => line as string);
    expect(chain.map((line) => JSON.parse(line).prev)).toEqual(['', ...chain.slice(0, -1).map(lineHash)]);
    // Whatever the clock said in between, the request ends at its deadline and not before.
    const deadline = Date.parse(promotion.expiresAt);
    for (const [now, phase] of [
      [deadline - 1, 'pending_approval'],
      [deadline, 'expired'],
    ] as const) {
      vi.setSystemTime(now);
      await reconcile();
      expect((await promotions.head(id))!.phase).toBe(phase);
    }
  } finally {
    vi.useRealTimers();
  }
  const before = await table.get('LOG#head', 'HEAD');
  const { size } = await world.seal();
  expect(size).toBeGreaterThan(Number(before?.['size'] ?? 0));
});

it('the races were races: not all of them ended in one way only', () => {
  if (ROUNDS < 100) return;
  // Which way each goes is up to the machine; that none of them ever goes two ways would mean that nothing raced.
  const won = [...seen].map(([race, results]) => ({ race, ways: results.size }));
  expect(
    won.filter(({ ways }) => ways > 1),
    JSON.stringify(won),
  ).not.toEqual([]);
});
