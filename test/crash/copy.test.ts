import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildImage, type Image, INDEX_TYPE } from '../../local/demo/image-content.ts';
import { attachSbom, pushImage } from '../../local/demo/push-image.ts';
import type { CallRecord } from '../../local/service.ts';
import { approve, idOf, pending, reach, sign, standing } from '../flows/requests.ts';
import { CrashCloud } from './cloud.ts';
import { expectEndedOnce, expectQuiet, linesOf } from './proof.ts';

const NAME = 'big-tool';
const LAYERS = 6;
const LAYER_BYTES = 512 * 1024;
/** So long takes the registry for each upload: a kill meets some that are done, some under way and some not begun. */
const UPLOAD_MS = 800;
/** So long takes each transaction: one that is seen coming is not over before its kill, however slow the machine is. */
const COMMIT_MS = 3_000;

let cloud: CrashCloud;
let image: Image;
beforeAll(async () => {
  cloud = await CrashCloud.open();
  image = await buildImage({ labels: {}, layersOf: () => Array.from({ length: LAYERS }, () => randomBytes(LAYER_BYTES)) });
  await pushImage({ address: cloud.endpoints.registries.dev, name: NAME }, image, ['1.0.0']);
});
afterAll(() => cloud?.stop());

const blobs = () => image.blobs.map(({ descriptor }) => descriptor.digest);

/** Digests of the image that the registry of staging serves to anybody. */
async function stored(): Promise<Set<string>> {
  const there = async (digest: string) => {
    const { status } = await fetch(`http://${cloud.endpoints.registries.staging}/v2/${NAME}/blobs/${digest}`, { method: 'HEAD' });
    return status === 200 ? [digest] : [];
  };
  return new Set((await Promise.all(blobs().map(there))).flat());
}

/** Digests whose bytes a function sent to a registry, once per upload. */
const uploads = (calls: CallRecord[]): string[] =>
  calls
    .filter(({ service, operation }) => service === 'registry' && operation === 'PUT upload')
    .map(({ resource }) => resource.slice(resource.indexOf('@') + 1));

it('sends no blob again that was there before the kills, and ends with the same bytes', async () => {
  const path = await pending(cloud, 'staging', '1.0.0', { name: NAME });
  await cloud.fault({ service: 'registry', operation: 'PUT upload', delayMs: UPLOAD_MS });
  await approve(cloud, path, 'cpi');
  let before = new Set<string>();
  for (const wanted of [1, Math.ceil(blobs().length / 2)]) {
    const atKill = await cloud.until(
      `${wanted} stored blobs`,
      async () => {
        const now = await stored();
        return now.size >= wanted && now.size > before.size ? now : undefined;
      },
      20,
    );
    expect(atKill.size, 'the kill must come while blobs are missing').toBeLessThan(blobs().length);
    const sent = uploads(await cloud.calls()).filter((digest) => before.has(digest));
    await cloud.kill();
    expect(sent, 'sent again after the kill before').toEqual([]);
    before = atKill;
    await cloud.restart();
    await cloud.fault({ service: 'registry', operation: 'PUT upload', delayMs: UPLOAD_MS });
  }
  await cloud.clearFaults();
  await reach(cloud, path, 'succeeded');
  const sent = uploads(await cloud.calls());
  console.log(`[crash] ${blobs().length} blobs, ${before.size} stored at the second kill, ${sent.length} sent after it`);
  expect(sent.filter((digest) => before.has(digest))).toEqual([]);
  expect(new Set(sent).size).toBe(sent.length);
  expect((await stored()).size).toBe(blobs().length);
  for (const reference of [image.digest, '1.0.0-staging', 'latest-staging']) {
    const address = `http://${cloud.endpoints.registries.staging}/v2/${NAME}/manifests/${reference}`;
    const answer = await fetch(address, { headers: { accept: INDEX_TYPE } });
    expect(Buffer.from(await answer.arrayBuffer()).equals(image.index.bytes), reference).toBe(true);
  }
  await expectQuiet(cloud);
  const events = await expectEndedOnce(cloud, path, await linesOf(cloud));
  for (const type of ['copy.finished', 'tag.written', 'promotion.succeeded']) {
    expect(
      events.filter((each) => each === type),
      idOf(path),
    ).toEqual([type]);
  }
});

const TITLE =
  'CRASH-04: killed after blob 3 of 7, after a manifest, the signature, the tag of the environment and latest, it goes on from there';
