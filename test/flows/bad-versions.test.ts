import { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { clientSettings } from '../../local/demo/aws-clients.ts';
import { checkWorkload } from '../../local/demo/demo-checks.ts';
import { signImage } from '../../local/demo/push-image.ts';
import { synthesize } from './assembly.ts';
import { readSealedLog } from './audit-log.ts';
import { type Answer, FlowCloud, textOf } from './cloud.ts';
import { expectDescribed } from './described.ts';
import { approve, idOf, type PushedImage, pending, push, reach, request, toStaging, WORKLOAD } from './requests.ts';

const STAGING_ACCOUNT = '111111111111';

let cloud: FlowCloud;
/** What prod runs from the beginning. */
let first: { version: string; digest: string };
beforeAll(async () => {
  cloud = await FlowCloud.start(await synthesize());
  first = (await place('prod')).current;
});
afterAll(() => cloud?.stop());

async function place(environment: string): Promise<Answer['body']> {
  const { artifacts } = (await cloud.api('GET', `/v1/environments/${environment}`, { as: 'dev' })).body;
  return artifacts.find(({ artifact }: { artifact: string }) => artifact === WORKLOAD);
}

const stepsOf = ({ status }: Answer['body']): string[] =>
  status.rollout.steps.map(({ step, status: state }: { step: string; status: string }) => `${step} ${state}`);

const actionsOf = ({ status }: Answer['body']): string[] => status.history.map(({ action }: { action: string }) => action);

/** The whole way to prod, to where it is undone. */
async function toProd(version: string, healthy: string): Promise<{ image: PushedImage; end: Answer['body'] }> {
  const image = await push(cloud, version, healthy);
  await toStaging(cloud, version);
  const path = await pending(cloud, 'prod', version);
  await approve(cloud, path, 'lead', 'security');
  return { image, end: await reach(cloud, path, 'rolled_back') };
}

async function expectProdAsBefore(version: string, digest: string, id: string): Promise<void> {
  await checkWorkload(cloud.endpoints, 'prod', first.digest, first.version);
  const prod = await place('prod');
  expect(prod).toMatchObject({ current: first, health: 'healthy', flags: { locked: false } });
  expect(prod.rolledBack).toMatchObject({ version, digest, requestId: id });
  expect(prod.history[0]).toMatchObject({ version, requestId: id, outcome: 'rolled_back' });
}

it('undoes at 50 % a version that is healthy only below, and says why', async () => {
  const { image, end } = await toProd('1.2.0', 'after-50');
  expect(stepsOf(end)).toEqual(['canary:10 done', 'canary:50 aborted']);
  expect(end.status).toMatchObject({
    state: 'failed',
    failure: { code: 'SMOKE_FAILED', step: 'canary:50', message: expect.stringContaining('/api/health') },
    views: { seed002: { lifecycle_state: 'rollback' }, seed003: { state: 'executed', detail: 'rolled_back' } },
  });
  expect(end.status.deployedAt).toBeUndefined();
  expect(actionsOf(end).slice(-2)).toEqual(['rolling_back', 'rolled_back']);
  await expectProdAsBefore('1.2.0', image.digest, end.metadata.id);

  const told = await cloud.until('the mail about the rollback', async () => {
    const mine = (await cloud.mails()).filter(({ subject }) => subject.startsWith(`[${end.metadata.id}] Rolled back`));
    return mine.length >= 4 ? mine.flatMap(({ to }) => to) : undefined;
  });
  // It is a failure, so who runs the place hears of it too.
  expect(told.sort()).toEqual(['admin@example.com', 'dev@example.com', 'lead@example.com', 'security@example.com']);
});

it('undoes at 10 % a version that is ready but not healthy', async () => {
  const { image, end } = await toProd('1.3.0', 'false');
  expect(stepsOf(end)).toEqual(['canary:10 aborted']);
  expect(end.status.failure).toMatchObject({ code: 'SMOKE_FAILED', step: 'canary:10' });
  await expectProdAsBefore('1.3.0', image.digest, end.metadata.id);
});

it('undoes a version that never becomes ready, and lets the next one in', async () => {
  const before = (await place('staging')).current;
  await push(cloud, '1.4.0', 'crash');
  const path = await pending(cloud, 'staging', '1.4.0');
  await approve(cloud, path, 'cpi');
  const end = await reach(cloud, path, 'rolled_back');
  expect(end.status.failure).toMatchObject({ code: 'ROLLOUT_TIMEOUT', message: expect.stringContaining('CrashLoopBackOff') });
  expect((await place('staging')).current).toEqual(before);
  await checkWorkload(cloud.endpoints, 'staging', before.digest, before.version);
});

it('CAN-04: a version that breaks when all pods run it is undone while every fifth call of the cluster is refused, late or lost', async () => {
  const version = '1.6.0';
  const image = await push(cloud, version, 'after-100');
  await toStaging(cloud, version);
  const path = await pending(cloud, 'prod', version);
  // Longer than a call waits for its answer (5 s): the client gives up and does not know whether it was done.
  await cloud.fault({ service: 'kubernetes', rate: 0.03, delayMs: 6_000, status: 504 });
  await cloud.fault({ service: 'kubernetes', rate: 0.1, status: 429, error: 'TooManyRequests' });
  await cloud.fault({ service: 'kubernetes', rate: 0.08, status: 503, error: 'ServiceUnavailable' });
  await approve(cloud, path, 'lead', 'security');
  const end = await reach(cloud, path, 'rolled_back');
  await cloud.clearFaults();
  // Where it broke is chance; that what ran before runs again is not.
  expect(['SMOKE_FAILED', 'CLUSTER_UNAVAILABLE', 'ROLLOUT_TIMEOUT']).toContain(end.status.failure.code);
  await expectProdAsBefore(version, image.digest, end.metadata.id);
});

it('is blocked on its way to prod without a signature, and goes on after signing and retry', async () => {
  const image = await push(cloud, '1.5.0', 'true', { signed: false });
  await toStaging(cloud, '1.5.0');
  const path = await request(cloud, 'prod', '1.5.0');
  const blocked = await reach(cloud, path, 'blocked');
  const gate = blocked.status.gates.find(({ name }: { name: string }) => name === 'signature');
  expect(gate).toMatchObject({ status: 'failed', message: expect.stringContaining('has no signature') });
  expect(gate.resolution).toContain('retry');
  expect(blocked.status).toMatchObject({ state: 'pending', attempt: 1, allowedActions: expect.arrayContaining(['retry']) });
  const refused = await cloud.api('POST', `${path}/approve`, { as: 'lead', body: {} });
  expect({ status: refused.status, code: refused.body.code }).toEqual({ status: 409, code: 'STATE_CONFLICT' });
  expect((await cloud.mails()).some(({ subject }) => subject.startsWith(`[${idOf(path)}] Your approval is asked`))).toBe(false);

  await signInStaging(image.digest);
  const retried = await cloud.api('POST', `${path}/retry`, { as: 'dev', body: {} });
  expect(retried.body.status, retried.text).toMatchObject({ attempt: 2 });
  const asked = await reach(cloud, path, 'pending_approval');
  expect(asked.status.attempt).toBe(2);
  expect(asked.status.gates.map(({ status }: { status: string }) => status)).toEqual(['passed', 'passed', 'passed']);
  expect(asked.status.planHash).toBe(blocked.status.planHash);
  await approve(cloud, path, 'lead', 'security');
  const end = await reach(cloud, path, 'succeeded');
  expect(actionsOf(end).filter((action) => action === 'promoting')).toHaveLength(1);
  await checkWorkload(cloud.endpoints, 'prod', image.digest, '1.5.0');
});

it('leaves a log that verifies, with a line for every transition of every request', async () => {
  const log = await readSealedLog(cloud);
  expect(log.exitCode, log.said).toBe(0);
  for (const environment of ['staging', 'prod']) {
    const { items } = (await cloud.api('GET', `/v1/requests/${environment}`, { as: 'dev' })).body;
    expect(items).toHaveLength(5 - Number(environment === 'prod'));
    for (const { metadata } of items) {
      const timeline = (await cloud.api('GET', `/v1/requests/${environment}/${metadata.id}/timeline`, { as: 'dev' })).body.items;
      const lines = log.lines.filter(({ rid }) => rid === metadata.id).map(({ seq, ts }) => ({ seq, at: ts }));
      expect(lines).toEqual(timeline.map(({ seq, at }: { seq: number; at: string }) => ({ seq, at })));
    }
  }
  expect(log.lines.filter(({ type }) => type === 'rollback.finished')).toHaveLength(4);
  expect(await expectDescribed(cloud)).toBeGreaterThan(20);
});

/** As the operator of staging's registry does, who alone may write there besides the copy function. */
async function signInStaging(digest: string): Promise<void> {
  const client = new ECRClient(clientSettings({ ...cloud.endpoints, region: 'eu-central-1' }));
  const { authorizationData } = await client.send(new GetAuthorizationTokenCommand({ registryIds: [STAGING_ACCOUNT] }));
  client.destroy();
  const authorization = `Basic ${authorizationData![0]!.authorizationToken}`;
  const to = { address: cloud.endpoints.registries.staging, name: WORKLOAD, authorization };
  await signImage(to, digest, textOf(cloud.endpoints.signing.privateKey));
}
