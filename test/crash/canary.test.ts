import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkWorkload } from '../../local/demo/demo-checks.ts';
import type { Answer } from '../flows/cloud.ts';
import { approve, idOf, type PushedImage, pending, push, reach, toStaging, WORKLOAD } from '../flows/requests.ts';
import { CrashCloud } from './cloud.ts';
import { expectAsked, expectEndedOnce, expectQuiet, linesOf } from './proof.ts';

/** Each call to the cluster takes so long: a step cannot be over before its kill. */
const CLUSTER_MS = 100;

let cloud: CrashCloud;
/** Types of the events of a rollout that nobody disturbed. */
let undisturbed: string[];
let good: PushedImage;
beforeAll(async () => {
  cloud = await CrashCloud.open();
  const { path, image } = await toProd('2.0.0', 'true');
  await reach(cloud, path, 'succeeded');
  await expectQuiet(cloud);
  undisturbed = await expectEndedOnce(cloud, path, await linesOf(cloud));
  good = image;
});
afterAll(() => cloud?.stop());

/** Brings a version to staging, and approves it for prod. */
async function toProd(version: string, healthy: string, ready: () => Promise<void> = async () => {}) {
  const image = await push(cloud, version, healthy);
  await toStaging(cloud, version);
  const path = await pending(cloud, 'prod', version);
  await ready();
  await approve(cloud, path, 'lead', 'security');
  return { image, path };
}

type Status = Answer['body'];
const stepsOf = ({ rollout }: Status): string[] =>
  (rollout?.steps ?? []).map(({ step, status }: { step: string; status: string }) => `${step} ${status}`);

const slowCluster = () => cloud.fault({ service: 'kubernetes', delayMs: CLUSTER_MS });

/** Kills at the first sight of something in the status, and answers the steps as they stood. */
async function killWhen(path: string, what: string, is: (status: Status) => boolean): Promise<string[]> {
  const seen = await cloud.until(
    what,
    async () => {
      const { status } = (await cloud.api('GET', path, { as: 'dev' })).body;
      return is(status) ? (status as Status) : undefined;
    },
    10,
  );
  await cloud.kill();
  expect(['promoting', 'rolling_back'], 'the kill must come in the middle').toContain(seen.phase);
  return stepsOf(seen);
}

/** What was reached stays reached: steps that were over are not done again. */
async function expectGoesOnFrom(path: string, steps: string[]): Promise<void> {
  const { status } = (await cloud.api('GET', path, { as: 'dev' })).body;
  expect(stepsOf(status).map((step) => step.split(' ')[0])).toEqual(expect.arrayContaining(steps.map((step) => step.split(' ')[0]!)));
}

async function expectProd(version: string, digest: string): Promise<void> {
  await checkWorkload(cloud.endpoints, 'prod', digest, version);
  const { artifacts } = (await cloud.api('GET', '/v1/environments/prod', { as: 'dev' })).body;
  const place = artifacts.find(({ artifact }: { artifact: string }) => artifact === WORKLOAD);
  expect(place).toMatchObject({ current: { version, digest }, health: 'healthy', flags: { locked: false } });
}

it('a rollout that is killed at 10, 50 and 100 % goes on where it was and ends once', async () => {
  const { path, image } = await toProd('2.1.0', 'true', slowCluster);
  for (const weight of [10, 50, 100]) {
    const steps = await killWhen(path, `canary:${weight}`, (status) => stepsOf(status).includes(`canary:${weight} progressing`));
    await cloud.restart();
    await expectGoesOnFrom(path, steps);
    await slowCluster();
  }
  await cloud.clearFaults();
  const end = await reach(cloud, path, 'succeeded');
  expect(stepsOf(end.status)).toEqual(['canary:10 done', 'canary:50 done', 'canary:100 done']);
  await expectQuiet(cloud);
  expect(await expectEndedOnce(cloud, path, await linesOf(cloud))).toEqual(undisturbed);
  await expectProd('2.1.0', image.digest);
  await expectAsked(cloud, idOf(path), ['lead', 'security'], 1);
  good = image;
});

it('a rollout that is killed in its bakes goes on where it was and ends once', async () => {
  const { path, image } = await toProd('2.2.0', 'true');
  for (const weight of [10, 50]) {
    const steps = await killWhen(path, `bake of ${weight}`, (status) => stepsOf(status).includes(`canary:${weight} baking`));
    await cloud.restart();
    await expectGoesOnFrom(path, steps);
  }
  await reach(cloud, path, 'succeeded');
  await expectQuiet(cloud);
  expect(await expectEndedOnce(cloud, path, await linesOf(cloud))).toEqual(undisturbed);
  await expectProd('2.2.0', image.digest);
  good = image;
});

it('a way back that is killed is gone to its end, once', async () => {
  const { path } = await toProd('2.3.0', 'after-50', slowCluster);
  await killWhen(path, 'the way back', (status) => status.phase === 'rolling_back');
  await cloud.restart();
  await slowCluster();
  // And again in the middle of what the restart resumed, if it is not over yet.
  await cloud.kill();
  await cloud.restart();
  const end = await reach(cloud, path, 'rolled_back');
  expect(stepsOf(end.status)).toEqual(['canary:10 done', 'canary:50 aborted']);
  await expectQuiet(cloud);
  const events = await expectEndedOnce(cloud, path, await linesOf(cloud));
  for (const type of ['rollback.started', 'rollback.finished']) expect(events.filter((each) => each === type)).toEqual([type]);
  await expectProd('2.2.0', good.digest);
});
