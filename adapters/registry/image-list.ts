/** What a repository holds, with its tags and dates: by ECR's own lists, which name what has no tag too, elsewhere by its tags. */
import type { ImageDetail } from '@aws-sdk/client-ecr';
import type { RegistryConfiguration } from '../../core/environment/configuration.ts';
import { Fault } from '../../core/errors.ts';
import type { ImageList, ListedImage, TagRule } from '../../core/registry/ports.ts';
import { ecrAnswer } from './ecr-answer.ts';
import { inParallel } from './in-parallel.ts';
import { openRepository, type Repository } from './repository.ts';

/** Pages of 1,000 images: a repository of ECR holds 100,000 unless its quota was raised. */
const MOST_PAGES = 1_000;
const PARALLEL = 6;

export function imageList(): ImageList {
  return {
    async images(registry, name) {
      const repository = await openRepository(registry, name);
      return repository.access.ecr ? ecrImages(repository) : imagesByTag(repository);
    },
    async image(registry, name, digest) {
      const repository = await openRepository(registry, name);
      const { ecr } = repository.access;
      if (!ecr) return (await repository.head(digest)) === digest ? { digest, tags: [] } : undefined;
      const { DescribeImagesCommand } = await import('./ecr-images-client.ts');
      const answer = await ecrAnswer(() =>
        ecr.client.send(
          new DescribeImagesCommand({ registryId: ecr.account, repositoryName: repository.name, imageIds: [{ imageDigest: digest }] }),
        ),
      );
      return answer?.imageDetails?.flatMap(imageOf)[0];
    },
    async tagRule(registry: RegistryConfiguration, name: string): Promise<TagRule | undefined> {
      const repository = await openRepository(registry, name);
      const { ecr } = repository.access;
      if (!ecr) return undefined;
      const { DescribeRepositoriesCommand } = await import('./ecr-images-client.ts');
      const answer = await ecrAnswer(() =>
        ecr.client.send(new DescribeRepositoriesCommand({ registryId: ecr.account, repositoryNames: [repository.name] })),
      );
      const found = answer?.repositories?.[0];
      if (!found) return undefined;
      const filters = found.imageTagMutabilityExclusionFilters ?? [];
      return { mutability: found.imageTagMutability ?? 'MUTABLE', exclusions: filters.flatMap(({ filter }) => (filter ? [filter] : [])) };
    },
  };
}

async function ecrImages(repository: Repository): Promise<ListedImage[]> {
  const { client, account } = repository.access.ecr!;
  const { DescribeImagesCommand } = await import('./ecr-images-client.ts');
  const images: ListedImage[] = [];
  let nextToken: string | undefined;
  for (let page = 0; ; page++) {
    if (page >= MOST_PAGES) throw new Fault('LIMIT', `${repository.name} has more than ${MOST_PAGES} pages of images`);
    const answer = await ecrAnswer(() =>
      client.send(
        new DescribeImagesCommand({
          registryId: account,
          repositoryName: repository.name,
          maxResults: 1_000,
          ...(nextToken === undefined ? {} : { nextToken }),
        }),
      ),
    );
    for (const detail of answer?.imageDetails ?? []) images.push(...imageOf(detail));
    nextToken = answer?.nextToken;
    if (nextToken === undefined) return images;
  }
}

function imageOf({ imageDigest, imageTags, imagePushedAt, imageSizeInBytes }: ImageDetail): ListedImage[] {
  if (imageDigest === undefined) return [];
  return [
    {
      digest: imageDigest,
      tags: imageTags ?? [],
      ...(imagePushedAt ? { pushedAt: imagePushedAt.toISOString() } : {}),
      ...(imageSizeInBytes === undefined ? {} : { sizeBytes: imageSizeInBytes }),
    },
  ];
}

/** Registries that are not ECR say no dates, and name nothing without a tag. */
async function imagesByTag(repository: Repository): Promise<ListedImage[]> {
  const tags = await repository.everyTag();
  const byDigest = new Map<string, string[]>();
  await inParallel(tags, PARALLEL, async (tag) => {
    const digest = await repository.head(tag);
    if (digest !== undefined) byDigest.set(digest, [...(byDigest.get(digest) ?? []), tag]);
  });
  return [...byDigest].map(([digest, named]) => ({ digest, tags: named.sort() }));
}
