import { randomBytes } from 'node:crypto';
import {
  BatchCheckLayerAvailabilityCommand,
  CompleteLayerUploadCommand,
  CreateRepositoryCommand,
  GetDownloadUrlForLayerCommand,
  InitiateLayerUploadCommand,
  UploadLayerPartCommand,
} from '@aws-sdk/client-ecr';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../registry/open-test-registry.ts';
import { DEV, openTestEcr, type TestEcr } from './open-test-ecr.ts';

const MIB = 1024 * 1024;
const repositoryName = 'team/app';
let test: TestEcr;

beforeEach(async () => {
  test = await openTestEcr();
  await test.client.send(new CreateRepositoryCommand({ repositoryName }));
});

afterEach(async () => {
  await test.dispose();
});

async function begin(): Promise<string> {
  const { uploadId, partSize } = await test.client.send(new InitiateLayerUploadCommand({ repositoryName }));
  expect(partSize).toBe(10 * MIB);
  return uploadId!;
}

const part = (uploadId: string, first: number, bytes: Uint8Array, last = first + bytes.length - 1) =>
  test.client.send(
    new UploadLayerPartCommand({ repositoryName, uploadId, partFirstByte: first, partLastByte: last, layerPartBlob: bytes }),
  );
const complete = (uploadId: string, digest: string) =>
  test.client.send(new CompleteLayerUploadCommand({ repositoryName, uploadId, layerDigests: [digest] }));

describe('the layer API of ECR', () => {
  it('takes consecutive parts only, says where to go on, and survives a restart between them', async () => {
    const bytes = randomBytes(6 * MIB);
    const uploadId = await begin();
    await expect(part(uploadId, 1, bytes.subarray(1, 5))).rejects.toMatchObject({
      name: 'InvalidLayerPartException',
      lastValidByteReceived: -1,
    });
    const first = await part(uploadId, 0, bytes.subarray(0, 5 * MIB));
    expect(first.lastByteReceived).toBe(5 * MIB - 1);
    await expect(part(uploadId, 0, bytes.subarray(0, 5 * MIB))).rejects.toMatchObject({
      name: 'InvalidLayerPartException',
      registryId: DEV,
      repositoryName,
      uploadId,
      lastValidByteReceived: 5 * MIB - 1,
    });
    await expect(part(uploadId, 5 * MIB, bytes.subarray(5 * MIB), 6 * MIB)).rejects.toMatchObject({ name: 'InvalidLayerPartException' });

    await test.stop();
    test = await openTestEcr({ context: { data: test.context.data } });
    await part(uploadId, 5 * MIB, bytes.subarray(5 * MIB));
    expect((await complete(uploadId, sha256(bytes))).layerDigest).toBe(sha256(bytes));
    const { layers } = await test.client.send(
      new BatchCheckLayerAvailabilityCommand({ repositoryName, layerDigests: [sha256(bytes), sha256('x')] }),
    );
    expect(layers).toMatchObject([
      { layerDigest: sha256(bytes), layerAvailability: 'AVAILABLE', layerSize: 6 * MIB },
      { layerDigest: sha256('x'), layerAvailability: 'UNAVAILABLE' },
    ]);
    const got = await fetch(`http://${test.ecr.origins.dev}/v2/${repositoryName}/blobs/${sha256(bytes)}`);
    expect(sha256(Buffer.from(await got.arrayBuffer()))).toBe(sha256(bytes));
  });

  it('refuses to complete what is empty, small, wrong, unknown or already there', async () => {
    const empty = await begin();
    await expect(complete(empty, sha256(''))).rejects.toMatchObject({ name: 'EmptyUploadException' });
    const small = await begin();
    await part(small, 0, Buffer.from('hel'));
    await part(small, 3, Buffer.from('lo'));
    await expect(complete(small, sha256('hello'))).rejects.toMatchObject({ name: 'LayerPartTooSmallException' });
    const wrong = await begin();
    await part(wrong, 0, Buffer.from('hello'));
    await expect(complete(wrong, sha256('other'))).rejects.toMatchObject({ name: 'InvalidLayerException' });
    await expect(complete(wrong, sha256('hello'))).rejects.toMatchObject({ name: 'UploadNotFoundException' });
    for (const expected of ['done', 'LayerAlreadyExistsException']) {
      const uploadId = await begin();
      await part(uploadId, 0, Buffer.from('hello'));
      expect(
        await complete(uploadId, sha256('hello')).then(
          () => 'done',
          (error: Error) => error.name,
        ),
      ).toBe(expected);
    }
    await expect(part('nothing', 0, Buffer.from('x'))).rejects.toMatchObject({ name: 'UploadNotFoundException' });
  });

  it('hands out download addresses that end after an hour and cannot be bent to another layer', async () => {
    await test.push(repositoryName, 'v1', 'layer');
    const { downloadUrl } = await test.client.send(new GetDownloadUrlForLayerCommand({ repositoryName, layerDigest: sha256('layer') }));
    expect(await (await fetch(downloadUrl!)).text()).toBe('layer');
    expect((await fetch(downloadUrl!.replace(sha256('layer'), sha256('{}')))).status).toBe(403);
    expect((await fetch(downloadUrl!.replace(/expires=\d/, 'expires=9'))).status).toBe(403);
    await test.context.clock.advance(3_600_001);
    expect((await fetch(downloadUrl!)).status).toBe(403);
    await expect(test.client.send(new GetDownloadUrlForLayerCommand({ repositoryName, layerDigest: sha256('x') }))).rejects.toMatchObject({
      name: 'LayersNotFoundException',
    });
  });
});
