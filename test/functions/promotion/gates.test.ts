import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cancel, retry } from '../../../core/promotion/create.ts';
import { PHASES, type Phase } from '../../../core/promotion/phase.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import { acting } from '../../core/promotion/fixture.ts';
import { type RunWorld, startRunWorld } from '../run-world.ts';

let world: RunWorld;
let runGates: ReturnType<typeof import('../../../functions/gate/run-gates.task.ts')['runGates']>;
let settleGates: typeof import('../../../functions/gate/settle-gates.task.ts')['settleGates'];
let finishRun: typeof import('../../../functions/gate/finish-run.ts')['finishRun'];
let request: Promotion;

beforeAll(async () => {
  world = await startRunWorld();
  runGates = (await import('../../../functions/gate/run-gates.task.ts')).runGates(world.runner);
  ({ settleGates } = await import('../../../functions/gate/settle-gates.task.ts'));
  ({ finishRun } = await import('../../../functions/gate/finish-run.ts'));
});
afterAll(() => world.close());

beforeEach(async () => {
  for (const name of Object.keys(world.gates)) delete world.gates[name];
  world.gateRuns.length = 0;
  request = await world.create();
  for (const wake of await world.state.wakes.pending()) await world.state.wakes.done(wake);
});

const event = (attempt = 1) => ({ task: 'x', requestId: request.id, attempt });
const run = (attempt = 1, taskToken = `gates-${request.id}`) => runGates({ ...event(attempt), taskToken });
const results = async (attempt = 1) =>
  Object.fromEntries((await world.state.promotions.gates(request.id, attempt)).map(({ name, status }) => [name, status]));

describe('running the gates', () => {
  it('runs all of them, records each once, and wakes the run with the last', async () => {
    expect(await run()).toEqual({ next: 'end' });
    expect(await results()).toEqual({ policy: 'passed', signature: 'passed', http: 'passed' });
    expect(await world.wakes(request)).toEqual(['resume 1 gates']);
    expect(await world.state.wakes.token(request.id, 1)).toEqual({ taskToken: `gates-${request.id}`, wait: 'gates' });
    expect(await world.events(request)).toEqual([
      'promotion.requested',
      'gates.started',
      ...Array.from({ length: 3 }, () => 'gate.finished'),
    ]);
    expect((await world.head(request)).phase).toBe('validating');
  });

  it('runs the others when one fails, cannot be evaluated, or throws', async () => {
    world.gates['policy'] = 'failed';
    world.gates['signature'] = () => Promise.reject(new Error('no connection'));
    await run();
    expect(await results()).toEqual({ policy: 'failed', signature: 'errored', http: 'passed' });
    const [signature] = (await world.state.promotions.gates(request.id, 1)).filter(({ name }) => name === 'signature');
    expect(signature).toMatchObject({ message: expect.stringContaining('no connection'), resolution: expect.stringContaining('retry') });
  });

  it('waits for a gate that answers later, and takes its answer once', async () => {
    world.gates['http'] = 'running';
    await run();
    expect(await world.wakes(request)).toEqual([]);
    const { runId } = world.gateRuns.find(({ gate }) => gate === 'http')!;
    const answer = (status: 'passed' | 'failed', more = {}) =>
      finishRun({ runId, requestId: request.id, attempt: 1, gate: 'http', ...more }, { status, message: '', resolution: '' });
    expect(await answer('failed', { gate: 'nothing' })).toBe('late');
    expect(await answer('failed', { attempt: 2 })).toBe('late');
    expect(await answer('failed', { requestId: 'PR-2026-9999' })).toBe('late');
    expect(await Promise.all([answer('passed'), answer('passed')])).toEqual(expect.arrayContaining(['recorded', 'repeated']));
    expect(await answer('failed')).toBe('late');
    expect(await results()).toMatchObject({ http: 'passed' });
    expect(await world.wakes(request)).toEqual(['resume 1 gates']);
  });

  it('after a crash runs only what has no result yet, under the same run id', async () => {
    world.gates['http'] = 'running';
    await run();
    const before = world.gateRuns.splice(0);
    world.gates['http'] = 'passed';
    await run(1, 'second-token');
    expect(world.gateRuns).toEqual(before.filter(({ gate }) => gate === 'http'));
    expect(await results()).toMatchObject({ http: 'passed' });
    expect((await world.state.wakes.token(request.id, 1))?.taskToken).toBe('second-token');
    await run(1, 'third-token');
    expect(world.gateRuns).toHaveLength(1);
    expect(await world.wakes(request)).toEqual(['resume 1 gates', 'resume 1 gates']);
    expect((await world.events(request)).filter((type) => type === 'gates.started')).toHaveLength(1);
  });

  it('runs nothing for a request that is over or has another attempt, but wakes the run so that it sees that', async () => {
    await run(7, 'other');
    await world.state.promotions.commit(cancel(await world.head(request), acting('dev')));
    for (const wake of await world.state.wakes.pending()) await world.state.wakes.done(wake);
    await run();
    expect(world.gateRuns).toEqual([]);
    expect(await world.wakes(request)).toEqual(['resume 1 gates']);
  });

  it('records nothing once the request was cancelled meanwhile', async () => {
    world.gates['policy'] = async () => {
      await world.state.promotions.commit(cancel(await world.head(request), acting('dev')));
      return 'passed';
    };
    await run();
    expect((await world.head(request)).phase).toBe('cancelled');
    expect((await world.events(request)).at(-1)).toBe('promotion.cancelled');
  });

  it('starts with no results in the next attempt', async () => {
    world.gates['policy'] = 'failed';
    await run();
    await settleGates(event());
    await world.state.promotions.commit(retry(await world.head(request), acting('dev')));
    world.gates['policy'] = 'passed';
    await run(2, 'next');
    expect(await results(1)).toMatchObject({ policy: 'failed' });
    expect(await results(2)).toEqual({ policy: 'passed', signature: 'passed', http: 'passed' });
    expect(await settleGates(event(1))).toEqual({ next: 'end' });
    expect(await settleGates(event(2))).toEqual({ next: 'approval' });
  });
});

