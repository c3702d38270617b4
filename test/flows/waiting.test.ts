import { afterAll, beforeAll, expect, it } from 'vitest';
import { CAREFUL_PROD, synthesize } from './assembly.ts';
import { type Answer, FlowCloud } from './cloud.ts';
import { expectDescribed } from './described.ts';
import { approve, bodyOf, expectProblem, idOf, pending, push, reach, standing, toStaging, WORKLOAD } from './requests.ts';

/** An artifact without a workload: copied and tagged, no rollout. */
const name = 'ledger';

let cloud: FlowCloud;
beforeAll(async () => {
  cloud = await FlowCloud.start(await synthesize(CAREFUL_PROD));
});
afterAll(() => cloud?.stop());

const read = async (path: string): Promise<Answer['body']> => (await cloud.api('GET', path, { as: 'dev' })).body;
const actionsOf = ({ status }: Answer['body']): string[] => status.history.map(({ action }: { action: string }) => action);

async function staging(artifact: string): Promise<Answer['body']> {
  const { artifacts } = (await cloud.api('GET', '/v1/environments/staging', { as: 'dev' })).body;
  return artifacts.find((each: { artifact: string }) => each.artifact === artifact);
}

it('lets one of two promotions of an artifact to an environment run, and the other after it', async () => {
  await Promise.all([push(cloud, '2.1.0', 'true'), push(cloud, '2.2.0', 'true')]);
  const paths = [await pending(cloud, 'staging', '2.1.0'), await pending(cloud, 'staging', '2.2.0')];
  // What waits for people holds no lock.
  const place = await staging(WORKLOAD);
  expect(place.flags.locked).toBe(false);
  expect(place.pending.map(({ requestId, id }: { requestId?: string; id?: string }) => requestId ?? id).sort()).toEqual(
    paths.map(idOf).sort(),
  );

  // A rollout that is over before the other run begins keeps nobody waiting: it takes its time until that is seen.
  await cloud.fault({ service: 'kubernetes', delayMs: 500 });
  await Promise.all(paths.map((path) => approve(cloud, path, 'cpi')));
  const waited = await cloud.until('the one that waits', async () => {
    const both = await Promise.all(paths.map(read));
    return both.find(({ status }) => status.waitingOn === 'lock');
  });
  expect(waited.status).toMatchObject({ state: 'approved', phase: 'approved', waitingOn: 'lock' });
  expect((await staging(WORKLOAD)).flags.locked).toBe(true);
  await cloud.clearFaults();
  const ends = await Promise.all(paths.map((path) => reach(cloud, path, 'succeeded')));
  const first = ends.find(({ metadata }) => metadata.id !== waited.metadata.id);
  const second = ends.find(({ metadata }) => metadata.id === waited.metadata.id);
  expect(actionsOf(first)).not.toContain('waiting');
  expect(actionsOf(second).filter((action) => action === 'waiting' || action === 'promoting')).toEqual(['waiting', 'promoting']);
  const began = second.status.history.find(({ action }: { action: string }) => action === 'promoting').at;
  expect(Date.parse(began)).toBeGreaterThanOrEqual(Date.parse(first.status.deployedAt));
  expect(await staging(WORKLOAD)).toMatchObject({
    current: { requestId: second.metadata.id },
    previous: { requestId: first.metadata.id },
    flags: { locked: false },
  });
});

it('lets others pass while an approval is pending', async () => {
  await push(cloud, '1.0.0', 'true', { name });
  await push(cloud, '1.1.0', 'true', { name });
  const waiting = await pending(cloud, 'staging', '1.0.0', { name });
  await toStaging(cloud, '1.1.0', name);
  expect((await read(waiting)).status.phase).toBe('pending_approval');
  expect((await cloud.api('POST', `${waiting}/cancel`, { as: 'dev', body: {} })).body.status.phase).toBe('cancelled');
});

