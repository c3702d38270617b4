import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  DeleteStateMachineCommand,
  DescribeStateMachineCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListTagsForResourceCommand,
  SendTaskFailureCommand,
  SendTaskSuccessCommand,
  StopExecutionCommand,
  TagResourceCommand,
  UpdateStateMachineCommand,
  ValidateStateMachineDefinitionCommand,
} from '@aws-sdk/client-sfn';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { IamCheck, ResourceRequest, ServiceRequest } from '../../../local/service.ts';
import { executionId } from '../../../local/step-functions/closed-executions.ts';
import { createStepFunctions } from '../../../local/step-functions/step-functions.ts';
import { makeContext } from '../context.ts';
import { type BareServer, startStepFunctions } from './bare-server.ts';
import { ask, functionArn, MachineClient, until } from './machine-client.ts';

let server: BareServer;
let client: MachineClient;
let denied: IamCheck[] = [];
const tokens: string[] = [];

beforeEach(async () => {
  denied = [];
  tokens.length = 0;
  server = await startStepFunctions({
    async invoke(arn, payload) {
      if (arn.endsWith(':notify')) tokens.push((payload as { token: string }).token);
      return { payload: arn.endsWith(':huge') ? 'x'.repeat(262_145) : payload };
    },
    async allowed(caller, check) {
      if (!check.resource.endsWith(':forbidden')) return true;
      denied.push(check);
      expect(caller).toMatchObject({ kind: 'role', roleArn: 'arn:aws:iam::000000000000:role/machine', functionName: 'machine-0' });
      return false;
    },
  });
  client = new MachineClient(server.endpoint);
});
afterEach(async () => {
  await server.close();
  await server.context.dispose();
});

const pass = { Type: 'Pass', End: true };
function send(command: unknown): Promise<unknown> {
  return client.sdk.send(command as never);
}

async function waiting(): Promise<string> {
  const arn = await client.start(await client.create({ Ask: ask({ End: true }) }));
  await until(() => tokens.length > 0);
  return arn;
}

function request(operation: string, input: unknown): ServiceRequest {
  return {
    method: 'POST',
    url: new URL('http://127.0.0.1/'),
    headers: { 'x-amz-target': `AWSStepFunctions.${operation}` },
    body: Buffer.from(JSON.stringify(input)),
    caller: { kind: 'admin', accessKeyId: 'x' },
    requestId: 'r',
    presigned: false,
  };
}

test('a role that may not call the function fails the task, and the cause names the action', async () => {
  const done = await client.run({ A: { Type: 'Task', Resource: functionArn('forbidden'), End: true } });
  expect(done).toMatchObject({ status: 'FAILED', error: 'Lambda.AWSLambdaException' });
  expect(done.cause).toContain('is not authorized to perform: lambda:InvokeFunction on resource');
  expect(denied).toEqual([{ action: 'lambda:InvokeFunction', resource: functionArn('forbidden') }]);
  expect(server.context.invoked).toEqual([]);
});

test('a token that was never made is InvalidToken, one of an ended execution is TaskTimedOut', async () => {
  const invented = Buffer.alloc(64, 7).toString('base64url');
  await expect(send(new SendTaskSuccessCommand({ taskToken: invented, output: '{}' }))).rejects.toMatchObject({ name: 'InvalidToken' });
  const arn = await waiting();
  await expect(send(new SendTaskSuccessCommand({ taskToken: tokens[0]!, output: 'no json' }))).rejects.toMatchObject({
    name: 'InvalidOutput',
  });
  await send(new StopExecutionCommand({ executionArn: arn }));
  await expect(send(new SendTaskFailureCommand({ taskToken: tokens[0]! }))).rejects.toMatchObject({ name: 'TaskTimedOut' });
});

test('of fifty uses of one token at once exactly one wins', async () => {
  await waiting();
  const uses = Array.from({ length: 50 }, (_, i) => send(new SendTaskSuccessCommand({ taskToken: tokens[0]!, output: String(i) })));
  const results = await Promise.allSettled(uses);
  expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
});

test('a result over 256 KiB is States.DataLimitExceeded, which States.ALL does not catch', async () => {
  const states = {
    A: { Type: 'Task', Resource: functionArn('huge'), Catch: [{ ErrorEquals: ['States.ALL'], Next: 'B' }], End: true },
    B: pass,
  };
  expect(await client.run(states)).toMatchObject({ status: 'FAILED', error: 'States.DataLimitExceeded' });
});

test('status changes go to the default bus: RUNNING, then how it ended', async () => {
  await client.run({ A: pass }, { a: 1 });
  await until(() => server.context.emitted.length === 2);
  expect(server.context.emitted.map((event) => [event.source, event.detailType, (event.detail as { status: string }).status])).toEqual([
    ['aws.states', 'Step Functions Execution Status Change', 'RUNNING'],
    ['aws.states', 'Step Functions Execution Status Change', 'SUCCEEDED'],
  ]);
});

