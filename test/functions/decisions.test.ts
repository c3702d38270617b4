import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { expectDescribed } from './described.ts';
import { createRequest, eventsOf, openApproval, outcome, requestBody, runGates } from './requests.ts';
import { startWorld, type World } from './world.ts';

let world: World;

beforeAll(async () => {
  world = await startWorld((configuration) => {
    const common = { name: 'x', tenants: ['tenant-finance'], teams: [], disabled: false };
    configuration.people.push(
      { ...common, subject: 'robot', email: 'robot@example.com', roles: ['cpi'], owner: 'dev' },
      { ...common, subject: 'cpi3', email: 'cpi3@example.com', roles: ['cpi'] },
      { ...common, subject: 'second-account', email: 'C.P.I+work@EXAMPLE.com', roles: ['cpi'] },
    );
    configuration.environments['staging']!.approvals = [{ name: 'review', rules: [{ role: 'cpi', min: 2 }] }];
  });
});
afterAll(() => world.close());

const path = (id: string, verb = '') => `/v1/requests/staging/${id}${verb && `/${verb}`}`;
const approve = (id: string, as: string, body: object = {}) => world.call('POST', path(id, 'approve'), { as, body });

describe('approving', () => {
  it('counts distinct people until the rule is met', async () => {
    const id = await openApproval(world);
    const first = await approve(id, 'cpi', { comment: 'Approved after review' });
    expect(first.json.status).toMatchObject({ phase: 'pending_approval' });
    expect(first.json.status.approvals.stages[0].rules[0].given).toEqual(['cpi@example.com']);
    const second = await approve(id, 'cpi2');
    expect(second.json.status).toMatchObject({ phase: 'approved', state: 'approved', approvedBy: 'cpi2@example.com' });
    expect(second.json.status.history.at(-2)).toMatchObject({
      action: 'approved',
      by: 'cpi@example.com',
      comment: 'Approved after review',
    });
    expect(await eventsOf(world, id, 'approval.decided')).toBe(2);
  });

  it('SELF-07 answers the same decision again without a second effect, and ALREADY_DECIDED to another', async () => {
    const id = await openApproval(world);
    await approve(id, 'cpi');
    const again = await approve(id, 'cpi');
    expect(again.status).toBe(200);
    expect(again.json.status.approvals.stages[0].rules[0].given).toHaveLength(1);
    const rejected = await world.call('POST', path(id, 'reject'), { as: 'cpi', body: { reason: 'on second thoughts no' } });
    expect(outcome(rejected)).toBe('409 ALREADY_DECIDED');
    expect(await eventsOf(world, id, 'approval.decided')).toBe(1);
  });

  it('SELF-01 refuses the requester, with one audit event for each attempt', async () => {
    const id = await openApproval(world, 'cpi');
    expect(outcome(await approve(id, 'cpi'))).toBe('403 SELF_APPROVAL');
    expect(outcome(await world.call('POST', path(id, 'reject'), { as: 'cpi', body: { reason: 'too short' } }))).toBe('403 SELF_APPROVAL');
    expect(await eventsOf(world, id, 'approval.refused')).toBe(2);
    expect((await world.call('GET', path(id), { as: 'cpi' })).json.status.phase).toBe('pending_approval');
  });

  it('SELF-02 takes a second account of the requester for the requester', async () => {
    const id = await openApproval(world, 'cpi');
    expect(outcome(await approve(id, 'C.P.I+work@EXAMPLE.com'))).toBe('403 SELF_APPROVAL');
  });

  it('SELF-09 lets a rejection win, and ends the request', async () => {
    const id = await openApproval(world);
    await approve(id, 'cpi');
    const reason = 'The rollback plan is not enough';
    const rejected = await world.call('POST', path(id, 'reject'), { as: 'cpi2', body: { reason } });
    expect(rejected.json.status).toMatchObject({ state: 'rejected', rejectedBy: 'cpi2@example.com', rejectionReason: reason });
    expect(outcome(await approve(id, 'admin'))).toBe('403 NOT_AN_APPROVER');
    expect(outcome(await approve(id, 'cpi'))).toMatch(/^(200|409 STATE_CONFLICT)$/);
  });

  it('tells who comes second that the request is over, also when the first comes between two reads', async () => {
    const id = await openApproval(world);
    const reading = vi.spyOn(world.state.promotions, 'decisions').mockImplementationOnce(async (wanted) => {
      reading.mockRestore();
      await world.call('POST', path(id, 'reject'), { as: 'cpi2', body: { reason: 'The rollback plan is not enough' } });
      return world.state.promotions.decisions(wanted);
    });
    expect(outcome(await approve(id, 'cpi'))).toBe('409 STATE_CONFLICT');
    expect(await eventsOf(world, id, 'approval.decided')).toBe(1);
  });

  it('SELF-10 takes an approval back while approval is open, and not after', async () => {
    const id = await openApproval(world);
    await approve(id, 'cpi');
    const withdrawn = await world.call('POST', path(id, 'withdraw'), { as: 'cpi' });
    expect(withdrawn.json.status.approvals.stages[0].rules[0].given).toEqual([]);
    expect(outcome(await world.call('POST', path(id, 'withdraw'), { as: 'cpi' }))).toBe('409 STATE_CONFLICT');
    await approve(id, 'cpi');
    expect((await approve(id, 'cpi2')).json.status.phase).toBe('approved');
    expect(outcome(await world.call('POST', path(id, 'withdraw'), { as: 'cpi' }))).toBe('409 STATE_CONFLICT');
  });

  it('AUTH-07 and AUTH-12 refuse viewers, people whom no rule asks, other tenants and machines', async () => {
    const id = await openApproval(world, 'cpi2');
    expect(outcome(await approve(id, 'viewer'))).toBe('403 FORBIDDEN');
    expect(outcome(await approve(id, 'dev'))).toBe('403 FORBIDDEN');
    expect(outcome(await approve(id, 'lead'))).toBe('403 NOT_AN_APPROVER');
    expect(outcome(await approve(id, 'outsider'))).toBe('404 NOT_FOUND');
    expect(outcome(await approve(id, 'robot'))).toBe('403 HUMAN_REQUIRED');
    expect(await eventsOf(world, id, 'approval.decided')).toBe(0);
  });

  it('refuses before the gates are done, another plan, and a reason that is too short', async () => {
    const id = await createRequest(world);
    expect(outcome(await approve(id, 'cpi'))).toBe('409 STATE_CONFLICT');
    await runGates(world, id);
    expect(outcome(await approve(id, 'cpi', { planHash: `sha256:${'0'.repeat(64)}` }))).toBe('409 PLAN_CHANGED');
    expect(outcome(await world.call('POST', path(id, 'reject'), { as: 'cpi', body: { reason: 'no  no  no' } }))).toBe(
      '400 INVALID_REQUEST',
    );
  });

  it('RACE-01 reaches the quorum once when two approve at the same time', async () => {
    const id = await openApproval(world);
    const answers = await Promise.all([approve(id, 'cpi'), approve(id, 'cpi2')]);
    expect(answers.map((answer) => answer.status)).toEqual([200, 200]);
    const { status } = (await world.call('GET', path(id), { as: 'dev' })).json;
    expect(status.phase).toBe('approved');
    expect(await eventsOf(world, id, 'approval.decided')).toBe(2);
  });
});

