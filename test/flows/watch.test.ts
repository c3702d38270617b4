import { BatchDeleteImageCommand, BatchGetImageCommand, ECRClient } from '@aws-sdk/client-ecr';
import { AppsV1Api, KubeConfig, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { clientSettings } from '../../local/demo/aws-clients.ts';
import { synthesize } from './assembly.ts';
import { FlowCloud } from './cloud.ts';
import { expectDescribed } from './described.ts';
import { bodyOf, push, toStaging, WORKLOAD } from './requests.ts';

let cloud: FlowCloud;
/** Digest of 1.0.0, which ran in staging before 1.1.0. */
let first: string;

beforeAll(async () => {
  cloud = await FlowCloud.start(await synthesize());
  first = (await place()).current.digest;
  await push(cloud, '1.1.0', 'true');
  await toStaging(cloud, '1.1.0');
});
afterAll(() => cloud?.stop());

const place = async () =>
  (await cloud.api('GET', '/v1/environments/staging', { as: 'dev' })).body.artifacts.find(
    ({ artifact }: { artifact: string }) => artifact === WORKLOAD,
  );

/** The next look: the watch is due a quarter of an hour after the last. */
async function look() {
  const before = (await place()).watch?.checkedAt;
  await cloud.advance('PT16M');
  return cloud.until('the watch has looked', async () => {
    const now = await place();
    return now.watch && now.watch.checkedAt !== before ? now : undefined;
  });
}

const alerts = async () =>
  (await cloud.mails()).filter(({ subject }) => subject.startsWith('Attention:')).map(({ to, subject }) => ({ to, subject }));

it('shows that the environment runs what was promoted and can go back, with every registry looked at', async () => {
  const { watch, flags } = await look();
  expect(watch.drift).toEqual({ status: 'none' });
  expect(flags.drifted).toBe(false);
  expect(watch.rollback).toMatchObject({
    ready: true,
    waysBack: [
      { purpose: 'current', version: '1.1.0', ready: true, problems: [] },
      { purpose: 'previous', version: '1.0.0', digest: first, ready: true },
    ],
  });
  expect(await alerts()).toEqual([]);
});

it('turns red within one look when a registry has lost the version before, and tells the administrators once', async () => {
  const client = new ECRClient(clientSettings({ ...cloud.endpoints, region: 'eu-central-1' }));
  const command = new BatchDeleteImageCommand({ registryId: '111111111111', repositoryName: WORKLOAD, imageIds: [{ imageDigest: first }] });
  expect((await client.send(command)).failures).toEqual([]);
  client.destroy();
  const { watch } = await look();
  const previous = watch.rollback.waysBack[1];
  expect(watch.rollback.ready).toBe(false);
  expect(previous).toMatchObject({ version: '1.0.0', ready: false });
  expect(previous.problems[0]).toContain('registry staging');
  await cloud.until('the administrator has mail', async () => ((await alerts()).length > 0 ? true : undefined));
  await look();
  expect(await alerts()).toEqual([
    { to: ['admin@example.com'], subject: expect.stringContaining('staging/payment-api could not go back to 1.0.0') },
  ]);
});

it('sees by the next look that somebody changed what runs, and says so until it is put right', async () => {
  const kubeconfig = new KubeConfig();
  kubeconfig.loadFromFile(cloud.endpoints.kubeconfig);
  const apps = kubeconfig.makeApiClient(AppsV1Api);
  const name = `${WORKLOAD}-stable`;
  const scale = (replicas: number) =>
    apps.patchNamespacedDeployment(
      { name: `${WORKLOAD}-canary`, namespace: 'staging', body: { spec: { replicas } } },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    );
  expect((await apps.readNamespacedDeployment({ name, namespace: 'staging' })).metadata?.name).toBe(name);
  await scale(1);
  const drifted = await look();
  expect(drifted.flags.drifted).toBe(true);
  expect(drifted.watch.drift).toMatchObject({ status: 'drifted', since: drifted.watch.checkedAt });
  const preview = await cloud.api('POST', '/v1/requests/staging/preview', { as: 'dev', body: bodyOf('1.1.0') });
  expect(preview.body.warnings).toContainEqual(expect.stringContaining('staging does not run what was promoted there'));
  await scale(0);
  expect((await look()).flags.drifted).toBe(false);
});

it('D4: puts latest-staging right within a minute when somebody deletes it, and says so', async () => {
  const client = new ECRClient(clientSettings({ ...cloud.endpoints, region: 'eu-central-1' }));
  const where = { registryId: '111111111111', repositoryName: WORKLOAD };
  const imageIds = [{ imageTag: 'latest-staging' }];
  const named = async () => (await client.send(new BatchGetImageCommand({ ...where, imageIds }))).images?.[0]?.imageId?.imageDigest;
  const runs = (await place()).current.digest;
  expect(await named()).toBe(runs);
  expect((await client.send(new BatchDeleteImageCommand({ ...where, imageIds }))).failures).toEqual([]);
  expect(await named()).toBeUndefined();
  await cloud.advance('PT1M');
  expect(await cloud.until('the tag', named)).toBe(runs);
  client.destroy();
  const mail = await cloud.until('the alert', async () => (await alerts()).find(({ subject }) => subject.includes('latest-staging')));
  expect(mail.to).toContain('admin@example.com');
});

it('answered nothing that its OpenAPI document does not describe', () => expectDescribed(cloud));
