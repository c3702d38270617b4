import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { CallRecord } from '../../local/service.ts';
import { openLink, sendLink } from '../flows/link-form.ts';
import { approve, bodyOf, idOf, pending, push, reach, request, toStaging } from '../flows/requests.ts';
import { CrashCloud } from './cloud.ts';
import { expectAsked, expectEndedOnce, expectQuiet, linesOf, runsOf } from './proof.ts';

/** An artifact without a workload is copied and tagged. */
const TOOL = 'ledger-tool';
const VERSIONS = ['1.0.0', '1.1.0', '1.2.0', '1.3.0', '1.4.0', '1.5.0', '1.6.0', '1.7.0'] as const;

let cloud: CrashCloud;
beforeAll(async () => {
  cloud = await CrashCloud.open();
  for (const version of VERSIONS) await push(cloud, version, 'true', { name: TOOL });
});
afterAll(() => cloud?.stop());
// A fault is forgotten with the process, but a test that fails before its kill leaves one.
beforeEach(() => cloud.clearFaults());

const is = (service: string, operation: string, name?: RegExp) => (call: CallRecord) =>
  call.service === service && call.operation === operation && (name === undefined || name.test(call.function ?? ''));

/** The types of events of a promotion to staging that nobody disturbed; made once. */
let undisturbed: Promise<string[]> | undefined;
function expected(): Promise<string[]> {
  const run = async () => {
    const path = await pending(cloud, 'staging', VERSIONS[0], { name: TOOL });
    await approve(cloud, path, 'cpi');
    await reach(cloud, path, 'succeeded');
    return expectEndedOnce(cloud, path, await linesOf(cloud));
  };
  undisturbed ??= run();
  return undisturbed;
}

/** Approves what waits, and proves that everything happened once. `duplicates`: how many mails may have come twice. */
async function endWell(path: string, duplicates: number): Promise<void> {
  await reach(cloud, path, 'pending_approval');
  await cloud.until('the mails', async () => {
    await cloud.advance('PT1M');
    const mails = await cloud.mails();
    return (
      ['cpi', 'cpi2'].every((person) =>
        mails.some(({ to, subject }) => to.includes(`${person}@example.com`) && subject.includes(idOf(path))),
      ) || undefined
    );
  });
  await approve(cloud, path, 'cpi');
  await reach(cloud, path, 'succeeded');
  await expectQuiet(cloud);
  expect(await expectEndedOnce(cloud, path, await linesOf(cloud))).toEqual(await expected());
  await expectAsked(cloud, idOf(path), ['cpi', 'cpi2'], duplicates);
}

it('the mailed link decides after a kill while an approval is pending, and the promotion ends once', async () => {
  await push(cloud, '2.0.0', 'true');
  await toStaging(cloud, '2.0.0');
  const path = await pending(cloud, 'prod', '2.0.0');
  const [lead, security] = [await cloud.link('lead', idOf(path)), await cloud.link('security', idOf(path))];
  await cloud.kill();
  await cloud.restart();
  expect((await cloud.api('GET', path, { as: 'dev' })).body.status.phase).toBe('pending_approval');
  const first = await sendLink(cloud, await openLink(lead), { as: 'lead' });
  expect(first.status, first.text).toBe(200);
  // Once more between two decisions: what is decided stays, what is open stays open.
  await cloud.kill();
  await cloud.restart();
  const second = await sendLink(cloud, await openLink(security), { as: 'security' });
  expect(second.status, second.text).toBe(200);
  const end = await reach(cloud, path, 'succeeded');
  expect(end.status.approvals.stages[0].rules.map(({ given }: { given: string[] }) => given)).toEqual([
    ['lead@example.com'],
    ['security@example.com'],
  ]);
  await expectQuiet(cloud);
  const events = await expectEndedOnce(cloud, path, await linesOf(cloud));
  expect(events.filter((type) => type === 'approval.decided')).toHaveLength(2);
  expect(events.filter((type) => type === 'promotion.started')).toHaveLength(1);
  expect(events.filter((type) => type === 'promotion.succeeded')).toHaveLength(1);
  await expectAsked(cloud, idOf(path), ['lead', 'security'], cloud.kills);
});

it('CRASH-01: a request that was acknowledged starts once, killed before its run began', async () => {
  await cloud.fault({ service: 'states', operation: 'StartExecution', delayMs: 20_000 });
  const path = await request(cloud, 'staging', VERSIONS[1], { name: TOOL });
  await cloud.kill();
  await cloud.restart();
  await endWell(path, 1);
});

it('CRASH-01: a run that was begun is not begun again, killed before that was recorded', async () => {
  const since = await cloud.now();
  await cloud.fault({ service: 'dynamodb', operation: 'DeleteItem', delayMs: 20_000 });
  const path = await request(cloud, 'staging', VERSIONS[2], { name: TOOL });
  await cloud.until('the run', async () => ((await runsOf(cloud, idOf(path))).length > 0 ? true : undefined), 20);
  await cloud.seen('the removal of the wake row', since, (calls) => calls.some(is('dynamodb', 'DeleteItem')));
  await cloud.kill();
  await cloud.restart();
  await endWell(path, 1);
});