describe('the answer to a write', () => {
  /** Answer to a write, which must be what the same person reads afterwards, and the calls of AWS that it took. */
  async function write(as: string, method: string, address: string, body: object) {
    // Which version of the configuration is in force is read once in a few seconds, not by each call.
    await world.state.configuration();
    const before = world.awsCalls.length;
    const answer = await world.call(method, address, { as, body });
    const calls = world.awsCalls.slice(before);
    const read = await world.call('GET', path(answer.json.metadata.id as string), { as });
    expect(answer.json).toEqual(read.json);
    return { answer, calls };
  }

  it('is what the request then is, and takes no more calls of the table than its rules need', async () => {
    const created = await write('dev', 'POST', '/v1/requests/staging', requestBody());
    const id = created.answer.json.metadata.id as string;
    // Who asks, what runs in both environments, who may stand in for whom, which versions are in quarantine, the number, the change.
    expect(created.calls.sort()).toEqual(['GetItem', 'GetItem', 'GetItem', 'Query', 'Query', 'TransactWriteItems', 'UpdateItem']);
    await runGates(world, id);
    for (const as of ['cpi', 'cpi2']) {
      const { calls } = await write(as, 'POST', path(id, 'approve'), { comment: 'looked at it' });
      // Who asks, the request, its decisions, who may stand in for whom, whether the two approve each other, the change.
      expect(calls.sort()).toEqual(['GetItem', 'GetItem', 'Query', 'Query', 'Query', 'TransactWriteItems']);
    }
    await world.state.configuration();
    const before = world.awsCalls.length;
    await world.call('GET', path(id), { as: 'dev' });
    expect(world.awsCalls.slice(before).sort()).toEqual(['GetItem', 'Query', 'Query', 'Query']);
  });

  it('is what the request then is, also when it is rejected, or when a decision is taken back and given again', async () => {
    const rejected = await openApproval(world);
    const { answer } = await write('cpi', 'POST', path(rejected, 'reject'), { reason: 'not while the audit runs' });
    expect(answer.json.status).toMatchObject({ phase: 'rejected', rejectionReason: 'not while the audit runs' });
    const again = await openApproval(world);
    await write('cpi', 'POST', path(again, 'approve'), {});
    await write('cpi', 'POST', path(again, 'withdraw'), {});
    const { answer: given } = await write('cpi', 'POST', path(again, 'approve'), { comment: 'after all' });
    expect(given.json.status.approvals.stages[0].rules[0].given).toEqual(['cpi@example.com']);
  });
});

describe('what waits for me', () => {
  it('lists open requests that ask for me, without my own and those I have decided', async () => {
    const pending = async (as: string) =>
      ((await world.call('GET', '/v1/requests/staging/pending?limit=100', { as })).json.items as { metadata: { id: string } }[]).map(
        (item) => item.metadata.id,
      );
    const [mine, theirs] = [await openApproval(world, 'cpi'), await openApproval(world, 'dev')];
    expect(await pending('cpi')).toContain(theirs);
    expect(await pending('cpi')).not.toContain(mine);
    expect(await pending('cpi2')).toEqual(expect.arrayContaining([mine, theirs]));
    await approve(theirs, 'cpi');
    expect(await pending('cpi')).not.toContain(theirs);
    expect(await pending('lead')).toEqual([]);
    expect(await pending('outsider')).toEqual([]);
  });

  it('explains what is missing, who can give it, and when it could start', async () => {
    const id = await openApproval(world, 'cpi');
    await approve(id, 'cpi2');
    const { json } = await world.call('GET', path(id, 'explain'), { as: 'cpi' });
    expect(json.conditions).toContainEqual({
      kind: 'approval',
      name: 'review: cpi',
      met: false,
      message: 'needs 1 more of cpi',
      missing: 1,
      who: ['cpi3@example.com'],
    });
    expect(json.earliestStart).toBeNull();
    const timeline = await world.call('GET', path(id, 'timeline'), { as: 'cpi' });
    expect(timeline.json.items.map((item: { seq: number }) => item.seq)).toEqual([1, 2, 3, 4]);
  });
});

describe('the description', () => {
  it('fits every answer that these tests were given', () => expectDescribed(world));
});
