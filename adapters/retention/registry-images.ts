/** What registries hold for retention, and the one place that deletes from them. Only ECR says what it holds without tags, and when it came. */
import type { RegistryConfiguration } from '../../core/environment/configuration.ts';
import { DIGEST, MANIFEST_TYPES, type Manifest, readManifest } from '../../core/registry/manifest.ts';
import type { StoredImage } from '../../core/retention/inventory.ts';
import type { RegistryImages } from '../../core/retention/ports.ts';
import { ecrAnswer } from '../registry/ecr-answer.ts';
import { imageList } from '../registry/image-list.ts';
import { inParallel } from '../registry/in-parallel.ts';
import { openRepository } from '../registry/repository.ts';

/** Images that ECR takes in one call. */
const BATCH = 100;
const PARALLEL = 4;
const MOST_REPOSITORIES = 10_000;

export function registryImages(): RegistryImages {
  const list = imageList();
  return {
    async repositories(registry) {
      const { ecr } = (await openRepository(registry, 'any')).access;
      if (!ecr) return [];
      const { DescribeRepositoriesCommand } = await import('../registry/ecr-images-client.ts');
      const prefix = registry.prefix === '' ? '' : `${registry.prefix}/`;
      const names: string[] = [];
      let nextToken: string | undefined;
      do {
        const answer = await ecrAnswer(() =>
          ecr.client.send(
            new DescribeRepositoriesCommand({
              registryId: ecr.account,
              maxResults: 1_000,
              ...(nextToken === undefined ? {} : { nextToken }),
            }),
          ),
        );
        for (const { repositoryName = '' } of answer?.repositories ?? [])
          if (repositoryName.startsWith(prefix)) names.push(repositoryName.slice(prefix.length));
        nextToken = answer?.nextToken;
      } while (nextToken !== undefined && names.length < MOST_REPOSITORIES);
      return names;
    },
    async stored(registry, name) {
      const images = await list.images(registry, name);
      const manifests = await readAll(
        registry,
        name,
        images.map(({ digest }) => digest),
      );
      return images.map(({ digest, tags, pushedAt }): StoredImage => {
        const manifest = manifests.get(digest);
        const blobs = manifest ? [...(manifest.config ? [manifest.config] : []), ...manifest.layers] : [];
        return {
          digest,
          tags,
          ...(pushedAt === undefined ? {} : { pushedAt }),
          children: manifest?.children.map((child) => child.digest) ?? [],
          ...(manifest?.subject ? { subject: manifest.subject.digest } : {}),
          blobs: blobs.map((blob) => [blob.digest, blob.size]),
          ...(manifest ? {} : { unreadable: true as const }),
        };
      });
    },
    mayDelete: ({ account }) => account !== undefined,
    async remove(registry, name, digests) {
      const repository = await openRepository(registry, name);
      const { client, account } = repository.access.ecr!;
      const { BatchDeleteImageCommand } = await import('../registry/ecr-images-client.ts');
      const answer = await ecrAnswer(() =>
        client.send(
          new BatchDeleteImageCommand({
            registryId: account,
            repositoryName: repository.name,
            imageIds: digests.map((imageDigest) => ({ imageDigest })),
          }),
        ),
      );
      return (answer?.failures ?? []).flatMap(({ imageId, failureCode, failureReason }) =>
        // Gone already: deleted by the same plan before it was interrupted.
        failureCode === 'ImageNotFound' ? [] : [`${imageId?.imageDigest ?? 'an image'}: ${failureReason ?? failureCode ?? 'refused'}`],
      );
    },
  };
}

/** Manifests by digest. One that cannot be understood is left out; a registry that does not answer is a fault. */
async function readAll(registry: RegistryConfiguration, name: string, digests: readonly string[]): Promise<Map<string, Manifest>> {
  const repository = await openRepository(registry, name);
  const found = new Map<string, Manifest>();
  const { ecr } = repository.access;
  if (!ecr) {
    await inParallel(digests, PARALLEL, async (digest) => {
      const received = await repository.manifest(digest);
      if (received) found.set(digest, received.manifest);
    });
    return found;
  }
  const { BatchGetImageCommand } = await import('../registry/ecr-images-client.ts');
  const batches = Array.from({ length: Math.ceil(digests.length / BATCH) }, (_, index) =>
    digests.slice(index * BATCH, (index + 1) * BATCH),
  );
  await inParallel(batches, PARALLEL, async (batch) => {
    const answer = await ecrAnswer(() =>
      ecr.client.send(
        new BatchGetImageCommand({
          registryId: ecr.account,
          repositoryName: repository.name,
          imageIds: batch.map((imageDigest) => ({ imageDigest })),
          acceptedMediaTypes: MANIFEST_TYPES.split(', '),
        }),
      ),
    );
    for (const { imageId, imageManifest, imageManifestMediaType } of answer?.images ?? []) {
      if (!imageId?.imageDigest || !DIGEST.test(imageId.imageDigest) || imageManifest === undefined) continue;
      try {
        found.set(imageId.imageDigest, readManifest(Buffer.from(imageManifest, 'utf8'), imageManifestMediaType));
      } catch {
        // What it names is not known: it is kept.
      }
    }
  });
  return found;
}
