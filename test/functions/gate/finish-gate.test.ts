import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { gateRunRows } from '../../../adapters/gate/gate-run-rows.ts';
import { signMessage } from '../../../core/gate/webhook-signature.ts';
import { withPhase } from '../../../core/promotion/change.ts';
import { engineChange } from '../../../core/promotion/engine-change.ts';
import { createRequest } from '../requests.ts';
import { startWorld, type World } from '../world.ts';

let world: World;
let id: string;
let runId: string;
let count = 0;
let messages = 0;

beforeAll(async () => {
  mockClient(SecretsManagerClient).on(GetSecretValueCommand).resolves({ SecretString: 'hmac secret' });
  world = await startWorld();
});
afterAll(() => world.close());

beforeEach(async () => {
  id = await createRequest(world);
  runId = `run-${++count}`;
  const { promotions, table } = world.state;
  const head = (await promotions.head(id))!;
  await promotions.commit(engineChange(head, withPhase(head, 'validating'), { type: 'gates.started', action: 'validating' }));
  await gateRunRows(table).keep({ runId, requestId: id, attempt: 1, gate: 'policy' }, new Date());
  await gateRunRows(table).keep({ runId, requestId: id, attempt: 1, gate: 'policy' }, new Date(), `arn:build:${runId}`);
});

function answer(body: unknown, options: { secret?: string; at?: Date; runId?: string; sourceIp?: string } = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const headers = { ...signMessage(options.secret ?? 'hmac secret', `message-${++messages}`, options.at ?? new Date(), Buffer.from(text)) };
  const sourceIp = options.sourceIp ?? '10.0.0.1';
  return world.call('POST', `/v1/hooks/gates/${options.runId ?? runId}`, { body: text, headers, sourceIp });
}

async function gate() {
  return (await world.state.promotions.gates(id, 1)).find(({ name }) => name === 'policy');
}

async function finished(): Promise<number> {
  return (await world.state.promotions.history(id)).filter(({ action }) => action.startsWith('gate_')).length;
}

describe('the answer of a gate', () => {
  test('HOOK-01: is recorded once and wakes the run; the same again is 200 without a second effect, another one 409', async () => {
    expect(await answer({ status: 'passed', message: 'fine' })).toMatchObject({ status: 200, json: { repeated: false } });
    expect(await gate()).toMatchObject({ status: 'passed', message: 'fine', runId });
    expect(await world.state.wakes.pending()).toContainEqual(expect.objectContaining({ requestId: id, wait: 'gates' }));
    expect(await answer({ status: 'passed', message: 'fine' })).toMatchObject({ status: 200, json: { repeated: true } });
    expect(await answer({ status: 'failed' })).toMatchObject({ status: 409, json: { code: 'STATE_CONFLICT' } });
    expect(await finished()).toBe(1);
  });

  test.each([
    ['with a wrong secret', { secret: 'wrong' }],
    ['with an old time stamp', { at: new Date(Date.now() - 301_000) }],
    ['for a run that does not exist', { runId: 'run-unknown' }],
  ])('HOOK-01: %s is 401', async (_name, options) => {
    expect(await answer({ status: 'passed' }, options)).toMatchObject({ status: 401, json: { code: 'BAD_SIGNATURE' } });
    expect(await gate()).toBeUndefined();
  });

  test.each([
    '{"status":"successful"}',
    '{"status":"Passed"}',
    '{}',
    '{"status":"passed","extra":1}',
    'passed',
    '{"status":"failed","status":"passed"}',
  ])('HOOK-05: %s is 400', async (body) => {
    expect((await answer(body)).status).toBe(400);
    expect(await gate()).toBeUndefined();
  });

  test('HOOK-04: that comes after the request was cancelled is 409', async () => {
    expect((await world.call('POST', `/v1/requests/staging/${id}/cancel`, { as: 'dev', body: {} })).status).toBe(200);
    expect(await answer({ status: 'passed' })).toMatchObject({ status: 409 });
    expect(await finished()).toBe(0);
  });

  test('guessed too often from one address is told to wait', async () => {
    // A minute may end in between: then it takes up to twice as many.
    const statuses: number[] = [];
    while (statuses.at(-1) !== 429 && statuses.length < 125)
      statuses.push((await answer({ status: 'passed' }, { secret: 'wrong', sourceIp: '10.9.9.9' })).status);
    expect(statuses.at(-1)).toBe(429);
    expect(statuses.length).toBeGreaterThan(60);
  });
});

describe('the end of a build', () => {
  const end = (status: string, exit?: string, output = '') => ({
    detail: {
      'build-status': status,
      'build-id': `arn:build:${runId}`,
      'additional-information': {
        'exported-environment-variables': [
          ...(exit === undefined ? [] : [{ name: 'GATE_EXIT', value: exit }]),
          { name: 'GATE_OUTPUT', value: Buffer.from(output).toString('base64') },
        ],
      },
    },
  });

  test.each([
    ['SUCCEEDED', '0', 'passed'],
    ['FAILED', '1', 'failed'],
    ['SUCCEEDED', undefined, 'errored'],
    ['FAILED', '0', 'errored'],
    ['STOPPED', undefined, 'errored'],
    ['TIMED_OUT', undefined, 'errored'],
    ['FAULT', undefined, 'errored'],
  ])('%s with exit code %s is %s', async (status, exit, expected) => {
    const { handler } = await import('../../../functions/gate/finish-build.event.ts');
    expect(await handler(end(status, exit, '\u001b[31mall 3 tests\u001b[0m ran'))).toEqual({ arrival: 'recorded' });
    expect(await gate()).toMatchObject({ status: expected });
    if (exit !== undefined && expected !== 'errored') expect((await gate())?.message).toContain('all 3 tests ran');
    expect(await handler(end(status, exit))).toEqual({ arrival: 'repeated' });
  });

  test('that no gate has registered yet is delivered again', async () => {
    const { handler } = await import('../../../functions/gate/finish-build.event.ts');
    const event = end('SUCCEEDED', '0');
    event.detail['build-id'] = 'arn:build:unknown';
    await expect(handler(event)).rejects.toThrow('no gate has registered');
  });
});
