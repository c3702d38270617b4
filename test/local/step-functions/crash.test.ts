import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListExecutionsCommand, SendTaskSuccessCommand } from '@aws-sdk/client-sfn';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ask, functionArn, MachineClient, until } from './machine-client.ts';

let data: string;
let child: ChildProcess | undefined;

beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'greenlight-sfn-crash-'));
});
afterEach(async () => {
  await kill();
  rmSync(data, { recursive: true, force: true });
});

async function serve(mode = ''): Promise<MachineClient> {
  const program = join(import.meta.dirname, 'crashing-server.ts');
  child = spawn(process.execPath, ['--import', 'tsx', program, data, mode], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  return new MachineClient(line.toString().trim());
}

async function kill(): Promise<void> {
  if (!child) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
  child = undefined;
}

interface Call {
  name: string;
  payload: { token: string };
}

function calls(name: string): Call[] {
  const log = join(data, 'calls.log');
  const lines = existsSync(log) ? readFileSync(log, 'utf8').split('\n') : [];
  return lines
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Call)
    .filter((each) => each.name === name);
}

const call = (name: string, more: Record<string, unknown> = { End: true }) => ({ Type: 'Task', Resource: functionArn(name), ...more });

test('kill -9 during a token wait and a Wait: the token completes, the Wait keeps its date, finished functions are not called again', async () => {
  let client = await serve();
  const branches = [
    { StartAt: 'Ask', States: { Ask: ask({ TimeoutSeconds: 3_600, End: true }) } },
    { StartAt: 'W', States: { W: { Type: 'Wait', Seconds: 6, Next: 'After' }, After: call('after') } },
  ];
  const machine = await client.create({ First: call('first', { Next: 'P' }), P: { Type: 'Parallel', Branches: branches, End: true } });
  const arn = await client.start(machine);
  await until(async () => (await client.history(arn)).some((event) => event.type === 'TaskSubmitted'));
  const before = await client.history(arn);
  await kill();

  client = await serve();
  expect((await client.history(arn)).slice(0, before.length)).toEqual(before);
  await client.sdk.send(new SendTaskSuccessCommand({ taskToken: calls('notify')[0]!.payload.token, output: '{"ok":true}' }));
  // Acknowledged: another kill at once must not lose it.
  await kill();

  client = await serve();
  const done = await client.ended(arn);
  expect(JSON.parse(done.output!)).toEqual([{ ok: true }, { name: 'after' }]);
  expect([calls('first').length, calls('notify').length, calls('after').length]).toEqual([1, 1, 1]);
  const history = await client.history(arn);
  expect(history.map((event) => event.id)).toEqual(history.map((_, i) => i + 1));
  const took = done.stopDate!.getTime() - done.startDate!.getTime();
  expect(took).toBeGreaterThanOrEqual(6_000);
});

test('kill -9 during a function: it is called again with the same arguments, and the one before it is not', async () => {
  let client = await serve('hang');
  const machine = await client.create({
    First: call('first', { Next: 'Hang' }),
    Hang: call('hang', { Arguments: { id: '{% $uuid() %}' }, End: true }),
  });
  const arn = await client.start(machine);
  await until(() => calls('hang').length === 1);
  await kill();

  client = await serve();
  expect((await client.ended(arn)).status).toBe('SUCCEEDED');
  expect(calls('first')).toHaveLength(1);
  expect(calls('hang')).toHaveLength(2);
  expect(calls('hang')[1]).toEqual(calls('hang')[0]);
});

test('a line that the crash tore is dropped, and the journal goes on after it', async () => {
  let client = await serve();
  const arn = await client.start(await client.create({ Ask: ask({ End: true }) }));
  await until(async () => (await client.history(arn)).some((event) => event.type === 'TaskSubmitted'));
  await kill();
  const [file] = readdirSync(join(data, 'states', 'running'));
  appendFileSync(join(data, 'states', 'running', file!), '{"events":[{"id":7,"prev');

  client = await serve();
  await client.sdk.send(new SendTaskSuccessCommand({ taskToken: calls('notify')[0]!.payload.token, output: '1' }));
  expect((await client.ended(arn)).output).toBe('1');
  await kill();
  client = await serve();
  const history = await client.history(arn);
  expect(history.map((event) => event.id)).toEqual(history.map((_, i) => i + 1));
});

test('a crash between the end of an execution and its archiving leaves it once in the list, also with a torn index', async () => {
  let client = await serve();
  const machine = await client.create({ A: { Type: 'Pass', End: true } });
  const arns = [await client.start(machine, {}, 'a'), await client.start(machine, {}, 'b')];
  const states = join(data, 'states');
  await until(() => readdirSync(join(states, 'running')).length === 0);
  await kill();
  for (const folder of readdirSync(join(states, 'closed'))) {
    for (const file of readdirSync(join(states, 'closed', folder)))
      renameSync(join(states, 'closed', folder, file), join(states, 'running', file));
  }
  appendFileSync(join(states, 'closed.jsonl'), '{"id":"torn');

  client = await serve();
  const listed = await client.sdk.send(new ListExecutionsCommand({ stateMachineArn: machine }));
  expect(listed.executions!.map((each) => each.executionArn).sort()).toEqual(arns);
  await until(() => readdirSync(join(states, 'running')).length === 0);
  const archived = await client.sdk.send(new ListExecutionsCommand({ stateMachineArn: machine }));
  expect(archived.executions).toEqual(listed.executions);
  expect((await client.describe(arns[0]!)).status).toBe('SUCCEEDED');
});
