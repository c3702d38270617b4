/** ECR operations that read and tag images. */
import * as z from 'zod';
import { digestOf } from '../registry/blob-files.ts';
import { isTag } from '../registry/reference-grammar.ts';
import type { Repository, StoredManifest } from '../registry/repository.ts';
import { EcrError } from './ecr-error.ts';
import { findImage, type ImageFailure, type ImageId, imageIds, requireImage, tagsOf } from './image-id.ts';
import { type EcrCall, type Operation, operation, page, pageInput, repositoryInput, repositoryOf, seconds } from './operation.ts';
import { summaryOf } from './scan-findings.ts';

const tagStatusFilter = z.object({ tagStatus: z.enum(['TAGGED', 'UNTAGGED', 'ANY']).optional() }).optional();

/** Most tags of one image. */
const MOST_TAGS = 1_000;

export const imageOperations: Record<string, Operation> = {
  ListImages: operation('repository', z.object({ ...repositoryInput, ...pageInput, filter: tagStatusFilter }), (call, input) => {
    const repository = repositoryOf(call, input.repositoryName);
    const ids = [...repository.manifests.keys()].flatMap((imageDigest) => {
      const tags = tagsOf(repository, imageDigest);
      if (!hasTagStatus(tags, input.filter?.tagStatus)) return [];
      return tags.length > 0 ? tags.map((imageTag) => ({ imageDigest, imageTag })) : [{ imageDigest }];
    });
    const { items, next } = page<ImageId>(ids, ({ imageDigest, imageTag }) => `${imageDigest} ${imageTag ?? ''}`, input);
    return { imageIds: items, ...next };
  }),
  DescribeImages: operation(
    'repository',
    z.object({ ...repositoryInput, ...pageInput, imageIds: imageIds.optional(), filter: tagStatusFilter }),
    (call, input) => {
      const repository = repositoryOf(call, input.repositoryName);
      if (input.imageIds) {
        if (input.maxResults ?? input.nextToken)
          throw new EcrError('InvalidParameterException', 'imageIds cannot be used with maxResults or nextToken');
        const digests = new Set(input.imageIds.map((id) => requireImage(call, repository, id)));
        return { imageDetails: [...digests].map((digest) => describeImage(call, repository, digest)) };
      }
      const digests = [...repository.manifests.keys()].filter((digest) =>
        hasTagStatus(tagsOf(repository, digest), input.filter?.tagStatus),
      );
      const { items, next } = page(digests, (digest) => digest, input);
      return { imageDetails: items.map((digest) => describeImage(call, repository, digest)), ...next };
    },
  ),
  BatchGetImage: operation(
    'repository',
    z.object({ ...repositoryInput, imageIds, acceptedMediaTypes: z.array(z.string()).optional() }),
    async (call, input) => {
      const repository = repositoryOf(call, input.repositoryName);
      const images: object[] = [];
      const failures: ImageFailure[] = [];
      for (const id of input.imageIds) {
        const found = findImage(repository, id);
        if (typeof found !== 'string') failures.push(found);
        // The media types asked for are a wish: ECR converts old formats, which do not exist here.
        else images.push(await imageOf(call, repository, found, id.imageTag));
      }
      return { images, failures };
    },
  ),
  PutImage: operation(
    'repository',
    z.object({
      ...repositoryInput,
      imageManifest: z.string().min(1),
      imageManifestMediaType: z.string().optional(),
      imageTag: z.string().optional(),
      imageDigest: z.string().optional(),
    }),
    async (call, input) => {
      const repository = repositoryOf(call, input.repositoryName);
      const bytes = Buffer.from(input.imageManifest, 'utf8');
      const digest = digestOf(bytes);
      if (input.imageDigest !== undefined && input.imageDigest !== digest) {
        throw new EcrError(
          'ImageDigestDoesNotMatchException',
          `The image digest ${input.imageDigest} does not match the manifest's ${digest}`,
        );
      }
      if (input.imageTag !== undefined && !isTag(input.imageTag)) throw new EcrError('InvalidParameterException', 'imageTag is not a tag');
      if (repository.manifests.has(digest) && (input.imageTag === undefined || repository.tags.get(input.imageTag) === digest)) {
        const tagged = input.imageTag === undefined ? '' : ` and tag '${input.imageTag}'`;
        throw new EcrError(
          'ImageAlreadyExistsException',
          `Image with digest '${digest}'${tagged} already exists in the repository '${repository.name}'`,
        );
      }
      if (input.imageTag !== undefined && tagsOf(repository, digest).length >= MOST_TAGS) {
        throw new EcrError('LimitExceededException', `An image may have at most ${MOST_TAGS} tags`);
      }
      await call.registry.store.putManifest(repository.name, input.imageTag ?? digest, bytes, input.imageManifestMediaType);
      return { image: await imageOf(call, repository, digest, input.imageTag) };
    },
  ),
  ListImageReferrers: {
    action: 'ecr:BatchGetImage',
    ...operation(
      'repository',
      z.object({
        ...repositoryInput,
        subjectId: z.object({ imageDigest: z.string() }),
        filter: z
          .object({
            artifactTypes: z.array(z.string()).optional(),
            artifactStatus: z.enum(['ACTIVE', 'ANY', 'ARCHIVED', 'ACTIVATING']).optional(),
          })
          .optional(),
        maxResults: z.number().int().min(1).max(50).optional(),
        nextToken: z.string().optional(),
      }),
      (call, input) => {
        const repository = repositoryOf(call, input.repositoryName);
        // Nothing is ever archived here.
        const archived = input.filter?.artifactStatus === 'ARCHIVED' || input.filter?.artifactStatus === 'ACTIVATING';
        const types = input.filter?.artifactTypes;
        const digests = [...(repository.referrers.get(input.subjectId.imageDigest) ?? [])].filter(
          (digest) => !archived && (!types?.length || types.includes(repository.manifests.get(digest)!.artifactType ?? '')),
        );
        const { items, next } = page(digests, (digest) => digest, { maxResults: input.maxResults ?? 20, nextToken: input.nextToken });
        const referrers = items.map((digest) => {
          const { mediaType, artifactType, size, annotations } = repository.manifests.get(digest)!;
          return {
            digest,
            mediaType,
            ...(artifactType && { artifactType }),
            size,
            ...(annotations && { annotations }),
            artifactStatus: 'ACTIVE',
          };
        });
        return { referrers, ...next };
      },
    ),
  },
};

