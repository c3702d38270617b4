/** How requests name images: by digest, by tag, or by both. */
import * as z from 'zod';
import { isDigest, isTag } from '../registry/reference-grammar.ts';
import type { Repository } from '../registry/repository.ts';
import { EcrError } from './ecr-error.ts';
import type { EcrCall } from './operation.ts';

export const imageId = z.object({ imageDigest: z.string().optional(), imageTag: z.string().optional() });
export const imageIds = z.array(imageId).min(1).max(100);
export type ImageId = z.output<typeof imageId>;

/** An entry of `failures` in batch answers. */
export interface ImageFailure {
  imageId: ImageId;
  failureCode: 'InvalidImageDigest' | 'InvalidImageTag' | 'ImageTagDoesNotMatchDigest' | 'ImageNotFound' | 'MissingDigestAndTag';
  failureReason: string;
}

/** Digest of the image that an id names, or why there is none. */
export function findImage(repository: Repository, id: ImageId): string | ImageFailure {
  const failure = (failureCode: ImageFailure['failureCode'], failureReason: string): ImageFailure => ({
    imageId: id,
    failureCode,
    failureReason,
  });
  const { imageDigest, imageTag } = id;
  if (imageDigest === undefined && imageTag === undefined)
    return failure('MissingDigestAndTag', 'Invalid request parameters: both tag and digest cannot be null');
  if (imageDigest !== undefined && !isDigest(imageDigest))
    return failure('InvalidImageDigest', 'Invalid request parameters: image digest should satisfy the regex');
  if (imageTag !== undefined && !isTag(imageTag))
    return failure('InvalidImageTag', 'Invalid request parameters: image tag should satisfy the regex');
  const tagged = imageTag === undefined ? undefined : repository.tags.get(imageTag);
  if (imageDigest !== undefined && imageTag !== undefined && tagged !== undefined && tagged !== imageDigest) {
    return failure('ImageTagDoesNotMatchDigest', 'Requested image tag does not match the requested image digest');
  }
  const digest = imageTag === undefined ? imageDigest! : tagged;
  return digest !== undefined && repository.manifests.has(digest) ? digest : failure('ImageNotFound', 'Requested image not found');
}

/** As `findImage`; throws ImageNotFoundException. */
export function requireImage({ registry }: EcrCall, repository: Repository, id: ImageId): string {
  const found = findImage(repository, id);
  if (typeof found === 'string') return found;
  if (found.failureCode !== 'ImageNotFound') throw new EcrError('InvalidParameterException', found.failureReason);
  const wanted = `{imageDigest:'${id.imageDigest ?? 'null'}', imageTag:'${id.imageTag ?? 'null'}'}`;
  const where = `'${repository.name}' in the registry with id '${registry.account}'`;
  throw new EcrError('ImageNotFoundException', `The image with imageId ${wanted} does not exist within the repository with name ${where}`);
}

export function tagsOf(repository: Repository, digest: string): string[] {
  return [...repository.tags].filter(([, tagged]) => tagged === digest).map(([tag]) => tag);
}
