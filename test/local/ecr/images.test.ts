import {
  BatchDeleteImageCommand,
  BatchGetImageCommand,
  DescribeImageScanFindingsCommand,
  DescribeImagesCommand,
  ListImageReferrersCommand,
  ListImagesCommand,
  PutImageCommand,
  PutImageTagMutabilityCommand,
  StartImageScanCommand,
} from '@aws-sdk/client-ecr';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IMAGE, INDEX, imageOf, sha256 } from '../registry/open-test-registry.ts';
import { DEV, openTestEcr, type TestEcr } from './open-test-ecr.ts';

let test: TestEcr;
const repositoryName = 'team/app';

beforeEach(async () => {
  test = await openTestEcr();
});

afterEach(async () => {
  await test.dispose();
});

describe('images of ECR', () => {
  it('describes a pushed image with its size, types and virtual push time', async () => {
    const before = test.context.clock.now();
    const digest = await test.push(repositoryName, 'v1', 'layer');
    const { imageDetails } = await test.client.send(new DescribeImagesCommand({ repositoryName, imageIds: [{ imageTag: 'v1' }] }));
    expect(imageDetails).toMatchObject([
      {
        registryId: DEV,
        repositoryName,
        imageDigest: digest,
        imageTags: ['v1'],
        imageSizeInBytes: 7,
        imageManifestMediaType: IMAGE,
        artifactMediaType: 'application/vnd.oci.image.config.v1+json',
      },
    ]);
    expect(imageDetails![0]!.imagePushedAt!.getTime()).toBeGreaterThanOrEqual(before);
    await expect(test.client.send(new DescribeImagesCommand({ repositoryName, imageIds: [{ imageTag: 'v2' }] }))).rejects.toMatchObject({
      name: 'ImageNotFoundException',
      message: `The image with imageId {imageDigest:'null', imageTag:'v2'} does not exist within the repository with name 'team/app' in the registry with id '${DEV}'`,
    });
    await expect(test.client.send(new DescribeImagesCommand({ repositoryName: 'none' }))).rejects.toMatchObject({
      name: 'RepositoryNotFoundException',
    });
  });

  it('lists in pages and by tag status', async () => {
    for (const tag of ['a', 'b', 'c']) await test.push(repositoryName, tag, `layer ${tag}`);
    const untagged = imageOf('layer a', { annotations: { which: 'untagged' } });
    await test.client.send(new PutImageCommand({ repositoryName, imageManifest: untagged }));
    const seen: (string | undefined)[] = [];
    let nextToken: string | undefined;
    do {
      const page = await test.client.send(new DescribeImagesCommand({ repositoryName, maxResults: 2, nextToken }));
      expect(page.imageDetails!.length).toBeLessThanOrEqual(2);
      seen.push(...page.imageDetails!.map((image) => image.imageDigest));
      nextToken = page.nextToken;
    } while (nextToken);
    expect(new Set(seen).size).toBe(4);
    const listed = await test.client.send(new ListImagesCommand({ repositoryName, filter: { tagStatus: 'TAGGED' } }));
    expect(listed.imageIds!.map((id) => id.imageTag).sort()).toEqual(['a', 'b', 'c']);
    const bare = await test.client.send(new ListImagesCommand({ repositoryName, filter: { tagStatus: 'UNTAGGED' } }));
    expect(bare.imageIds).toEqual([{ imageDigest: sha256(untagged) }]);
  });

  it('gets manifests as they were pushed and says which are missing', async () => {
    const digest = await test.push(repositoryName, 'v1', 'layer');
    const imageIds = [
      { imageTag: 'v1' },
      { imageDigest: sha256('x') },
      { imageTag: 'v1', imageDigest: sha256('x') },
      { imageDigest: 'x' },
      {},
    ];
    const got = await test.client.send(new BatchGetImageCommand({ repositoryName, imageIds }));
    expect(got.images).toEqual([
      {
        registryId: DEV,
        repositoryName,
        imageId: { imageDigest: digest, imageTag: 'v1' },
        imageManifest: imageOf('layer'),
        imageManifestMediaType: IMAGE,
      },
    ]);
    expect(got.failures!.map((failure) => failure.failureCode)).toEqual([
      'ImageNotFound',
      'ImageTagDoesNotMatchDigest',
      'InvalidImageDigest',
      'MissingDigestAndTag',
    ]);
  });

  it('tags by PutImage and refuses what ECR refuses', async () => {
    const digest = await test.push(repositoryName, 'v1', 'layer');
    const put = (input: object) => test.client.send(new PutImageCommand({ repositoryName, imageManifest: imageOf('layer'), ...input }));
    const tagged = await put({ imageTag: 'v1-prod' });
    expect(tagged.image!.imageId).toEqual({ imageDigest: digest, imageTag: 'v1-prod' });
    await expect(put({ imageTag: 'v1-prod' })).rejects.toMatchObject({ name: 'ImageAlreadyExistsException' });
    await expect(put({ imageTag: 'v2', imageDigest: sha256('x') })).rejects.toMatchObject({ name: 'ImageDigestDoesNotMatchException' });
    await expect(put({ imageTag: 'v2', imageManifest: imageOf('missing') })).rejects.toMatchObject({ name: 'LayersNotFoundException' });
    const index = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [{ mediaType: IMAGE, digest: sha256('x'), size: 1 }] });
    await expect(put({ imageTag: 'v2', imageManifest: index })).rejects.toMatchObject({ name: 'ReferencedImagesNotFoundException' });
    await test.client.send(
      new PutImageTagMutabilityCommand({
        repositoryName,
        imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION',
        imageTagMutabilityExclusionFilters: [{ filterType: 'WILDCARD', filter: 'latest-*' }],
      }),
    );
    await test.push(repositoryName, 'other', 'other');
    await expect(put({ imageTag: 'other' })).rejects.toMatchObject({
      name: 'ImageTagAlreadyExistsException',
      message: "The image tag 'other' already exists in the 'team/app' repository and cannot be overwritten because the tag is immutable.",
    });
    await put({ imageTag: 'latest-prod' });
    await expect(test.push(repositoryName, 'v1', 'other')).rejects.toThrow('TAG_INVALID');
    await test.push(repositoryName, 'latest-prod', 'other');
  });

  it('deletes tags, images with their last tag, and no image of a living index', async () => {
    const digest = await test.push(repositoryName, 'v1', 'layer');
    const manifests = [{ mediaType: IMAGE, digest, size: Buffer.byteLength(imageOf('layer')) }];
    const index = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests });
    await test.client.send(new PutImageCommand({ repositoryName, imageManifest: index, imageTag: 'index' }));
    await test.client.send(new PutImageCommand({ repositoryName, imageManifest: imageOf('layer'), imageTag: 'v2' }));
    const remove = (...imageIds: object[]) => test.client.send(new BatchDeleteImageCommand({ repositoryName, imageIds }));
    expect((await remove({ imageTag: 'v1' })).imageIds).toEqual([{ imageDigest: digest, imageTag: 'v1' }]);
    const refused = await remove({ imageDigest: digest }, { imageTag: 'gone' });
    expect(refused.failures!.map((failure) => failure.failureCode)).toEqual(['ImageReferencedByManifestList', 'ImageNotFound']);
    const both = await remove({ imageTag: 'v2' }, { imageTag: 'index' });
    expect(both.failures).toEqual([]);
    expect((await test.client.send(new ListImagesCommand({ repositoryName }))).imageIds).toEqual([]);
  });

  it('lists referrers by type and page', async () => {
    const digest = await test.push(repositoryName, 'v1', 'layer');
    const subject = { mediaType: IMAGE, digest, size: 1 };
    await test.push(repositoryName, 'sbom', 'sbom', { artifactType: 'application/spdx+json', subject, annotations: { by: 'syft' } });
    await test.push(repositoryName, 'signature', 'signature', { artifactType: 'application/x-signature', subject });
    const list = (input: object) =>
      test.client.send(new ListImageReferrersCommand({ repositoryName, subjectId: { imageDigest: digest }, ...input }));
    expect((await list({})).referrers).toHaveLength(2);
    expect((await list({ filter: { artifactTypes: ['application/spdx+json'] } })).referrers).toMatchObject([
      { artifactType: 'application/spdx+json', annotations: { by: 'syft' }, artifactStatus: 'ACTIVE' },
    ]);
    const first = await list({ maxResults: 1 });
    expect((await list({ maxResults: 1, nextToken: first.nextToken })).referrers).toHaveLength(1);
  });
});

