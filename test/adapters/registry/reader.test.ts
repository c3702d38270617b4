import { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, describe, expect, test } from 'vitest';
import { registryReader } from '../../../adapters/registry/registry-reader.ts';
import { realNow, registryWriter } from '../../../adapters/registry/registry-writer.ts';
import { pushImage } from '../../../local/demo/oci-image.ts';
import { COPIER } from '../../local/registry/open-test-registry.ts';
import { allow, operations, type Place, REPOSITORY, startRegistry, stopRegistries } from './registries.ts';

const ecr = mockClient(ECRClient);

afterEach(async () => {
  ecr.reset();
  await stopRegistries();
});

const reader = registryReader();
const path = ['dev', 'staging', 'prod'];

function push(place: Place, tag: string, more: Partial<Parameters<typeof pushImage>[0]> = {}) {
  return pushImage({ origin: place.origin, repository: REPOSITORY, tag, labels: {}, ...more });
}

describe('a version', () => {
  test('is found by the tag of its source environment before the plain one, with or without v', async () => {
    const dev = await startRegistry('dev');
    const plain = await push(dev, 'v1.2.3');
    expect(await reader.resolve(dev.configuration, REPOSITORY, '1.2.3', path, 'dev')).toEqual({
      tag: 'v1.2.3',
      releaseVersion: 'v1.2.3',
      digest: plain.digest,
    });
    const tagged = await push(dev, '1.2.3-dev');
    expect(await reader.resolve(dev.configuration, REPOSITORY, 'v1.2.3-prod', path, 'dev')).toEqual({
      tag: '1.2.3-dev',
      releaseVersion: '1.2.3',
      digest: tagged.digest,
    });
    expect(await reader.resolve(dev.configuration, REPOSITORY, '9.9.9', path, 'dev')).toBeUndefined();
  });

  test('that is a digest gets a tag base that is neither movable nor taken by cosign', async () => {
    const dev = await startRegistry('dev');
    const { digest } = await push(dev, '1.0.0');
    expect(await reader.resolve(dev.configuration, REPOSITORY, digest, path, 'dev')).toEqual({
      tag: digest,
      releaseVersion: `digest-${digest.slice(7, 19)}`,
      digest,
    });
    expect(await reader.resolve(dev.configuration, REPOSITORY, `sha256:${'0'.repeat(64)}`, path, 'dev')).toBeUndefined();
  });

  test.each(['latest', 'latest-dev'])('"%s" is refused: the engine moves that tag', async (version) => {
    const dev = await startRegistry('dev');
    await push(dev, 'latest-dev');
    await expect(reader.resolve(dev.configuration, REPOSITORY, version, path, 'dev')).rejects.toMatchObject({ code: 'VERSION_REFUSED' });
  });
});

describe('facts', () => {
  test('of an index are its platforms, the labels and date of its config and the bytes of all its images', async () => {
    const dev = await startRegistry('dev');
    const created = '2026-01-02T03:04:05Z';
    const { digest } = await push(dev, '1.0.0', { labels: { team: 'payments' }, created });
    const facts = await reader.facts(dev.configuration, REPOSITORY, digest);
    expect(facts).toMatchObject({ digest, labels: { team: 'payments' }, created, platforms: ['linux/amd64', 'linux/arm64'] });
    expect(facts.sizeBytes).toBeGreaterThan(2_000);
  });

  test('of an image alone name the platform of its config', async () => {
    const dev = await startRegistry('dev');
    const { manifests } = await push(dev, '1.0.0', { labels: { team: 'x' } });
    expect(await reader.facts(dev.configuration, REPOSITORY, manifests[1]!)).toMatchObject({
      platforms: ['linux/arm64'],
      labels: { team: 'x' },
    });
  });
});

test('an estimate says what the target lacks, and nothing after the copy', async () => {
  const [dev, prod] = [await startRegistry('dev'), await startRegistry('prod')];
  const { digest } = await push(dev, '1.0.0');
  const before = await reader.estimate(dev.configuration, prod.configuration, REPOSITORY, digest);
  expect(before).toMatchObject({ blobs: 4, missingBlobs: 4 });
  expect(before.missingBytes).toBe(before.bytes);
  await registryWriter().copy(dev.configuration, prod.configuration, REPOSITORY, digest, realNow() + 600_000);
  expect(await reader.estimate(dev.configuration, prod.configuration, REPOSITORY, digest)).toMatchObject({
    missingBlobs: 0,
    missingBytes: 0,
  });
});

describe('ECR', () => {
  async function ecrPlace(): Promise<Place> {
    const place = await startRegistry('prod', { anonymous: 'none' });
    ecr.on(GetAuthorizationTokenCommand).callsFake(({ registryIds }: { registryIds: string[] }) => {
      const { password, expires } = place.registry.tokens.issue(COPIER);
      return {
        authorizationData: registryIds.map(() => ({
          authorizationToken: Buffer.from(`AWS:${password}`).toString('base64'),
          expiresAt: new Date(expires),
          proxyEndpoint: place.origin,
        })),
      };
    });
    return { ...place, configuration: { name: 'prod', account: '111111111111', prefix: '' } };
  }

  test('names the origin with its token, which opens the registry', async () => {
    const place = await ecrPlace();
    expect(await reader.digestOf(place.configuration, REPOSITORY, '1.0.0')).toBeUndefined();
    expect(ecr.commandCalls(GetAuthorizationTokenCommand)[0]?.args[0].input).toEqual({ registryIds: ['111111111111'] });
    expect(operations(place)).toEqual(['HEAD manifest']);
  });

  test('is asked for a new token once when the old one is no longer taken', async () => {
    const place = await ecrPlace();
    await reader.digestOf(place.configuration, REPOSITORY, '1.0.0');
    await place.registry.context.clock.advance(13 * 3_600_000);
    await reader.digestOf(place.configuration, REPOSITORY, '1.0.0');
    expect(ecr.commandCalls(GetAuthorizationTokenCommand).length).toBe(2);
  });

  test('on an origin that is not https and not allowed is not called', async () => {
    const place = await ecrPlace();
    process.env['ALLOWED_ORIGINS'] = 'none';
    await expect(reader.digestOf(place.configuration, REPOSITORY, '1.0.0')).rejects.toMatchObject({ code: 'EGRESS_REFUSED' });
    allow(place.origin);
  });
});
