/** A rollout that is aborted in a bake of ten minutes is back at once; RACE and refusals of the rest are tested at the functions. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkWorkload } from '../../local/demo/demo-checks.ts';
import { synthesize } from './assembly.ts';
import { type Answer, FlowCloud } from './cloud.ts';
import { expectDescribed } from './described.ts';
import { approve, expectProblem, pending, push, reach, toStaging, WORKLOAD } from './requests.ts';

let cloud: FlowCloud;
let first: { version: string; digest: string };
beforeAll(async () => {
  cloud = await FlowCloud.start(await synthesize((yaml) => yaml.replace('bake: 5s', 'bake: 50m')));
  first = (await place()).current;
}, 180_000);
afterAll(() => cloud?.stop());

async function place(): Promise<Answer['body']> {
  const { artifacts } = (await cloud.api('GET', '/v1/environments/prod', { as: 'dev' })).body;
  return artifacts.find(({ artifact }: { artifact: string }) => artifact === WORKLOAD);
}

const abort = (path: string, as: string) => cloud.api('POST', `${path}/abort`, { as, body: {} });

it('is back at once, in the name of who aborted it, and what ran before runs', { timeout: 120_000 }, async () => {
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
