/** BatchDeleteImage. */
import * as z from 'zod';
import type { Repository } from '../registry/repository.ts';
import { findImage, type ImageId, imageIds, tagsOf } from './image-id.ts';
import { type EcrCall, type Operation, operation, repositoryInput, repositoryOf } from './operation.ts';

export const deleteOperations: Record<string, Operation> = {
  /** By digest: the image with all its tags. By tag: the tag, and with its last tag the image. An image of an index stays as long as the index does. */
  BatchDeleteImage: operation('repository', z.object({ ...repositoryInput, imageIds }), async (call, input) => {
    const repository = repositoryOf(call, input.repositoryName);
    const deleted: ImageId[] = [];
    const failures: object[] = [];
    for (const id of indexesFirst(repository, input.imageIds)) {
      const digest = findImage(repository, id);
      if (typeof digest !== 'string') {
        failures.push(digest);
        continue;
      }
      const tags = tagsOf(repository, digest);
      const tagOnly = id.imageDigest === undefined && tags.length > 1;
      const index = tagOnly ? undefined : indexOf(repository, digest);
      if (index) {
        const failureReason = `Requested image referenced by manifest list: [${index}]`;
        failures.push({ imageId: id, failureCode: 'ImageReferencedByManifestList', failureReason });
        continue;
      }
      await remove(call, repository, digest, tagOnly ? id.imageTag : undefined);
      const gone = tagOnly ? [id.imageTag!] : tags;
      deleted.push(...(gone.length > 0 ? gone.map((imageTag) => ({ imageDigest: digest, imageTag })) : [{ imageDigest: digest }]));
    }
    return { imageIds: deleted, failures };
  }),
};

async function remove({ registry }: EcrCall, repository: Repository, digest: string, tag: string | undefined): Promise<void> {
  if (tag === undefined) await registry.store.deleteManifest(repository.name, digest);
  else await registry.store.deleteTag(repository.name, tag);
}

/** So that an index and its images can be deleted by one call in any order. */
function indexesFirst(repository: Repository, ids: ImageId[]): ImageId[] {
  const isIndex = (id: ImageId) => {
    const digest = findImage(repository, id);
    return typeof digest === 'string' && repository.manifests.get(digest)!.children.length > 0;
  };
  return [...ids.filter(isIndex), ...ids.filter((id) => !isIndex(id))];
}

function indexOf(repository: Repository, digest: string): string | undefined {
  for (const [index, { children }] of repository.manifests) if (children.includes(digest)) return index;
  return undefined;
}