it('CRASH-02: a decision that was committed but not answered stands, and repeating it answers 200 and writes no second event', async () => {
  const path = await pending(cloud, 'staging', VERSIONS[3], { name: TOOL });
  const since = await cloud.now();
  await cloud.fault({ service: 'dynamodb', operation: 'PutItem', delayMs: 3_000 });
  let answered = false;
  const decision = cloud.api('POST', `${path}/approve`, { as: 'cpi', body: {}, headers: { 'idempotency-key': 'crash-02-approve' } }).then(
    () => {
      answered = true;
    },
    () => undefined,
  );
  // With a key, the function keeps its answer after the commit, before it sends it.
  await cloud.seen('the answer that is kept after the commit', since, (calls) => {
    const own = calls.filter((call) => /decide/i.test(call.function ?? '') && call.service === 'dynamodb');
    const commit = own.findIndex(is('dynamodb', 'TransactWriteItems'));
    return commit >= 0 && own.slice(commit + 1).some(is('dynamodb', 'PutItem'));
  });
  await cloud.kill();
  await decision;
  expect(answered).toBe(false);
  await cloud.restart();
  const { body } = await cloud.api('GET', path, { as: 'dev' });
  expect(body.status.history.map(({ action }: { action: string }) => action)).toContain('approved');
  const again = await cloud.api('POST', `${path}/approve`, { as: 'cpi', body: {} });
  expect(again.status, again.text).toBe(200);
  await reach(cloud, path, 'succeeded');
  await expectQuiet(cloud);
  expect(await expectEndedOnce(cloud, path, await linesOf(cloud))).toEqual(await expected());
});

it('CRASH-02: a decision that was not committed did not happen, and repeating it decides once', async () => {
  const path = await pending(cloud, 'staging', VERSIONS[4], { name: TOOL });
  const since = await cloud.now();
  await cloud.fault({ service: 'dynamodb', operation: 'TransactWriteItems', delayMs: 20_000 });
  const decision = cloud.api('POST', `${path}/approve`, { as: 'cpi', body: {} }).catch(() => undefined);
  await cloud.seen('the commit', since, (calls) => calls.some(is('dynamodb', 'TransactWriteItems', /decide/i)));
  await cloud.kill();
  expect(await decision).toBeUndefined();
  await cloud.restart();
  expect((await cloud.api('GET', path, { as: 'dev' })).body.status.phase).toBe('pending_approval');
  await endWell(path, 1);
});

it('CRASH-02: the same Idempotency-Key makes no second request of one whose creation was cut off', async () => {
  const since = await cloud.now();
  const headers = { 'idempotency-key': 'crash-02-create' };
  const body = bodyOf(VERSIONS[5], { name: TOOL });
  await cloud.fault({ service: 'dynamodb', operation: 'TransactWriteItems', delayMs: 20_000 });
  const creation = cloud.api('POST', '/v1/requests/staging', { as: 'dev', body, headers }).catch(() => undefined);
  await cloud.seen('the creation', since, (calls) => calls.some(is('dynamodb', 'TransactWriteItems')));
  await cloud.kill();
  expect(await creation).toBeUndefined();
  await cloud.restart();
  const mine = async () => {
    const { items } = (await cloud.api('GET', '/v1/requests/staging?limit=100', { as: 'dev' })).body;
    return items.filter(({ spec }: { spec: { target: { version: string } } }) => spec.target.version === VERSIONS[5]);
  };
  expect(await mine()).toEqual([]);
  // The key is free again when the longest run of the function is over, in real time.
  const answer = await cloud.until(
    'the end of the cut off call',
    async () => {
      const each = await cloud.api('POST', '/v1/requests/staging', { as: 'dev', body, headers });
      if (each.status === 409) expect(each.body.code).toBe('IN_PROGRESS');
      return each.status === 409 ? undefined : each;
    },
    1_000,
  );
  expect(answer.status, answer.text).toBe(201);
  const again = await cloud.api('POST', '/v1/requests/staging', { as: 'dev', body, headers });
  expect(again.body.metadata.id).toBe(answer.body.metadata.id);
  expect(await mine()).toHaveLength(1);
  await endWell(`/v1/requests/staging/${answer.body.metadata.id}`, 1);
});

it('CRASH-03: a mail that was sent but not recorded comes at most twice, and every other once', async () => {
  const since = await cloud.now();
  const path = await request(cloud, 'staging', VERSIONS[6], { name: TOOL });
  await cloud.fault({ service: 'dynamodb', operation: 'PutItem', delayMs: 1_500 });
  await cloud.until(
    'a mail with a link',
    async () =>
      (await cloud.mails()).some(({ subject, text }) => subject.includes(idOf(path)) && text.includes('/v1/approvals/link')) || undefined,
    20,
  );
  const sent = (await cloud.calls(since)).filter((call) => call.service === 'ses').length;
  expect(sent).toBeGreaterThan(0);
  await cloud.kill();
  await cloud.restart();
  await endWell(path, 1);
});

it('CRASH-03: a mail that was cut off before it was sent comes', async () => {
  const since = await cloud.now();
  await cloud.fault({ service: 'ses', delayMs: 20_000 });
  const path = await request(cloud, 'staging', VERSIONS[7], { name: TOOL });
  await cloud.seen('a mail', since, (calls) => calls.some((call) => call.service === 'ses'));
  await cloud.kill();
  await cloud.restart();
  await endWell(path, 1);
});
