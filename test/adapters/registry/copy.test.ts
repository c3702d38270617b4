import { generateKeyPairSync } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { registryReader } from '../../../adapters/registry/registry-reader.ts';
import { realNow, registryWriter } from '../../../adapters/registry/registry-writer.ts';
import { fallbackTag } from '../../../adapters/registry/repository.ts';
import { attachSbom, pushImage, signImage } from '../../../local/demo/oci-image.ts';
import { sha256 } from '../../local/registry/open-test-registry.ts';
import { configurationOf, operations, type Place, REPOSITORY, startRegistry, stopRegistries } from './registries.ts';

afterEach(stopRegistries);

const writer = registryWriter();
const later = () => realNow() + 60_000;
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

async function publishTo(place: Place, tag = '2.1.0') {
  const at = { origin: place.origin, repository: REPOSITORY };
  const image = await pushImage({ ...at, tag, labels: { team: 'payments' } });
  const signatureTag = await signImage({ ...at, digest: image.digest, privateKeyPem: key });
  const sbom = await attachSbom({ ...at, digest: image.digest, version: tag });
  return { ...image, signatureTag, sbom };
}

async function manifestAt(place: Place, reference: string) {
  return place.registry.call('GET', `/v2/${REPOSITORY}/manifests/${reference}`);
}

describe('copy', () => {
  test('brings index, images, blobs, signature and SBOM to the target with the same bytes', async () => {
    const [dev, prod] = [await startRegistry('dev'), await startRegistry('prod')];
    const published = await publishTo(dev);
    const { bytes } = await registryReader().estimate(dev.configuration, prod.configuration, REPOSITORY, published.digest);
    const progress = await writer.copy(dev.configuration, prod.configuration, REPOSITORY, published.digest, later());
    expect(progress.copiedBytes).toBe(bytes);
    expect(progress).toMatchObject({ done: true, manifests: 5 });
    expect(progress.closureRoot).toMatch(/^sha256:[0-9a-f]{64}$/);
    for (const digest of [published.digest, ...published.manifests, published.sbom]) {
      const copied = await manifestAt(prod, digest);
      expect(copied.status).toBe(200);
      expect(sha256(copied.text)).toBe(digest);
    }
    expect((await manifestAt(prod, published.signatureTag)).status).toBe(200);
    const { json } = await prod.registry.call('GET', `/v2/${REPOSITORY}/referrers/${published.digest}`);
    expect(json.manifests.map((entry: { digest: string }) => entry.digest)).toEqual([published.sbom]);
  });

  test('sends nothing the second time and answers the same root', async () => {
    const [dev, prod] = [await startRegistry('dev'), await startRegistry('prod')];
    const { digest } = await publishTo(dev);
    const first = await writer.copy(dev.configuration, prod.configuration, REPOSITORY, digest, later());
    const before = operations(prod).length;
    const second = await writer.copy(dev.configuration, prod.configuration, REPOSITORY, digest, later());
    expect(second).toMatchObject({ done: true, copiedBytes: 0, closureRoot: first.closureRoot });
    const again = operations(prod).slice(before);
    expect(again.filter((operation) => !/^(GET|HEAD)/.test(operation))).toEqual([]);
  });

  test('copies a signature that was made after the image was copied', async () => {
    const [dev, prod] = [await startRegistry('dev'), await startRegistry('prod')];
    const at = { origin: dev.origin, repository: REPOSITORY };
    const { digest } = await pushImage({ ...at, tag: '1.0.0', labels: {} });
    await writer.copy(dev.configuration, prod.configuration, REPOSITORY, digest, later());
    const tag = await signImage({ ...at, digest, privateKeyPem: key });
    await writer.copy(dev.configuration, prod.configuration, REPOSITORY, digest, later());
    expect((await manifestAt(prod, tag)).status).toBe(200);
  });

  test('stops between blobs when the deadline has come, and goes on where it stopped', async () => {
    const [dev, prod] = [await startRegistry('dev'), await startRegistry('prod')];
    const { digest } = await publishTo(dev);
    expect(await writer.copy(dev.configuration, prod.configuration, REPOSITORY, digest, realNow() - 1)).toMatchObject({ done: false });
    expect((await manifestAt(prod, digest)).status).toBe(404);
    expect(await writer.copy(dev.configuration, prod.configuration, REPOSITORY, digest, later())).toMatchObject({ done: true });
  });

  test('mounts blobs inside one registry instead of sending them', async () => {
    const dev = await startRegistry('dev');
    const { digest } = await publishTo(dev);
    const inside = configurationOf('mirror', dev.origin, 'mirror');
    expect(await writer.copy(dev.configuration, inside, REPOSITORY, digest, later())).toMatchObject({ done: true, copiedBytes: 0 });
    expect(operations(dev).filter((operation) => operation === 'GET blob')).toEqual([]);
    expect((await dev.registry.call('GET', `/v2/mirror/${REPOSITORY}/manifests/${digest}`)).status).toBe(200);
  });

  test('needs at most 25 requests for eight layers in one registry, and 16 when all is there', async () => {
    const dev = await startRegistry('dev');
    const layers = Array.from({ length: 8 }, (_, index) => `layer ${index}`);
    const { manifests } = await pushImage({
      origin: dev.origin,
      repository: REPOSITORY,
      tag: '1.0.0',
      labels: {},
      platforms: ['linux/amd64'],
      layers,
    });
    const inside = configurationOf('mirror', dev.origin, 'mirror');
    const count = async () => {
      const before = operations(dev).length;
      await writer.copy(dev.configuration, inside, REPOSITORY, manifests[0]!, later());
      return operations(dev).length - before;
    };
    expect(await count()).toBeLessThanOrEqual(25);
    expect(await count()).toBeLessThanOrEqual(16);
  });

  test('sends blobs that a neighbour does not mount', async () => {
    const dev = await startRegistry('dev', { ecrUploads: true });
    const image = await dev.registry.pushImage(REPOSITORY, '1.0.0', 'content');
    const [other, again] = [configurationOf('mirror', dev.origin, 'mirror'), configurationOf('mirror', dev.origin, 'again')];
    expect(await writer.copy(dev.configuration, other, REPOSITORY, image.digest, later())).toMatchObject({ done: true });
    // Blobs that no manifest names are not mounted by ECR: they are there already, or have to be sent.
    await dev.registry.pushBlob(`again/${REPOSITORY}`, 'content');
    expect(await writer.copy(dev.configuration, again, REPOSITORY, image.digest, later())).toMatchObject({ done: true });
  });

  test('finds referrers by the fallback tag, and lists them there at a target without the referrers API', async () => {
    const [dev, prod] = [await startRegistry('dev', { referrers: false }), await startRegistry('prod', { referrers: false })];
    const at = { origin: dev.origin, repository: REPOSITORY };
    const { digest } = await pushImage({ ...at, tag: '1.0.0', labels: {} });
    const sbom = await attachSbom({ ...at, digest, version: '1.0.0' });
    const size = Buffer.byteLength((await manifestAt(dev, sbom)).text);
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [{ mediaType, digest: sbom, size, artifactType: 'application/spdx+json' }],
    });
    await dev.registry.call('PUT', `/v2/${REPOSITORY}/manifests/${fallbackTag(digest)}`, {
      body: index,
      headers: { 'content-type': 'application/vnd.oci.image.index.v1+json' },
    });
    await writer.copy(dev.configuration, prod.configuration, REPOSITORY, digest, later());
    const listed = await manifestAt(prod, fallbackTag(digest));
    expect(listed.json.manifests.map((entry: { digest: string }) => entry.digest)).toEqual([sbom]);
  });

  test('leaves our own receipts behind', async () => {
    const [dev, prod] = [await startRegistry('dev'), await startRegistry('prod')];
    const { digest } = await pushImage({ origin: dev.origin, repository: REPOSITORY, tag: '1.0.0', labels: {} });
    const { json } = await manifestAt(dev, digest);
    const subject = { mediaType: json.mediaType, digest, size: Buffer.byteLength((await manifestAt(dev, digest)).text) };
    const artifactType = 'application/vnd.greenlight.receipt.v1+json';
    const receipt = await dev.registry.pushImage(REPOSITORY, 'receipt', 'a receipt', { subject, artifactType });
    expect(receipt.status).toBe(201);
    await writer.copy(dev.configuration, prod.configuration, REPOSITORY, digest, later());
    expect((await manifestAt(prod, receipt.digest)).status).toBe(404);
  });

  test('streams a blob of several chunks', async () => {
    const [dev, prod] = [await startRegistry('dev'), await startRegistry('prod')];
    const big = Buffer.alloc(5 * 1024 * 1024, 'greenlight ');
    const { digest } = await pushImage({
      origin: dev.origin,
      repository: REPOSITORY,
      tag: '1.0.0',
      labels: {},
      platforms: ['linux/amd64'],
      layers: [big],
    });
    const progress = await writer.copy(dev.configuration, prod.configuration, REPOSITORY, digest, later());
    expect(progress.copiedBytes).toBeGreaterThan(big.length);
  });
});