test('history and lists are paged, reversed, and stripped of data on request', async () => {
  const machine = await client.create({ A: { Type: 'Pass', Next: 'B' }, B: pass });
  const arns: string[] = [];
  for (let i = 0; i < 5; i++) arns.push((await client.ended(await client.start(machine, { i }))).executionArn!);
  const first = await client.sdk.send(new ListExecutionsCommand({ stateMachineArn: machine, maxResults: 3 }));
  const second = await client.sdk.send(new ListExecutionsCommand({ stateMachineArn: machine, maxResults: 3, nextToken: first.nextToken }));
  expect([...first.executions!, ...second.executions!].map((each) => each.executionArn).sort()).toEqual(arns.sort());
  expect(second.nextToken).toBeUndefined();
  const reversed = await client.sdk.send(
    new GetExecutionHistoryCommand({ executionArn: arns[0]!, reverseOrder: true, maxResults: 2, includeExecutionData: false }),
  );
  expect(reversed.events!.map((event) => event.type)).toEqual(['ExecutionSucceeded', 'PassStateExited']);
  expect(JSON.stringify(reversed.events)).not.toContain('"output":');
  expect((await client.history(arns[0]!)).filter((event) => event.type.endsWith('StateEntered'))).toHaveLength(2);
});

test('an update does not reach running executions; a deleted machine takes no new ones', async () => {
  const arn = await waiting();
  const { stateMachineArn } = await client.describe(arn);
  const definition = JSON.stringify({ QueryLanguage: 'JSONata', StartAt: 'N', States: { N: { ...pass, Output: 'new' } } });
  await send(new UpdateStateMachineCommand({ stateMachineArn, definition }));
  await send(new TagResourceCommand({ resourceArn: stateMachineArn, tags: [{ key: 'team', value: 'x' }] }));
  expect(await send(new ListTagsForResourceCommand({ resourceArn: stateMachineArn }))).toMatchObject({
    tags: [{ key: 'team', value: 'x' }],
  });
  await send(new SendTaskSuccessCommand({ taskToken: tokens[0]!, output: '"old"' }));
  expect((await client.ended(arn)).output).toBe('"old"');
  expect((await client.ended(await client.start(stateMachineArn!))).output).toBe('"new"');
  await send(new DeleteStateMachineCommand({ stateMachineArn }));
  await expect(client.start(stateMachineArn!)).rejects.toMatchObject({
    name: expect.stringMatching(/^StateMachine(DoesNotExist|Deleting)$/),
  });
});

test('the name of a closed execution is free again after 90 days, and its history is gone', async () => {
  const machine = await client.create({ A: pass });
  const arn = await client.start(machine, {}, 'once');
  await client.ended(arn);
  await expect(client.start(machine, {}, 'once')).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' });
  await server.context.clock.advance(91 * 86_400_000);
  await expect(client.describe(arn)).rejects.toMatchObject({ name: 'ExecutionDoesNotExist' });
  expect((await client.ended(await client.start(machine, { again: true }, 'once'))).status).toBe('SUCCEEDED');
});

test('an endless loop ends at 25,000 events', async () => {
  const done = await client.run({ A: { Type: 'Pass', Next: 'B' }, B: { Type: 'Pass', Next: 'A' } });
  expect(done).toMatchObject({ status: 'FAILED', error: 'States.Runtime' });
  expect(done.cause).toContain('maximum number of history events');
});

test('asks IAM for the machine, the execution, the passed role, or the machine that a token belongs to', async () => {
  const arn = await waiting();
  const { stateMachineArn } = await client.describe(arn);
  const checks = (operation: string, input: unknown) => server.service.checks(request(operation, input));
  expect(checks('StartExecution', { stateMachineArn })).toEqual([{ action: 'states:StartExecution', resource: stateMachineArn }]);
  expect(checks('DescribeExecution', { executionArn: arn })).toEqual([{ action: 'states:DescribeExecution', resource: arn }]);
  expect(checks('SendTaskSuccess', { taskToken: tokens[0] })).toEqual([{ action: 'states:SendTaskSuccess', resource: '*' }]);
  await send(new SendTaskSuccessCommand({ taskToken: tokens[0]!, output: '1' }));
  await client.ended(arn);
  expect(checks('SendTaskHeartbeat', { taskToken: tokens[0] })).toEqual([{ action: 'states:SendTaskHeartbeat', resource: '*' }]);
  expect(checks('SendTaskSuccess', { taskToken: 'x' })).toEqual([{ action: 'states:SendTaskSuccess', resource: '*' }]);
  expect(checks('CreateStateMachine', { name: 'n', roleArn: 'arn:aws:iam::000000000000:role/r' })).toEqual([
    { action: 'states:CreateStateMachine', resource: 'arn:aws:states:eu-central-1:000000000000:stateMachine:n' },
    { action: 'iam:PassRole', resource: 'arn:aws:iam::000000000000:role/r', context: { 'iam:PassedToService': 'states.amazonaws.com' } },
  ]);
});

