/** Ways back without a request: a rollout that is aborted in a bake of ten minutes, and a version that fails after its rollout. RACE and refusals of the rest are tested at the functions. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkWorkload } from '../../local/demo/demo-checks.ts';
import { synthesize } from './assembly.ts';
import { type Answer, FlowCloud } from './cloud.ts';
import { expectDescribed } from './described.ts';
import { approve, expectProblem, pending, push, reach, toStaging, WORKLOAD } from './requests.ts';

/** Staging judges what it takes, and takes it back when it fails within the half hour after. */
const TAKEN_BACK = '    rollback: { auto_rollback_on_failure: true }\n';

let cloud: FlowCloud;
let first: { version: string; digest: string };
beforeAll(async () => {
  cloud = await FlowCloud.start(
    await synthesize((yaml) => yaml.replace('bake: 5s', 'bake: 50m').replace('    smoke: false\n', TAKEN_BACK)),
  );
  first = (await place()).current;
});
afterAll(() => cloud?.stop());

async function place(): Promise<Answer['body']> {
  const { artifacts } = (await cloud.api('GET', '/v1/environments/prod', { as: 'dev' })).body;
  return artifacts.find(isWorkload);
}

const isWorkload = ({ artifact }: { artifact: string }): boolean => artifact === WORKLOAD;

const abort = (path: string, as: string) => cloud.api('POST', `${path}/abort`, { as, body: {} });

it('is back at once, in the name of who aborted it, and what ran before runs', async () => {
  await push(cloud, '1.1.0', 'true');
  await toStaging(cloud, '1.1.0');
  const path = await pending(cloud, 'prod', '1.1.0');
  expectProblem(await abort(path, 'dev'), 409, 'STATE_CONFLICT');
  await approve(cloud, path, 'lead', 'security');
  await cloud.until('the bake at 10 %', async () => {
    const { status } = (await cloud.api('GET', path, { as: 'dev' })).body;
    return status.step === 'bake' ? status : undefined;
  });
  expectProblem(await abort(path, 'viewer'), 403, 'FORBIDDEN');
  expectProblem(await abort(path, 'outsider'), 404, 'NOT_FOUND');
  const aborted = await abort(path, 'dev');
  expect(aborted.body.status, aborted.text).toMatchObject({ phase: 'rolling_back', failure: { code: 'ABORTED', step: 'canary:10' } });
  const end = await reach(cloud, path, 'rolled_back');
  const last = end.status.history.at(-2);
  expect(last).toMatchObject({ action: 'aborted', by: 'dev@example.com' });
  // The bake would have lasted for ten minutes of real time.
  expect(Date.parse(end.status.history.at(-1).at) - Date.parse(last.at)).toBeLessThan(20 * 60_000);
  await checkWorkload(cloud.endpoints, 'prod', first.digest, first.version);
  expect(await place()).toMatchObject({ current: first, health: 'healthy', flags: { locked: false }, rolledBack: { version: '1.1.0' } });
  expectProblem(await abort(path, 'dev'), 409, 'STATE_CONFLICT');
  expect(await expectDescribed(cloud)).toBeGreaterThan(5);
});

it('takes a version back by itself that fails after its rollout has succeeded, and tells who brought it', async () => {
  const staging = async () => (await cloud.api('GET', '/v1/environments/staging', { as: 'dev' })).body.artifacts.find(isWorkload);
  const { digest } = await push(cloud, '1.2.0', 'until-told');
  await toStaging(cloud, '1.2.0');
  const good = (await staging()).previous;
  expect(await staging()).toMatchObject({ current: { version: '1.2.0', digest }, previous: { version: '1.1.0' } });
  await cloud.advance('PT2M');
  expect((await staging()).current.digest).toBe(digest);
  expect((await fetch(`${cloud.endpoints.apps['staging/payment-api']}/break`, { method: 'POST' })).status).toBe(204);
  await cloud.advance('PT3M');
  const back = await cloud.until('the version before', async () => {
    const now = await staging();
    return now.current.digest === good.digest ? now : undefined;
  });
  await checkWorkload(cloud.endpoints, 'staging', good.digest, '1.1.0');
  const { requestId } = back.current;
  expect(back).toMatchObject({ health: 'healthy', rolledBack: { version: '1.2.0', requestId }, held: [{ version: '1.2.0' }] });
  const { items } = (await cloud.api('GET', `/v1/requests/staging/${requestId}/timeline`, { as: 'cpi' })).body;
  expect(items[0]).toMatchObject({ action: 'created', by: 'system' });
  const mail = await cloud.until('the alert', async () =>
    (await cloud.mails())
      .filter(({ subject }) => subject.startsWith(`[${requestId}] Taken back by itself`))
      .find(({ to }) => to.includes('dev@example.com')),
  );
  expect(mail.text).toContain('/api/health answered 500');
  const receipt = await cloud.until('its receipt', async () => {
    const { status, body } = await cloud.api('GET', `/v1/requests/staging/${requestId}/receipt`, { as: 'cpi' });
    return status === 200 ? body : undefined;
  });
  expect(JSON.parse(Buffer.from(receipt.payload, 'base64').toString()).predicate).toMatchObject({
    requester: { id: 'system' },
    outcome: 'succeeded',
    approvals: [],
  });
  expect((await cloud.mails()).flatMap(({ to }) => to).filter((to) => !to.includes('@'))).toEqual([]);
  expect((await cloud.calls()).filter(({ decision }) => decision !== 'allowed')).toEqual([]);
  await expectDescribed(cloud);
});
