import { SendTaskHeartbeatCommand, SendTaskSuccessCommand } from '@aws-sdk/client-sfn';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type BareServer, startStepFunctions } from './bare-server.ts';
import { ask, functionArn, MachineClient, until } from './machine-client.ts';

const DAY = 86_400_000;
let server: BareServer;
let client: MachineClient;
const tokens: string[] = [];
let attempts: number[] = [];

beforeEach(async () => {
  tokens.length = 0;
  attempts = [];
  server = await startStepFunctions({
    async invoke(arn, payload) {
      if (arn.endsWith(':notify')) tokens.push((payload as { token: string }).token);
      if (arn.endsWith(':hang')) await new Promise((resolve) => setTimeout(resolve, 60_000).unref());
      if (!arn.endsWith(':fail')) return { payload: null };
      attempts.push(server.context.clock.now());
      return { payload: null, error: { errorType: 'Busy', errorMessage: 'later' } };
    },
  });
  client = new MachineClient(server.endpoint);
});
afterEach(async () => {
  await server.close();
  await server.context.dispose();
});

async function waiting(states: Record<string, unknown>): Promise<{ arn: string; token: string }> {
  const known = tokens.length;
  const arn = await client.start(await client.create(states));
  await until(async () => (await client.history(arn)).some((event) => event.type === 'TaskSubmitted'));
  return { arn, token: tokens[known]! };
}

test('a token of 30 days holds for 30 days and not longer', async () => {
  const { arn, token } = await waiting({
    Ask: ask({ TimeoutSeconds: 2_592_000, Catch: [{ ErrorEquals: ['States.Timeout'], Output: 'expired', Next: 'End' }], End: true }),
    End: { Type: 'Succeed' },
  });
  await server.context.clock.advance(30 * DAY - 60_000);
  expect((await client.describe(arn)).status).toBe('RUNNING');
  await server.context.clock.advance(60_000);
  expect(await client.describe(arn)).toMatchObject({ status: 'SUCCEEDED', output: '"expired"' });
  const late = client.sdk.send(new SendTaskSuccessCommand({ taskToken: token, output: '{}' }));
  await expect(late).rejects.toMatchObject({ name: 'TaskTimedOut' });
});

test('each heartbeat grants another HeartbeatSeconds, also of 40 days', async () => {
  const { arn, token } = await waiting({ Ask: ask({ HeartbeatSeconds: 40 * 86_400, End: true }) });
  for (let i = 0; i < 3; i++) {
    await server.context.clock.advance(39 * DAY);
    await client.sdk.send(new SendTaskHeartbeatCommand({ taskToken: token }));
  }
  expect((await client.describe(arn)).status).toBe('RUNNING');
  await server.context.clock.advance(41 * DAY);
  expect(await client.describe(arn)).toMatchObject({ status: 'FAILED', error: 'States.HeartbeatTimeout' });
});

test('Wait until a Timestamp, with an offset and already past', async () => {
  const until = new Date(server.context.clock.now() + 10 * DAY).toISOString().replace('Z', '+00:00');
  const machine = await client.create({ W: { Type: 'Wait', Timestamp: '{% $states.input.at %}', End: true } });
  const arn = await client.start(machine, { at: until });
  await server.context.clock.advance(9 * DAY);
  expect((await client.describe(arn)).status).toBe('RUNNING');
  await server.context.clock.advance(DAY + 1_000);
  expect((await client.describe(arn)).status).toBe('SUCCEEDED');
  expect((await client.ended(await client.start(machine, { at: '2020-01-01T00:00:00Z' }))).status).toBe('SUCCEEDED');
  const broken = await client.ended(await client.start(machine, { at: 'tomorrow' }));
  expect(broken).toMatchObject({ status: 'FAILED', error: 'States.QueryEvaluationError' });
});

test('retries wait in virtual time, at most MaxDelaySeconds', async () => {
  const retry = { ErrorEquals: ['Busy'], IntervalSeconds: 600, BackoffRate: 10, MaxDelaySeconds: 3_600, MaxAttempts: 4 };
  const arn = await client.start(await client.create({ A: { Type: 'Task', Resource: functionArn('fail'), Retry: [retry], End: true } }));
  await until(() => attempts.length === 1);
  await server.context.clock.advance(DAY);
  expect(await client.describe(arn)).toMatchObject({ status: 'FAILED', error: 'Busy' });
  const delays = attempts.slice(1).map((at, i) => Math.round((at - attempts[i]!) / 1_000));
  expect(delays).toHaveLength(4);
  for (const [i, wanted] of [600, 3_600, 3_600, 3_600].entries()) expect(Math.abs(delays[i]! - wanted)).toBeLessThanOrEqual(60);
});

test('TimeoutSeconds of a task without token counts real seconds, so advancing the clock does not end it', async () => {
  const arn = await client.start(await client.create({ A: { Type: 'Task', Resource: functionArn('hang'), TimeoutSeconds: 1, End: true } }));
  expect(await client.ended(arn)).toMatchObject({ status: 'FAILED', error: 'States.Timeout' });
  const [start, end] = [(await client.describe(arn)).startDate!, (await client.describe(arn)).stopDate!];
  expect(end.getTime() - start.getTime()).toBeGreaterThanOrEqual(900);
});

test('TimeoutSeconds of the machine ends a waiting execution', async () => {
  const arn = await client.start(await client.create({ W: { Type: 'Wait', Seconds: 864_000, End: true } }, { TimeoutSeconds: 86_400 }));
  await server.context.clock.advance(DAY + 5_000);
  expect((await client.describe(arn)).status).toBe('TIMED_OUT');
  expect((await client.history(arn)).at(-1)?.type).toBe('ExecutionTimedOut');
});
