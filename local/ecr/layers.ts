/** ECR's layer API: uploads in consecutive parts, availability, download addresses. */
import * as z from 'zod';
import { isDigest } from '../registry/reference-grammar.ts';
import { RegistryError } from '../registry/registry-error.ts';
import type { Upload } from '../registry/uploads.ts';
import { downloadUrl } from './download-url.ts';
import { EcrError } from './ecr-error.ts';
import { type EcrCall, type Operation, operation, repositoryInput, repositoryOf } from './operation.ts';

/** What InitiateLayerUpload recommends: 10 MiB. */
const PART_SIZE = 10 * 1024 * 1024;
/** Largest part that UploadLayerPart takes. */
const LARGEST_PART = 20_971_520;
/** Every part but the last has at least 5 MiB. */
const SMALLEST_PART = 5 * 1024 * 1024;

const uploadInput = { ...repositoryInput, uploadId: z.string() };

export const layerOperations: Record<string, Operation> = {
  BatchCheckLayerAvailability: operation(
    'repository',
    z.object({ ...repositoryInput, layerDigests: z.array(z.string()).min(1).max(100) }),
    (call, input) => {
      const repository = repositoryOf(call, input.repositoryName);
      const layers = input.layerDigests.filter(isDigest).map((layerDigest) => {
        const layerSize = repository.blobs.get(layerDigest);
        return layerSize === undefined
          ? { layerDigest, layerAvailability: 'UNAVAILABLE' }
          : { layerDigest, layerAvailability: 'AVAILABLE', layerSize, mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip' };
      });
      const failures = input.layerDigests
        .filter((layerDigest) => !isDigest(layerDigest))
        .map((layerDigest) => ({ layerDigest, failureCode: 'InvalidLayerDigest', failureReason: 'Invalid layer digest' }));
      return { layers, failures };
    },
  ),
  GetDownloadUrlForLayer: operation('repository', z.object({ ...repositoryInput, layerDigest: z.string() }), (call, input) => {
    const repository = repositoryOf(call, input.repositoryName);
    if (!repository.blobs.has(input.layerDigest)) {
      throw new EcrError(
        'LayersNotFoundException',
        `Layer '${input.layerDigest}' does not exist in the repository with name '${repository.name}'`,
      );
    }
    return {
      downloadUrl: downloadUrl(call.registry, call.tokens, call.context.clock, repository.name, input.layerDigest),
      layerDigest: input.layerDigest,
    };
  }),
  InitiateLayerUpload: operation('repository', z.object(repositoryInput), async (call, input) => {
    const repository = repositoryOf(call, input.repositoryName);
    const { id } = await call.registry.store.uploads.begin(repository.name);
    return { uploadId: id, partSize: PART_SIZE };
  }),
  UploadLayerPart: operation(
    'repository',
    z.object({
      ...uploadInput,
      partFirstByte: z.number().int().min(0),
      partLastByte: z.number().int().min(0),
      layerPartBlob: z.string(),
    }),
    async (call, input) => {
      const upload = uploadOf(call, input.repositoryName, input.uploadId);
      const bytes = Buffer.from(input.layerPartBlob, 'base64');
      if (bytes.length === 0 || bytes.length > LARGEST_PART) {
        throw new EcrError('InvalidParameterException', `Invalid parameter: a layer part has 1 to ${LARGEST_PART} bytes`);
      }
      if (input.partFirstByte !== upload.offset || input.partLastByte - input.partFirstByte + 1 !== bytes.length)
        throw outOfOrder(call, upload);
      try {
        await call.registry.store.uploads.append(upload, once(bytes));
      } catch (error) {
        // Another request holds the upload: by the time it ends, this part is not the next one.
        if (error instanceof RegistryError && error.status === 416) throw outOfOrder(call, upload);
        throw error;
      }
      return { ...idOf(call, upload), lastByteReceived: upload.offset - 1 };
    },
  ),
  CompleteLayerUpload: operation(
    'repository',
    z.object({ ...uploadInput, layerDigests: z.array(z.string()).min(1).max(100) }),
    async (call, input) => {
      const { store } = call.registry;
      const upload = uploadOf(call, input.repositoryName, input.uploadId);
      const layerDigest = input.layerDigests[0]!;
      if (input.layerDigests.length > 1 || !isDigest(layerDigest))
        throw new EcrError('InvalidParameterException', 'layerDigests takes one valid digest');
      if (upload.offset === 0) throw new EcrError('EmptyUploadException', 'The specified layer upload does not contain any layer parts.');
      if (upload.parts.slice(0, -1).some((size) => size < SMALLEST_PART)) {
        throw new EcrError('LayerPartTooSmallException', `Layer parts must be at least ${SMALLEST_PART} bytes in size.`);
      }
      if (store.repository(upload.name).blobs.has(layerDigest)) {
        await store.uploads.cancel(upload);
        throw new EcrError(
          'LayerAlreadyExistsException',
          `The layer with digest '${layerDigest}' already exists in the repository with name '${upload.name}'`,
        );
      }
      try {
        await store.finishUpload(upload, undefined, layerDigest);
      } catch (error) {
        if (!(error instanceof RegistryError) || error.code !== 'DIGEST_INVALID') throw error;
        throw new EcrError('InvalidLayerException', `The digest of the uploaded layer is not '${layerDigest}'`);
      }
      return { ...idOf(call, upload), layerDigest };
    },
  ),
};

function uploadOf(call: EcrCall, repositoryName: string, uploadId: string): Upload {
  return call.registry.store.uploads.get(repositoryOf(call, repositoryName).name, uploadId);
}

/** `lastValidByteReceived` is -1 before the first part: the next part always begins one after it. */
function outOfOrder(call: EcrCall, upload: Upload): EcrError {
  const lastValidByteReceived = upload.offset - 1;
  const message = `The layer part is not valid, or its first byte is not consecutive to the last byte of the previous part: ${lastValidByteReceived}`;
  return new EcrError('InvalidLayerPartException', message, { ...idOf(call, upload), lastValidByteReceived });
}

function idOf({ registry }: EcrCall, upload: Upload): { registryId: string; repositoryName: string; uploadId: string } {
  return { registryId: registry.account, repositoryName: upload.name, uploadId: upload.id };
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