function hasTagStatus(tags: string[], status: 'TAGGED' | 'UNTAGGED' | 'ANY' = 'ANY'): boolean {
  return status === 'ANY' || (status === 'TAGGED') === tags.length > 0;
}

async function imageOf({ registry }: EcrCall, repository: Repository, imageDigest: string, imageTag: string | undefined): Promise<object> {
  const { mediaType } = repository.manifests.get(imageDigest)!;
  return {
    registryId: registry.account,
    repositoryName: repository.name,
    imageId: { imageDigest, ...(imageTag !== undefined && { imageTag }) },
    imageManifest: (await registry.store.readManifest(imageDigest)).toString('utf8'),
    imageManifestMediaType: mediaType,
  };
}

function describeImage({ registry }: EcrCall, repository: Repository, imageDigest: string): object {
  const manifest = repository.manifests.get(imageDigest)!;
  const tags = tagsOf(repository, imageDigest);
  return {
    registryId: registry.account,
    repositoryName: repository.name,
    imageDigest,
    ...(tags.length > 0 && { imageTags: tags }),
    imageSizeInBytes: sizeOf(repository, manifest),
    imagePushedAt: seconds(manifest.pushedAt),
    imageManifestMediaType: manifest.mediaType,
    ...((manifest.configType ?? manifest.artifactType) && { artifactMediaType: manifest.configType ?? manifest.artifactType }),
    ...(manifest.subject && { subjectManifestDigest: manifest.subject }),
    imageStatus: 'ACTIVE',
    ...summaryOf(repository, imageDigest),
  };
}

/** Bytes of config and layers; of an index, of all images in it. */
function sizeOf(repository: Repository, manifest: StoredManifest): number {
  return manifest.children.reduce((sum, child) => sum + (repository.manifests.get(child)?.contentSize ?? 0), manifest.contentSize);
}