it('holds what is approved while the environment is locked, and lets it go on at once afterwards', async () => {
  await push(cloud, '1.3.0', 'true', { name });
  const of = (verb: string) => cloud.api('POST', `/v1/environments/staging/${verb}`, { as: 'cpi', body: { reason: 'incident 4711' } });
  expect((await of('lock')).body).toMatchObject({ locked: true, tenant: 'tenant-finance', artifact: null });
  expectProblem(await of('lock'), 409, 'ENV_LOCKED');
  const path = await pending(cloud, 'staging', '1.3.0', { name });
  await approve(cloud, path, 'cpi');
  await cloud.until('the wait', async () => ((await read(path)).status.waitingOn === 'lock' ? true : undefined));
  expect(await staging(name)).toMatchObject({ flags: { locked: true }, lock: { reason: 'incident 4711' } });
  expect((await of('unlock')).body).toMatchObject({ locked: false });
  await reach(cloud, path, 'succeeded');
});

it('RACE-19: refuses a date in the past, waits for one that is ahead, and starts then', async () => {
  await push(cloud, '1.2.0', 'true', { name });
  const past = new Date((await cloud.now()).getTime() - 3_600_000).toISOString();
  for (const at of ['/v1/requests/staging', '/v1/requests/staging/preview']) {
    const body = bodyOf('1.2.0', { name, scheduledDate: past });
    expectProblem(await cloud.api('POST', at, { as: 'dev', body }), 400, 'INVALID_DATE');
  }

  const scheduledDate = new Date((await cloud.now()).getTime() + 2 * 3_600_000).toISOString();
  const path = await pending(cloud, 'staging', '1.2.0', { name, scheduledDate });
  await approve(cloud, path, 'cpi');
  const waiting = await cloud.until('the wait', async () => {
    const now = await read(path);
    return now.status.waitingOn === undefined ? undefined : now;
  });
  expect(waiting.status).toMatchObject({ phase: 'approved', waitingOn: 'schedule' });
  await cloud.advance('PT1H');
  expect((await read(path)).status).toMatchObject({ phase: 'approved', waitingOn: 'schedule' });
  expect((await cloud.api('GET', `${path}/explain`, { as: 'dev' })).text).toContain(scheduledDate);
  await cloud.advance('PT1H');
  const end = await reach(cloud, path, 'succeeded');
  const began = end.status.history.find(({ action }: { action: string }) => action === 'promoting').at;
  expect(Date.parse(began)).toBeGreaterThanOrEqual(Date.parse(scheduledDate));
  expect(actionsOf(end).filter((action) => action === 'waiting')).toHaveLength(1);
});

it('waits for a person’s word where the environment says so', async () => {
  const path = await pending(cloud, 'prod', '1.2.0', { name });
  expectProblem(await cloud.api('POST', `${path}/execute`, { as: 'dev', body: {} }), 409, 'STATE_CONFLICT');
  await approve(cloud, path, 'lead', 'security');
  const approved = await reach(cloud, path, 'approved');
  expect(approved.status).toMatchObject({ state: 'approved', waitingOn: 'confirm', allowedActions: expect.arrayContaining(['execute']) });
  await cloud.advance('PT10M');
  const before = await standing(cloud, path);
  expect(before).toMatchObject({ phase: 'approved' });
  expect((await fetch(`http://${cloud.endpoints.registries.prod}/v2/${name}/tags/list`)).status).toBe(404);
  expectProblem(await cloud.api('POST', `${path}/execute`, { as: 'viewer', body: {} }), 403, 'FORBIDDEN');
  expectProblem(await cloud.api('POST', `${path}/execute`, { as: 'outsider', body: {} }), 404, 'NOT_FOUND');
  expect(await standing(cloud, path)).toEqual(before);

  expect((await cloud.api('POST', `${path}/execute`, { as: 'dev', body: {} })).status).toBe(200);
  const end = await reach(cloud, path, 'succeeded');
  expect(actionsOf(end).filter((action) => action === 'executed')).toHaveLength(1);
  expectProblem(await cloud.api('POST', `${path}/execute`, { as: 'dev', body: {} }), 409, 'STATE_CONFLICT');
  expect(await expectDescribed(cloud)).toBeGreaterThan(20);
});