test('a template gives the definition as string, object or asset, with substitutions, and again without change', async () => {
  const provide = server.service.resources['AWS::StepFunctions::StateMachine']!;
  const placeholder = ['$', '{value}'].join('');
  const definition = { QueryLanguage: 'JSONata', StartAt: 'A', States: { A: { ...pass, Output: placeholder } } };
  writeFileSync(join(server.context.data, 'machine.asl.json'), JSON.stringify(definition));
  const ask = (properties: Record<string, unknown>): ResourceRequest => ({
    stack: 's',
    logicalId: 'Machine',
    type: 'AWS::StepFunctions::StateMachine',
    properties: { RoleArn: 'arn:aws:iam::000000000000:role/r', DefinitionSubstitutions: { value: `a${placeholder}` }, ...properties },
    defaultName: 's-Machine',
    assembly: server.context.data,
    asset: (bucket, key) => (bucket === 'assets' ? join(server.context.data, key) : undefined),
  });
  const asset = { DefinitionS3Location: { Bucket: 'assets', Key: 'machine.asl.json' } };
  const made = await provide(ask(asset));
  expect(made.attributes).toMatchObject({ Arn: made.ref, Name: 's-Machine', StateMachineRevisionId: 'INITIAL' });
  expect((await client.ended(await client.start(made.ref))).output).toBe(JSON.stringify(`a${placeholder}`));
  expect(await provide(ask({ Definition: definition }))).toEqual(made);
  expect(await provide(ask({ DefinitionString: JSON.stringify(definition) }))).toEqual(made);
  const changed = await provide(ask({ Definition: { ...definition, Comment: 'x' } }));
  expect(changed.ref).toBe(made.ref);
  expect(changed.attributes?.StateMachineRevisionId).not.toBe('INITIAL');
  const described = await client.sdk.send(new DescribeStateMachineCommand({ stateMachineArn: made.ref }));
  expect(described.definition).toContain('"Comment":"x"');
  const jsonPath = { StartAt: 'A', States: { A: pass } };
  await expect(provide(ask({ Definition: jsonPath }))).rejects.toMatchObject({ code: 'InvalidDefinition' });
  const activity = server.service.resources['AWS::StepFunctions::Activity']!;
  await expect(activity(ask({}))).rejects.toThrow('not supported');
});

test('what the engine does not have is refused in the words of AWS and logged', async () => {
  const answer = await server.service.handle(request('StartSyncExecution', {}));
  expect(answer).toMatchObject({ status: 400, headers: { 'x-amzn-errortype': 'UnknownOperationException' } });
  expect(server.context.logged).toHaveLength(1);
  const checked = await client.sdk.send(new ValidateStateMachineDefinitionCommand({ definition: '{"StartAt":"A"}' }));
  expect(checked.result).toBe('FAIL');
});

test('a start over 10,000 closed executions reads their index only', async () => {
  const context = makeContext('states');
  const machineArn = 'arn:aws:states:eu-central-1:000000000000:stateMachine:m';
  const now = context.clock.now();
  const lines = Array.from({ length: 10_000 }, (_, i) => {
    const arn = `${machineArn.replace('stateMachine', 'execution')}:e${i}`;
    return `${JSON.stringify({ id: executionId(arn), arn, name: `e${i}`, machineArn, status: 'FAILED', startDate: now - i, stopDate: now })}\n`;
  });
  mkdirSync(context.folder, { recursive: true });
  writeFileSync(join(context.folder, 'closed.jsonl'), lines.join(''));
  const began = performance.now();
  const service = await createStepFunctions(context);
  await service.start?.();
  expect(performance.now() - began).toBeLessThan(20_000);
  await service.handle(
    request('CreateStateMachine', {
      name: 'm',
      roleArn: 'arn:aws:iam::000000000000:role/r',
      definition: JSON.stringify({ QueryLanguage: 'JSONata', StartAt: 'A', States: { A: pass } }),
    }),
  );
  const listed = await service.handle(
    request('ListExecutions', { stateMachineArn: machineArn, maxResults: 1_000, statusFilter: 'FAILED' }),
  );
  const { executions, nextToken } = JSON.parse(String(listed.body)) as { executions: { name: string }[]; nextToken: string };
  expect([executions.length, executions[0]?.name, typeof nextToken]).toEqual([1_000, 'e0', 'string']);
  const taken = await service.handle(request('StartExecution', { stateMachineArn: machineArn, name: 'e77', input: '{}' }));
  expect(String(taken.body)).toContain('ExecutionAlreadyExists');
  await service.close?.();
  await context.dispose();
});
