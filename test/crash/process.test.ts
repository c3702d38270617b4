import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Dice } from '../../bench/dice.ts';
import { clientSettings } from '../../local/demo/aws-clients.ts';
import { approve, idOf, pending, push, reach, toStaging } from '../flows/requests.ts';
import { CrashCloud } from './cloud.ts';
import { expectEndedOnce, expectQuiet, linesOf, runsOf } from './proof.ts';

const TOOL = 'ledger-tool';
/** A stop waits 10 s for work under way; then it takes a moment to leave, 2 s here. */
const [WORK_LIMIT_MS, LEAVE_LIMIT_MS] = [10_000, 2_000];
const LOOPS = 5;

let cloud: CrashCloud;
beforeAll(async () => {
  cloud = await CrashCloud.open();
});
afterAll(() => cloud?.stop());
beforeEach(() => cloud.clearFaults());

const lockOf = (): { pid: number } => JSON.parse(readFileSync(join(cloud.data, 'lock'), 'utf8')) as { pid: number };

/** Whether a process of this machine still runs. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

it('CRASH-10: a second start on one data folder ends with 6 and LOCKED, and the first goes on', async () => {
  const log = join(cloud.folder, 'second.log');
  const second = cloud.spawn(log);
  expect(await second.ended()).toEqual({ code: 6, signal: null });
  expect(readFileSync(log, 'utf8')).toContain('LOCKED');
  await second.clear();
  expect((await cloud.api('GET', '/health')).status).toBe(200);
});

it('CRASH-10: the lock of a killed process is taken over, by one of two that try at once', async () => {
  const dead = cloud.pid;
  await cloud.kill();
  expect(lockOf().pid).toBe(dead);
  const rival = cloud.spawn(join(cloud.folder, 'rival.log'));
  const outcomes = await Promise.allSettled([cloud.restart(), rival.ready()]);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const [own] = outcomes;
  const loser = own!.status === 'fulfilled' ? await rival.ended() : undefined;
  if (loser) expect(loser.code).toBe(6);
  else expect(String((own as PromiseRejectedResult).reason)).toContain('ended with 6');
  await rival.clear();
  if (own!.status === 'rejected') await cloud.start();
  expect(lockOf().pid).toBe(cloud.pid);
});

it('CRASH-11: SIGTERM in a rollout ends within 12 s with 0, and the next start goes on to the end', async () => {
  await push(cloud, '3.0.0', 'true');
  await toStaging(cloud, '3.0.0');
  const path = await pending(cloud, 'prod', '3.0.0');
  await approve(cloud, path, 'lead', 'security');
  await cloud.until(
    'the rollout',
    async () => ((await cloud.api('GET', path, { as: 'dev' })).body.status.rollout?.steps.length > 0 ? true : undefined),
    10,
  );
  const { code, signal, milliseconds } = await cloud.terminate();
  console.log(`[crash] SIGTERM: ended after ${Math.round(milliseconds)} ms`);
  expect({ code, signal }).toEqual({ code: 0, signal: null });
  expect(existsSync(join(cloud.data, 'lock'))).toBe(false);
  await cloud.start();
  await reach(cloud, path, 'succeeded');
  await expectQuiet(cloud);
  const events = await expectEndedOnce(cloud, path, await linesOf(cloud));
  expect(events.filter((type) => type === 'rollout.step')).toHaveLength(7);
  // A machine that is busy takes longer to leave even where nothing is under way.
  const idle = await cloud.terminate();
  await cloud.start();
  expect(milliseconds).toBeLessThan(WORK_LIMIT_MS + Math.max(LEAVE_LIMIT_MS, 2 * idle.milliseconds));
});

it('CRASH-12: a handler that dies answers 500 with a request id and nothing else, and no other request notices', async () => {
  const client = new LambdaClient(clientSettings({ ...cloud.endpoints, region: 'eu-central-1' }));
  const { Functions = [] } = await client.send(new ListFunctionsCommand({}));
  client.destroy();
  const reader = Functions.map(({ FunctionName }) => FunctionName!).find((name) => /read/i.test(name));
  expect(reader).toBeDefined();
  await cloud.fault({ service: 'lambda', operation: reader, status: 502, error: 'Runtime.ExitError' });
  const list = () => cloud.api('GET', '/v1/requests/staging', { as: 'dev' });
  const [dead, alive] = await Promise.all([list(), cloud.api('GET', '/health')]);
  expect({ status: dead.status, body: dead.body }).toEqual({ status: 500, body: { message: 'Internal Server Error' } });
  expect(dead.headers.get('apigw-requestid')).toMatch(/\S/);
  expect(alive.status).toBe(200);
  await cloud.clearFaults();
  expect((await list()).status).toBe(200);
});

it('CRASH-12: a fault inside a handler is a problem with a request id, without a secret or a trace', async () => {
  await cloud.fault({ service: 'dynamodb', operation: 'Query', status: 400, error: 'ValidationException' });
  const broken = await cloud.api('GET', '/v1/requests/staging', { as: 'dev' });
  await cloud.clearFaults();
  expect(broken.status).toBe(500);
  expect(broken.body).toMatchObject({ code: 'INTERNAL', requestId: expect.stringMatching(/\S/) });
  for (const secret of [
    await cloud.token('dev'),
    cloud.endpoints.awsAdmin.secretAccessKey,
    'at Object',
    'node_modules',
    '.mjs',
    cloud.folder,
  ]) {
    expect(broken.text).not.toContain(secret);
  }
});

it('CRASH-12: bodies made to exhaust a handler are refused, and who asks meanwhile is answered', async () => {
  const bodies = [
    `${'['.repeat(2_500_000)}${']'.repeat(2_500_000)}`,
    `{${Array.from({ length: 400_000 }, (_, key) => `"${key}":0`).join()}}`,
    `[${'{},'.repeat(1_500_000)}{}]`,
  ];
  const hostile = bodies.map((body) => cloud.api('POST', '/v1/requests/staging', { as: 'dev', body }));
  const others = Array.from({ length: 5 }, () => cloud.api('GET', '/v1/requests/staging', { as: 'viewer' }));
  for (const answer of await Promise.all(others)) expect(answer.status, answer.text).toBe(200);
  for (const answer of await Promise.all(hostile)) {
    expect([400, 413], answer.text.slice(0, 300)).toContain(answer.status);
    expect(answer.text.length).toBeLessThan(10_000);
  }
});

it(`CRASH-13: killed ${LOOPS} times in a row at any moment of its start, it ends well all the same`, async () => {
  await push(cloud, '1.0.0', 'true', { name: TOOL });
  const path = await pending(cloud, 'staging', '1.0.0', { name: TOOL });
  await cloud.fault({ service: 'registry', operation: 'PUT upload', delayMs: 20_000 });
  await approve(cloud, path, 'cpi');
  await reach(cloud, path, 'promoting');
  await cloud.kill();
  const began = performance.now();
  await cloud.restart();
  // Half as long again as a start takes: some kills meet the start, some the recovery.
  const longest = (performance.now() - began) * 1.5;
  const dice = new Dice('CRASH_SEED');
  console.log(`[crash] CRASH-13: ${dice}`);
  await cloud.kill();
  for (let loop = 0; loop < LOOPS; loop++) {
    const start = cloud.spawn();
    const delay = Math.round(dice.next() * longest);
    await sleep(delay);
    const ended = await start.end('SIGKILL');
    console.log(`[crash] CRASH-13: killed ${delay} ms after the start`);
    expect(ended.signal, 'it must not end by itself').toBe('SIGKILL');
    await start.clear();
  }
  await cloud.restart();
  await reach(cloud, path, 'succeeded');
  await expectQuiet(cloud);
  const events = await expectEndedOnce(cloud, path, await linesOf(cloud));
  for (const type of ['promotion.started', 'copy.finished', 'promotion.succeeded'])
    expect(events.filter((each) => each === type)).toEqual([type]);
});

it('kill -9 of npm itself leaves nothing running, and `npm start` goes on over the same data', async () => {
  const npm = new CrashCloud(['npm', 'start', '--silent', '--']);
  try {
    await npm.start();
    await push(npm, '1.0.0', 'true', { name: TOOL });
    const path = await pending(npm, 'staging', '1.0.0', { name: TOOL });
    const inner = npm.endpoints.pid;
    expect(inner).not.toBe(npm.pid);
    await npm.kill();
    await npm.until('the end of what npm had started', async () => (isAlive(inner) ? undefined : true), 50);
    await npm.restart();
    await approve(npm, path, 'cpi');
    await reach(npm, path, 'succeeded');
    // The run ends a step after it has recorded the end of the request.
    const runs = await npm.until('the end of its run', async () => {
      const all = await runsOf(npm, idOf(path));
      return all.some(({ status }) => status === 'RUNNING') ? undefined : all;
    });
    expect(runs).toEqual([{ name: `${idOf(path)}-1`, status: 'SUCCEEDED' }]);
  } finally {
    await npm.stop();
  }
});