/** Five starts. */
const LIMIT_MS = 900_000;
it(TITLE, { timeout: LIMIT_MS }, async () => {
  const name = 'signed-tool';
  const layersOf = () => Array.from({ length: 6 }, () => randomBytes(LAYER_BYTES));
  const signed = await buildImage({ labels: {}, platforms: ['linux/amd64'], layersOf });
  const to = { address: cloud.endpoints.registries.dev, name };
  await pushImage(to, signed, ['1.0.0']);
  const signature = await sign(cloud, signed.digest, name);
  const sbom = await attachSbom(to, signed, name, '1.0.0');
  expect(signed.blobs).toHaveLength(7);
  const at = (what: string) => `http://${cloud.endpoints.registries.staging}/v2/${name}/${what}`;
  const digestAt = async (reference: string): Promise<string | null> => {
    const answer = await fetch(at(`manifests/${reference}`), { method: 'HEAD', headers: { accept: INDEX_TYPE } });
    return answer.status === 200 ? answer.headers.get('docker-content-digest') : null;
  };
  const storedBlobs = async (): Promise<Set<string>> => {
    const digests = signed.blobs.map(({ descriptor }) => descriptor.digest);
    const there = await Promise.all(digests.map(async (digest) => (await fetch(at(`blobs/${digest}`), { method: 'HEAD' })).status === 200));
    return new Set(digests.filter((_, index) => there[index]));
  };

  const path = await pending(cloud, 'staging', '1.0.0', { name });
  const image = signed.manifests[0]!.descriptor.digest;
  const moments: { what: string; slow: object; come(): Promise<boolean> }[] = [
    {
      what: 'blob 3 of 7',
      slow: { service: 'registry', operation: 'PUT upload', delayMs: UPLOAD_MS },
      come: async () => (await storedBlobs()).size >= 3,
    },
    {
      what: 'a manifest',
      slow: { service: 'registry', operation: 'PUT manifest', delayMs: UPLOAD_MS },
      come: async () => (await digestAt(image)) !== null,
    },
    {
      what: 'the signature',
      slow: { service: 'registry', operation: 'PUT manifest', delayMs: UPLOAD_MS },
      come: async () => (await digestAt(signature)) !== null,
    },
    {
      what: 'the tag of the environment',
      slow: { service: 'dynamodb', operation: 'TransactWriteItems', delayMs: COMMIT_MS },
      come: async () => (await digestAt('1.0.0-staging')) !== null,
    },
    {
      what: 'latest',
      slow: { service: 'dynamodb', operation: 'TransactWriteItems', delayMs: COMMIT_MS },
      come: async () => (await digestAt('latest-staging')) !== null,
    },
  ];
  await cloud.fault(moments[0]!.slow);
  await approve(cloud, path, 'cpi');
  for (const [index, { what, come }] of moments.entries()) {
    await cloud.until(what, async () => (await come()) || undefined, 10);
    const [before, { phase }] = await Promise.all([storedBlobs(), standing(cloud, path) as Promise<{ phase: string }>]);
    await cloud.kill();
    expect(phase, `${what}: the kill must come while it runs`).toBe('promoting');
    await cloud.restart();
    if (moments[index + 1]) await cloud.fault(moments[index + 1]!.slow);
    const next = moments[index + 1];
    if (next) await cloud.until(next.what, async () => (await next.come()) || undefined, 10);
    else await reach(cloud, path, 'succeeded');
    const again = uploads(await cloud.calls()).filter((digest) => before.has(digest));
    expect(again, `sent again after the kill after ${what}`).toEqual([]);
  }
  expect((await storedBlobs()).size).toBe(7);
  for (const reference of [signed.digest, '1.0.0-staging', 'latest-staging']) expect(await digestAt(reference)).toBe(signed.digest);
  expect(await digestAt(sbom)).toBe(sbom);
  const { body: environment } = await cloud.api('GET', '/v1/environments/staging', { as: 'viewer' });
  const row = JSON.stringify(environment);
  expect(row).toContain(signed.digest);
  await expectQuiet(cloud);
  const events = await expectEndedOnce(cloud, path, await linesOf(cloud));
  for (const type of ['copy.finished', 'tag.written', 'promotion.succeeded']) {
    expect(
      events.filter((each) => each === type),
      type,
    ).toEqual([type]);
  }
});
