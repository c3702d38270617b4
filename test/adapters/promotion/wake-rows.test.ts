import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { SendTaskSuccessCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { invokeLater } from '../../../adapters/promotion/function-calls.ts';
import { stateMachineRuns } from '../../../adapters/promotion/state-machine-runs.ts';
import { type WakeRows, wakeRows } from '../../../adapters/promotion/wake-rows.ts';
import { type ServedTable, serveTable } from '../state/served-table.ts';

describe('wake rows and tokens', () => {
  let served: ServedTable;
  let wakes: WakeRows;
  beforeAll(async () => {
    served = await serveTable();
    wakes = wakeRows(served.table, served.clock);
  });
  afterAll(() => served.stop());

  it('come in the order of their time and are there until they are done', async () => {
    await wakes.add({ kind: 'start', requestId: 'PR-1', attempt: 1 });
    await wakes.add({ kind: 'resume', requestId: 'PR-2', attempt: 3, wait: 'approval' });
    const pending = await wakes.pending();
    expect(pending).toMatchObject([
      { kind: 'start', requestId: 'PR-1' },
      { kind: 'resume', requestId: 'PR-2', attempt: 3, wait: 'approval' },
    ]);
    await wakes.done(pending[0]!);
    await wakes.done(pending[0]!);
    expect(await wakes.pending()).toEqual([pending[1]]);
  });

  it('keep the token of the present wait of each attempt', async () => {
    expect(await wakes.token('PR-1', 1)).toBeUndefined();
    await wakes.keepToken('PR-1', 1, 'gates', 'token-1');
    await wakes.keepToken('PR-1', 2, 'gates', 'token-2');
    await wakes.keepToken('PR-1', 1, 'approval', 'token-3');
    expect(await wakes.token('PR-1', 1)).toEqual({ taskToken: 'token-3', wait: 'approval' });
    expect(await wakes.token('PR-1', 2)).toEqual({ taskToken: 'token-2', wait: 'gates' });
  });

  it('drop a token only while it is the one that was used', async () => {
    await wakes.keepToken('PR-3', 1, 'gates', 'old');
    await wakes.keepToken('PR-3', 1, 'approval', 'new');
    await wakes.dropToken('PR-3', 1, 'old');
    expect((await wakes.token('PR-3', 1))?.taskToken).toBe('new');
    await wakes.dropToken('PR-3', 1, 'new');
    await wakes.dropToken('PR-3', 1, 'new');
    expect(await wakes.token('PR-3', 1)).toBeUndefined();
  });

  it('keep tokens in a partition of their own, apart from everything that is listed or rendered', async () => {
    await wakes.keepToken('PR-4', 1, 'turn', 'the-token');
    expect(await served.table.get('TOKEN#PR-4', '1')).toMatchObject({ token: 'the-token' });
    expect(JSON.stringify(await served.table.all({ pk: 'REQ#PR-4' }))).not.toContain('the-token');
    expect(JSON.stringify(await wakes.pending())).not.toContain('token');
  });
});

describe('runs of the state machine', () => {
  const sfn = mockClient(SFNClient);
  const runs = stateMachineRuns(new SFNClient({}));
  beforeEach(() => {
    sfn.reset();
    vi.stubEnv('STATE_MACHINE_ARN', 'arn:machine');
  });
  afterAll(() => {
    sfn.restore();
    vi.unstubAllEnvs();
  });
  const named = (name: string) => Object.assign(new Error(name), { name });

  it('are named after request and attempt, and told nothing else', async () => {
    sfn.on(StartExecutionCommand).resolves({});
    await runs.start('PR-2026-0001', 2);
    expect(sfn.calls()[0]!.args[0].input).toEqual({
      stateMachineArn: 'arn:machine',
      name: 'PR-2026-0001-2',
      input: '{"requestId":"PR-2026-0001","attempt":2}',
    });
  });

  it('that exist already are left alone', async () => {
    sfn.on(StartExecutionCommand).rejects(named('ExecutionAlreadyExists'));
    await expect(runs.start('PR-2026-0001', 1)).resolves.toBeUndefined();
    sfn.on(StartExecutionCommand).rejects(named('StateMachineDoesNotExist'));
    await expect(runs.start('PR-2026-0001', 1)).rejects.toThrow('StateMachineDoesNotExist');
  });

  it('RACE-07: are woken without a payload, and a wait that is over is no error', async () => {
    sfn.on(SendTaskSuccessCommand).resolves({});
    await runs.wake('token');
    expect(sfn.calls()[0]!.args[0].input).toEqual({ taskToken: 'token', output: '{}' });
    for (const name of ['TaskTimedOut', 'TaskDoesNotExist', 'InvalidToken']) {
      sfn.on(SendTaskSuccessCommand).rejects(named(name));
      await expect(runs.wake('token'), name).resolves.toBeUndefined();
    }
    sfn.on(SendTaskSuccessCommand).rejects(named('AccessDeniedException'));
    await expect(runs.wake('token')).rejects.toThrow('AccessDenied');
  });
});

it('another function is called later and told nothing', async () => {
  const lambda = mockClient(LambdaClient);
  lambda.on(InvokeCommand).resolves({});
  await invokeLater('deliver');
  expect(lambda.calls()[0]!.args[0].input).toEqual({ FunctionName: 'deliver', InvocationType: 'Event' });
  lambda.restore();
});