describe('scan findings of ECR', () => {
  const imageId = { imageTag: 'v1' };
  const describeScan = () => test.client.send(new DescribeImageScanFindingsCommand({ repositoryName, imageId }));

  it('has none, and does not pretend to scan, until they are planted', async () => {
    await test.push(repositoryName, 'v1', 'layer');
    await expect(describeScan()).rejects.toMatchObject({ name: 'ScanNotFoundException' });
    await expect(test.client.send(new StartImageScanCommand({ repositoryName, imageId }))).rejects.toMatchObject({
      name: 'UnsupportedImageTypeException',
    });
  });

  it('answers planted findings, from inside and from outside', async () => {
    const digest = await test.push(repositoryName, 'v1', 'layer');
    await test.ecr.plantFindings(DEV, repositoryName, 'v1', []);
    expect((await describeScan()).imageScanFindings!.findings).toEqual([]);
    const findings = [
      { name: 'CVE-2026-0001', severity: 'CRITICAL', attributes: [{ key: 'package_name', value: 'openssl' }] },
      { name: 'CVE-2026-0002', severity: 'LOW' },
    ];
    const planted = await fetch(`http://${test.ecr.origins.dev}/_local/findings`, {
      method: 'POST',
      body: JSON.stringify({ repository: repositoryName, digest, findings }),
    });
    expect(planted.status).toBe(200);
    const scan = await describeScan();
    expect(scan.imageScanStatus!.status).toBe('COMPLETE');
    expect(scan.imageScanFindings).toMatchObject({ findings, findingSeverityCounts: { CRITICAL: 1, LOW: 1 } });
    const { imageDetails } = await test.client.send(new DescribeImagesCommand({ repositoryName, imageIds: [imageId] }));
    expect(imageDetails![0]!.imageScanFindingsSummary!.findingSeverityCounts).toEqual({ CRITICAL: 1, LOW: 1 });
    expect((await test.client.send(new StartImageScanCommand({ repositoryName, imageId }))).imageScanStatus!.status).toBe('COMPLETE');
  });

  it.each([
    ['{}', 400],
    ['no', 400],
    [JSON.stringify({ repository: 'none', digest: 'v1', findings: [] }), 404],
    [JSON.stringify({ repository: repositoryName, digest: 'v1', findings: [{ name: 'x', severity: 'BAD' }] }), 400],
  ])('refuses to plant %s', async (body, status) => {
    const answer = await fetch(`http://${test.ecr.origins.dev}/_local/findings`, { method: 'POST', body });
    expect(answer.status).toBe(status);
  });
});
