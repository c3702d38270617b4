import { SendTaskSuccessCommand } from '@aws-sdk/client-sfn';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type BareServer, startStepFunctions } from './bare-server.ts';
import { ask, functionArn, MachineClient, TOKEN, until } from './machine-client.ts';

let server: BareServer;
let client: MachineClient;
let calls: string[] = [];
let tokens: string[] = [];
let inFlight = 0;
let widest = 0;
/** How many calls wait for each other before one of them answers. */
let together = 0;

beforeEach(async () => {
  [calls, tokens, inFlight, widest, together] = [[], [], 0, 0, 0];
  server = await startStepFunctions({
    async invoke(arn, payload) {
      const name = arn.split(':').at(-1)!;
      calls.push(name);
      widest = Math.max(widest, ++inFlight);
      await until(() => widest >= together);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inFlight--;
      if (name === 'notify') tokens.push((payload as { token: string }).token);
      if (name === 'boom') {
        await until(() => tokens.length > 0);
        return { payload: null, error: { errorType: 'Boom', errorMessage: 'boom' } };
      }
      return { payload: { echo: payload } };
    },
  });
  client = new MachineClient(server.endpoint);
});
afterEach(async () => {
  await server.close();
  await server.context.dispose();
});

const call = (name: string, more: Record<string, unknown> = { End: true }) => ({ Type: 'Task', Resource: functionArn(name), ...more });

test('a failing branch cancels its siblings: their waits, tokens and next states', async () => {
  const branches = [
    { StartAt: 'B', States: { B: call('boom') } },
    { StartAt: 'Ask', States: { Ask: ask({ Next: 'Later' }), Later: call('later') } },
    { StartAt: 'W', States: { W: { Type: 'Wait', Seconds: 60, Next: 'Woken' }, Woken: call('woken') } },
  ];
  const states = {
    P: { Type: 'Parallel', Branches: branches, Catch: [{ ErrorEquals: ['Boom'], Next: 'Still' }], End: true },
    Still: { Type: 'Wait', Seconds: 3_600, End: true },
  };
  const arn = await client.start(await client.create(states));
  await until(async () => (await client.history(arn)).some((event) => event.type === 'ParallelStateExited'));
  const used = client.sdk.send(new SendTaskSuccessCommand({ taskToken: tokens[0]!, output: '{}' }));
  await expect(used).rejects.toMatchObject({ name: 'TaskTimedOut' });
  await server.context.clock.advance(7_200_000);
  expect(await client.describe(arn)).toMatchObject({ status: 'SUCCEEDED' });
  expect(calls.sort()).toEqual(['boom', 'notify']);
  const types = (await client.history(arn)).map((event) => event.type);
  expect(types).toEqual(expect.arrayContaining(['TaskStateAborted', 'WaitStateAborted', 'ParallelStateFailed']));
});

test('Map keeps to MaxConcurrency and to the order of its items', async () => {
  const processor = { StartAt: 'E', States: { E: call('echo', { Output: '{% $states.result.echo.v * 2 %}', End: true }) } };
  const map = {
    Type: 'Map',
    Items: '{% $states.input %}',
    MaxConcurrency: 3,
    ItemSelector: { v: '{% $states.context.Map.Item.Value %}' },
    ItemProcessor: processor,
    End: true,
  };
  // However slowly they are begun: as many as there may be at once are there at once.
  together = 3;
  const done = await client.run({ M: map }, [5, 4, 3, 2, 1, 0, 9]);
  expect(JSON.parse(done.output!)).toEqual([10, 8, 6, 4, 2, 0, 18]);
  expect(widest).toBe(3);
  const types = (await client.history(done.executionArn!)).map((event) => event.type);
  expect(types.filter((type) => type === 'MapIterationSucceeded')).toHaveLength(7);
});

test('a failing iteration cancels the others and is caught on the Map', async () => {
  const processor = {
    StartAt: 'C',
    States: {
      C: { Type: 'Choice', Choices: [{ Condition: '{% $states.input = "bad" %}', Next: 'Boom' }], Default: 'Ask' },
      Boom: call('boom'),
      Ask: { ...ask({ End: true }), Arguments: { FunctionName: 'notify', Payload: { token: TOKEN } } },
    },
  };
  const map = { Type: 'Map', ItemProcessor: processor, Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Caught' }], End: true };
  const done = await client.run({ M: map, Caught: { Type: 'Pass', Output: '{% $states.input.Error %}', End: true } }, [
    'good',
    'bad',
    'good',
  ]);
  expect(done.output).toBe('"Boom"');
  const types = (await client.history(done.executionArn!)).map((event) => event.type);
  expect(types.filter((type) => type === 'MapIterationAborted')).toHaveLength(2);
  expect(types.filter((type) => type === 'MapIterationFailed')).toHaveLength(1);
});

test('an empty Map yields an empty list; items that are no list fail', async () => {
  const map = { Type: 'Map', ItemProcessor: { StartAt: 'Q', States: { Q: { Type: 'Pass', End: true } } }, End: true };
  expect((await client.run({ M: map }, [])).output).toBe('[]');
  expect(await client.run({ M: map }, { a: 1 })).toMatchObject({ error: 'States.QueryEvaluationError' });
});
