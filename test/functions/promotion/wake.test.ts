import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { SendTaskSuccessCommand, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type RunWorld, startRunWorld } from '../run-world.ts';

let world: RunWorld;
let wake: typeof import('../../../functions/promotion/wake.event.ts')['handler'];
const lambda = mockClient(LambdaClient);

beforeAll(async () => {
  world = await startRunWorld();
  ({ handler: wake } = await import('../../../functions/promotion/wake.event.ts'));
});
afterAll(async () => {
  lambda.restore();
  await world.close();
});
beforeEach(async () => {
  lambda.reset();
  lambda.on(InvokeCommand).resolves({});
  for (const row of await world.state.wakes.pending()) await world.state.wakes.done(row);
  world.started.length = 0;
  world.woken.length = 0;
});

const add = (kind: 'start' | 'resume', requestId: string, wait?: 'gates' | 'approval' | 'turn', attempt = 1) =>
  world.state.wakes.add({ kind, requestId, attempt, ...(wait ? { wait } : {}) });

describe('starting runs', () => {
  it('CRASH-01: keeps the row until the run exists, and starts it once', async () => {
    const request = await world.create();
    let isAway = true;
    world.sfn.on(StartExecutionCommand, { name: `${request.id}-1` }).callsFake(async ({ name }: { name: string }) => {
      if (isAway) throw new Error('Step Functions is away');
      if (world.started.includes(name)) throw Object.assign(new Error('x'), { name: 'ExecutionAlreadyExists' });
      world.started.push(name);
    });
    await expect(wake()).rejects.toThrow('away');
    expect(await world.wakes(request)).toEqual(['start 1']);
    expect(world.started).toEqual([]);
    isAway = false;
    // The process may also die between the start and the removal of the row: the row comes again.
    await wake();
    await add('start', request.id);
    expect(await wake()).toEqual({ woken: 1 });
    expect(world.started).toEqual([`${request.id}-1`]);
    expect(await world.wakes(request)).toEqual([]);
  });

  it('serves the others when one cannot be served, and says so', async () => {
    world.sfn.on(StartExecutionCommand, { name: 'PR-2026-7001-1' }).rejects(new Error('broken'));
    await add('start', 'PR-2026-7001');
    await add('start', 'PR-2026-7002');
    await expect(wake()).rejects.toThrow('broken');
    expect(world.started).toEqual(['PR-2026-7002-1']);
    expect((await world.state.wakes.pending()).map(({ requestId }) => requestId)).toEqual(['PR-2026-7001']);
  });
});

describe('a burst', () => {
  it('is served until the time is nearly up, and by the next run from there', async () => {
    const ids = Array.from({ length: 6 }, (_, index) => `PR-2026-710${index}`);
    for (const id of ids) await add('start', id);
    const clock = vi.spyOn(performance, 'now');
    world.sfn.on(StartExecutionCommand).callsFake(async ({ name }: { name: string }) => {
      world.started.push(name);
      if (world.started.length === 4) clock.mockReturnValue(Number.POSITIVE_INFINITY);
    });
    expect(await wake()).toEqual({ woken: 4 });
    clock.mockRestore();
    expect(await world.state.wakes.pending()).toHaveLength(2);
    expect(await wake()).toEqual({ woken: 2 });
    expect(world.started.sort()).toEqual(ids.map((id) => `${id}-1`));
  });
});

describe('waking runs', () => {
  it('completes the present wait, once, however often it is asked (RACE-07)', async () => {
    await world.state.wakes.keepToken('PR-1', 1, 'approval', 'token-a');
    await add('resume', 'PR-1', 'approval');
    await add('resume', 'PR-1', 'approval');
    await add('resume', 'PR-1');
    expect(await wake()).toEqual({ woken: 3 });
    expect(world.woken).toEqual(['token-a']);
    const calls = world.sfn.commandCalls(SendTaskSuccessCommand);
    expect(calls.every(({ args }) => (args[0].input as { output: string }).output === '{}')).toBe(true);
    expect(await world.state.wakes.token('PR-1', 1)).toBeUndefined();
  });

  it('two functions at once wake it once as well', async () => {
    await world.state.wakes.keepToken('PR-2', 1, 'approval', 'token-b');
    await add('resume', 'PR-2', 'approval');
    await Promise.all([wake(), wake()]);
    expect(world.woken).toEqual(['token-b']);
  });

  it('does not end the next wait by a wake that comes late', async () => {
    await world.state.wakes.keepToken('PR-3', 1, 'approval', 'token-c');
    await add('resume', 'PR-3', 'gates');
    await add('resume', 'PR-3', 'turn');
    await wake();
    expect(world.woken).toEqual([]);
    expect(await world.state.wakes.token('PR-3', 1)).toEqual({ taskToken: 'token-c', wait: 'approval' });
    expect(await world.wakes()).toEqual([]);
  });

  it('does nothing for an attempt that does not wait', async () => {
    await world.state.wakes.keepToken('PR-4', 2, 'approval', 'token-d');
    await add('resume', 'PR-4', 'approval', 1);
    await add('resume', 'PR-5', 'approval', 1);
    expect(await wake()).toEqual({ woken: 2 });
    expect(world.woken).toEqual([]);
  });

  it('says nothing of tokens in its log', () => {
    expect(world.logged.join('\n')).not.toMatch(/token-[a-d]/);
  });
});

describe('records of the stream', () => {
  const record = (PK: string) => ({ dynamodb: { Keys: { PK: { S: PK } } } });

  it('of notices call who delivers them; of wakes wake', async () => {
    await add('start', 'PR-2026-7100');
    expect(await wake({ Records: [record('NOTICE#0')] })).toEqual({ woken: 0 });
    expect(lambda.calls()[0]!.args[0].input).toEqual({ FunctionName: 'deliver', InvocationType: 'Event' });
    expect(world.started).toEqual([]);
    expect(await wake({ Records: [record('WAKE#0'), record('NOTICE#0')] })).toEqual({ woken: 1 });
    expect(lambda.calls()).toHaveLength(2);
    expect(world.started).toEqual(['PR-2026-7100-1']);
  });

  it('are not needed: the schedule finds what is there', async () => {
    await add('start', 'PR-2026-7101');
    expect(await wake({})).toEqual({ woken: 1 });
    expect(lambda.calls()).toHaveLength(0);
  });
});
