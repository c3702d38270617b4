import {
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListStateMachinesCommand,
  SendTaskSuccessCommand,
  SFNClient,
} from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientSettings } from '../../local/demo/aws-clients.ts';
import { synthesize } from './assembly.ts';
import { type Answer, FlowCloud } from './cloud.ts';
import { approve, bodyOf, expectProblem, idOf, pending, push, reach } from './requests.ts';
import { taskTokens } from './secrets.ts';

/** Copied and tagged, no rollout. */
const name = 'ledger';

let cloud: FlowCloud;
let states: SFNClient;
beforeAll(async () => {
  cloud = await FlowCloud.start(await synthesize());
  states = new SFNClient(clientSettings({ ...cloud.endpoints, region: 'eu-central-1' }));
  for (const version of ['1.0.0', '1.1.0', '1.2.0']) await push(cloud, version, 'true', { name });
});
afterAll(async () => {
  states?.destroy();
  await cloud?.stop();
});

const read = async (path: string): Promise<Answer['body']> => (await cloud.api('GET', path, { as: 'dev' })).body;
const actionsOf = ({ status }: Answer['body']): string[] => status.history.map(({ action }: { action: string }) => action);

/** The one task token that is kept now, other than those known. */
const nextToken = (known: string[] = []): Promise<string> =>
  cloud.until('a task token', async () => (await taskTokens(cloud)).find((token) => !known.includes(token)));
const complete = (taskToken: string, output: object) =>
  states.send(new SendTaskSuccessCommand({ taskToken, output: JSON.stringify(output) })).then(
    () => 'taken',
    (error: Error) => error.name,
  );

async function runOf(path: string): Promise<{ executionArn: string; status: string }> {
  for (const { stateMachineArn } of (await states.send(new ListStateMachinesCommand({}))).stateMachines ?? []) {
    const { executions = [] } = await states.send(new ListExecutionsCommand({ stateMachineArn }));
    const run = executions.find((execution) => execution.name === `${idOf(path)}-1`);
    if (run) return { executionArn: run.executionArn!, status: run.status! };
  }
  throw new Error(`${path} has no run`);
}

describe('RACE-07: a callback only wakes', () => {
  it('whatever it claims, how often it comes and who made its token: the run reads the request again', async () => {
    const path = await pending(cloud, 'staging', '1.0.0', { name });
    const first = await nextToken();
    expect(await complete(first, { approved: true, phase: 'approved', next: 'copy', status: { state: 'approved' } })).toBe('taken');
    const second = await nextToken([first]);
    expect(await complete(first, { approved: true })).toBe('TaskTimedOut');
    expect(await complete(`${second}x`, { approved: true })).toBe('InvalidToken');
    expect((await read(path)).status).toMatchObject({ phase: 'pending_approval' });
    expect(actionsOf(await read(path))).not.toContain('promoting');
    expect((await runOf(path)).status).toBe('RUNNING');
    const { artifacts } = (await cloud.api('GET', '/v1/environments/staging', { as: 'dev' })).body;
    expect(artifacts.find((each: { artifact: string }) => each.artifact === name)?.current ?? null).toBeNull();

    await approve(cloud, path, 'cpi');
    const end = await reach(cloud, path, 'succeeded');
    expect(actionsOf(end).filter((action) => action === 'promoting')).toHaveLength(1);
    expect(await complete(second, { approved: true })).toBe('TaskTimedOut');
  });
});

describe('RACE-08: a callback that is lost', () => {
  it('costs a minute, not the decision', async () => {
    const path = await pending(cloud, 'staging', '1.1.0', { name });
    await nextToken();
    await cloud.fault({ service: 'states', operation: 'SendTaskSuccess', status: 500 });
    await approve(cloud, path, 'cpi');
    await cloud.advance('PT2M');
    expect((await read(path)).status).toMatchObject({ phase: 'approved' });
    expect((await runOf(path)).status).toBe('RUNNING');
    await cloud.clearFaults();
    await cloud.advance('PT1M');
    const end = await reach(cloud, path, 'succeeded');
    expect(actionsOf(end).filter((action) => action === 'promoting')).toHaveLength(1);
  });
});

describe('RACE-17: what people write', () => {
  it('never goes through a run, which takes 256 KiB: only ids do', async () => {
    const words = 'A word that stands in no run. ';
    const body = bodyOf('1.2.0', { name }) as { request: object };
    body.request = { ...body.request, releaseNotes: words.repeat(300), rollbackPlan: words.repeat(100) };
    const created = await cloud.api('POST', '/v1/requests/staging', { as: 'dev', body });
    expect(created.status, created.text).toBe(201);
    const path = `/v1/requests/staging/${created.body.metadata.id}`;
    await reach(cloud, path, 'pending_approval');
    const say = (comment: string) => cloud.api('POST', `${path}/approve`, { as: 'cpi', body: { comment } });
    expectProblem(await say('x'.repeat(4 * 1024 * 1024)), 413, 'PAYLOAD_TOO_LARGE');
    expectProblem(await say('x'.repeat(100_000)), 400, 'INVALID_REQUEST');
    expect((await say(words.repeat(100))).status).toBe(200);
    await reach(cloud, path, 'succeeded');
    const { executionArn } = await runOf(path);
    const { events = [] } = await states.send(
      new GetExecutionHistoryCommand({ executionArn, maxResults: 1_000, includeExecutionData: true }),
    );
    expect(events.length).toBeGreaterThan(10);
    for (const event of events) {
      const text = JSON.stringify(event);
      expect(text.length, text.slice(0, 300)).toBeLessThan(4_096);
      expect(text).not.toMatch(/A word that stands|Customers wait|example\.com/);
    }
  });
});