describe('tags', () => {
  test('are written once: the same digest again is no change, another one is refused', async () => {
    const prod = await startRegistry('prod');
    const at = { origin: prod.origin, repository: REPOSITORY };
    const [one, two] = [await pushImage({ ...at, tag: 'one', labels: {} }), await pushImage({ ...at, tag: 'two', labels: {} })];
    await writer.tagOnce(prod.configuration, REPOSITORY, '1.0.0-prod', one.digest);
    await writer.tagOnce(prod.configuration, REPOSITORY, '1.0.0-prod', one.digest);
    await expect(writer.tagOnce(prod.configuration, REPOSITORY, '1.0.0-prod', two.digest)).rejects.toMatchObject({ code: 'TAG_IMMUTABLE' });
    expect(sha256((await manifestAt(prod, '1.0.0-prod')).text)).toBe(one.digest);
  });

  test('are refused as immutable too when somebody was faster at a registry that keeps them', async () => {
    const prod = await startRegistry('prod', {
      newRepository: () => ({ createdAt: 0, mutability: 'IMMUTABLE', exclusions: [] }),
    });
    const at = { origin: prod.origin, repository: REPOSITORY };
    const one = await pushImage({ ...at, tag: 'one', labels: {} });
    const two = await pushImage({ ...at, tag: 'two', labels: {} });
    const results = await Promise.allSettled([
      writer.tagOnce(prod.configuration, REPOSITORY, '1.0.0-prod', one.digest),
      writer.tagOnce(prod.configuration, REPOSITORY, '1.0.0-prod', two.digest),
    ]);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'TAG_IMMUTABLE' } });
  });

  test('that move are moved', async () => {
    const prod = await startRegistry('prod');
    const at = { origin: prod.origin, repository: REPOSITORY };
    const [one, two] = [await pushImage({ ...at, tag: 'one', labels: {} }), await pushImage({ ...at, tag: 'two', labels: {} })];
    await writer.moveTag(prod.configuration, REPOSITORY, 'latest-prod', one.digest);
    await writer.moveTag(prod.configuration, REPOSITORY, 'latest-prod', two.digest);
    expect(sha256((await manifestAt(prod, 'latest-prod')).text)).toBe(two.digest);
  });
});
