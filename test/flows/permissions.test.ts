import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Assembly, changeTemplate, type Statement, statementsOf, synthesize } from './assembly.ts';
import { readSealedLog } from './audit-log.ts';
import { FlowCloud } from './cloud.ts';
import { approve, bodyOf, pending, push, reach, request, standing, toStaging } from './requests.ts';

/** An artifact without a workload: copied and tagged, no rollout. */
const name = 'ledger';
const TABLE = /^arn:aws:dynamodb:[a-z0-9-]+:\d{12}:table\//;

let cloud: FlowCloud;
let whole: Assembly;
const changed: { dispose(): void }[] = [];
beforeAll(async () => {
  whole = await synthesize();
});
afterAll(async () => {
  await cloud?.stop();
  for (const assembly of changed) assembly.dispose();
});

/** The stacks with one permission less, over the data that are there; what was missing before is given back. */
async function without(role: string, take: (statements: Statement[]) => void): Promise<void> {
  const assembly = changeTemplate(whole, (template) => {
    const statements = statementsOf(template, role);
    const before = JSON.stringify(statements);
    take(statements);
    if (JSON.stringify(statements) === before) throw new Error(`${role} never had that permission`);
  });
  changed.push(assembly);
  if (cloud) {
    cloud.printed.length = 0;
    await cloud.restart(assembly);
  } else cloud = await FlowCloud.start(assembly);
}

const takeAction = (action: string) => (statements: Statement[]) => {
  for (const statement of statements) statement.Action = [statement.Action].flat().filter((each) => each !== action);
};

const takeKeys = (action: string, keys: string) => (statements: Statement[]) => {
  for (const { Action, Condition } of statements) {
    if (![Action].flat().includes(action) || !Condition?.['ForAllValues:StringLike']) continue;
    const [[key, values]] = Object.entries(Condition['ForAllValues:StringLike']) as [[string, string[]]];
    Condition['ForAllValues:StringLike'][key] = values.filter((each) => each !== keys);
  }
};

/** What was refused, in the log of calls and on the screen: the function, the action, the resource. */
async function expectDenied(role: RegExp, action: string, resource: RegExp): Promise<void> {
  const denied = (await cloud.calls()).filter(({ decision }) => decision !== 'allowed');
  expect(denied.length).toBeGreaterThan(0);
  for (const call of denied) {
    expect(call).toMatchObject({ function: expect.stringMatching(role), resource: expect.stringMatching(resource) });
  }
  const line = cloud.printed.find((each) => each.includes('denied') && each.includes(action));
  expect(line, cloud.printed.slice(-20).join('\n')).toBeDefined();
  expect(line).toMatch(role);
  const [, named] = new RegExp(`${action} on (?:resource: )?(\\S+)`).exec(line!) ?? [];
  expect(named).toMatch(resource);
}

let undecided: string;
it('decides nothing without the permission to write decisions', async () => {
  await without('Decide', takeKeys('dynamodb:PutItem', 'DECISION#*'));
  await push(cloud, '1.0.0', 'true', { name });
  undecided = await pending(cloud, 'staging', '1.0.0', { name });
  const before = await standing(cloud, undecided);
  const refused = await cloud.api('POST', `${undecided}/approve`, { as: 'cpi', body: {} });
  expect(refused.status, refused.text).toBeGreaterThanOrEqual(500);
  expect(refused.headers.get('content-type')).toContain('application/problem+json');
  expect(refused.body).toMatchObject({ status: refused.status, code: expect.any(String), requestId: expect.any(String) });
  expect(refused.text).not.toMatch(/arn:aws|AccessDenied/);
  await expectDenied(/decide/i, 'dynamodb:PutItem', TABLE);
  // Not half a decision: the transaction is whole or not at all.
  expect(await standing(cloud, undecided)).toEqual(before);
});

let unstarted: string;
it('decides once that is given, and starts nothing without the permission to start runs', async () => {
  await without('Wake', takeAction('states:StartExecution'));
  await approve(cloud, undecided, 'cpi');
  const end = await reach(cloud, undecided, 'succeeded');
  expect(end.status.history.filter(({ action }: { action: string }) => action === 'approved')).toHaveLength(1);
  expect((await cloud.calls()).filter(({ decision }) => decision !== 'allowed')).toEqual([]);

  await push(cloud, '1.1.0', 'true', { name });
  unstarted = await request(cloud, 'staging', '1.1.0', { name });
  await cloud.until('the refusal', async () => ((await cloud.calls()).some(({ decision }) => decision !== 'allowed') ? true : undefined));
  await expectDenied(/wake/i, 'states:StartExecution', /^arn:aws:states:[a-z0-9-]+:\d{12}:stateMachine:/);
  expect(await standing(cloud, unstarted)).toMatchObject({ version: 1, phase: 'requested' });
});

it('starts what was left once that is given, and promotes nothing without the permission to put images', async () => {
  await without('Copy', takeAction('ecr:PutImage'));
  await cloud.advance('PT2M');
  await reach(cloud, unstarted, 'pending_approval');
  await approve(cloud, unstarted, 'cpi');
  const failed = await reach(cloud, unstarted, 'failed');
  expect(failed.status).toMatchObject({
    state: 'failed',
    failure: { step: 'copying', message: expect.stringMatching(/denied|not authorized/i) },
  });
  await expectDenied(/copy/i, 'ecr:PutImage', /^arn:aws:ecr:[a-z0-9-]+:111111111111:repository\/ledger(@sha256:[0-9a-f]{64})?$/);
  expect((await tagged('1.1.0')).status).toBe(404);
  const { artifacts } = (await cloud.api('GET', '/v1/environments/staging', { as: 'dev' })).body;
  const place = artifacts.find(({ artifact }: { artifact: string }) => artifact === name);
  expect(place).toMatchObject({ current: { version: '1.0.0' }, flags: { locked: false } });
});

it('asks for nothing without the permission to pin', async () => {
  await without('Request', takeKeys('dynamodb:UpdateItem', 'PIN#*'));
  const list = async () => (await cloud.api('GET', '/v1/requests/staging', { as: 'dev' })).body.items.length;
  const before = await list();
  const refused = await cloud.api('POST', '/v1/requests/staging', { as: 'dev', body: bodyOf('1.1.0', { name }) });
  expect(refused.status, refused.text).toBeGreaterThanOrEqual(500);
  await expectDenied(/request/i, 'dynamodb:UpdateItem', TABLE);
  // What nothing keeps from being deleted is not promoted.
  expect(await list()).toBe(before);
});

it('copies once that is given, and kept a whole log through all of it', async () => {
  await cloud.restart(whole);
  await toStaging(cloud, '1.1.0', name);
  expect((await tagged('1.1.0')).status).toBe(200);
  const log = await readSealedLog(cloud);
  expect(log.exitCode, log.said).toBe(0);
});

function tagged(version: string): Promise<Response> {
  return fetch(`http://${cloud.endpoints.registries.staging}/v2/${name}/manifests/${version}-staging`);
}