describe('settling the gates', () => {
  it('asks for approval when all have passed, and says so again without doing it again', async () => {
    await run();
    expect(await settleGates(event())).toEqual({ next: 'approval' });
    expect(await settleGates(event())).toEqual({ next: 'approval' });
    expect((await world.events(request)).filter((type) => type === 'approval.requested')).toHaveLength(1);
  });

  it.each(['failed', 'errored', 'inconclusive'] as const)('ends the run when one is %s', async (status) => {
    world.gates['signature'] = status;
    await run();
    expect(await settleGates(event())).toEqual({ next: 'end' });
    expect(await world.head(request)).toMatchObject({ phase: 'blocked' });
    expect(await settleGates(event())).toEqual({ next: 'end' });
  });

  it('takes no answer for no pass: all that still run are inconclusive', async () => {
    world.gates['signature'] = 'running';
    world.gates['http'] = 'running';
    await run();
    expect(await settleGates(event())).toEqual({ next: 'end' });
    expect(await results()).toEqual({ policy: 'passed', signature: 'inconclusive', http: 'inconclusive' });
    expect((await world.head(request)).phase).toBe('blocked');
  });

  it('blocks where the gates never came to run', async () => {
    await world.put(request, { phase: 'validating' });
    expect(await settleGates(event())).toEqual({ next: 'end' });
    expect((await world.head(request)).phase).toBe('blocked');
  });

  it.each(PHASES)('in phase %s only says what is next', async (phase) => {
    if (phase === 'validating') return;
    await world.put(request, { phase });
    const next: Partial<Record<Phase, string>> = { pending_approval: 'approval', approved: 'begin' };
    expect(await settleGates(event())).toEqual({ next: next[phase] ?? 'end' });
    expect((await world.head(request)).phase).toBe(phase);
  });
});
