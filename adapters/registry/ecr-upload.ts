/** An upload in parts as ECR has it: its layer API, because its registry API loses every part after the first without an error. */
import type { ECRClient } from '@aws-sdk/client-ecr';
import { Fault } from '../../core/errors.ts';
import type { OpenUpload } from '../../core/registry/ports.ts';
import type { BlobReader } from './blob-reader.ts';
import type { PartedUpload } from './copy-parts.ts';
import { callRegistry } from './registry-request.ts';
import type { Repository } from './repository.ts';

/** The layer API of one ECR registry. */
export interface EcrRegistry {
  client: ECRClient;
  account: string;
}

/** UploadLayerPart takes 5 MiB (but for the last part) to 20 MiB. */
const SMALLEST_PART = 5 * 1024 * 1024;
const LARGEST_PART = 20 * 1024 * 1024;
/** What InitiateLayerUpload recommends; known again after a resume without asking. */
const USUAL_PART = 10 * 1024 * 1024;

export class EcrUpload implements PartedUpload {
  readonly id: string;
  readonly #ecr: EcrRegistry;
  readonly #name: string;
  readonly #size: number;
  readonly #partBytes: number;
  #offset: number;
  #isGone = false;
  /** The part after the one that is under way: read while that is sent. */
  #ahead: { from: number; bytes: Promise<Buffer> } | undefined;

  private constructor(target: Repository, ecr: EcrRegistry, size: number, partBytes: number, { id, offset }: OpenUpload) {
    this.id = id;
    this.#ecr = ecr;
    this.#name = target.name;
    this.#size = size;
    this.#partBytes = partBytes;
    this.#offset = offset;
  }

  static async begin(target: Repository, ecr: EcrRegistry, size: number, wanted: number): Promise<EcrUpload> {
    const { InitiateLayerUploadCommand } = await import('./ecr-client.ts');
    const initiate = () => ecr.client.send(new InitiateLayerUploadCommand({ registryId: ecr.account, repositoryName: target.name }));
    const { uploadId, partSize } = await initiate()
      .catch(async (error: unknown) => {
        if ((error as Error).name !== 'RepositoryNotFoundException') throw error;
        // A push creates a repository by its template, a call of the layer API does not: an upload that stays empty is the beginning of a push.
        await callRegistry(target.access, { method: 'POST', path: target.path('blobs/uploads/'), scope: target.scope(true) });
        return initiate();
      })
      .catch((error: unknown) => {
        throw faultOf(error);
      });
    if (uploadId === undefined) throw new Fault('UNAVAILABLE', 'ECR opens an upload without an id');
    return new EcrUpload(target, ecr, size, bounded(wanted, partSize ?? USUAL_PART), { id: uploadId, offset: 0 });
  }

  static resume(target: Repository, ecr: EcrRegistry, size: number, wanted: number, kept: OpenUpload): EcrUpload {
    return new EcrUpload(target, ecr, size, bounded(wanted, USUAL_PART), kept);
  }

  get offset(): number {
    return this.#offset;
  }

  async append(reader: BlobReader): Promise<number> {
    const from = this.#offset;
    const bytes = this.#ahead?.from === from ? await this.#ahead.bytes : await this.#read(reader, from);
    const next = from + bytes.length;
    this.#ahead = undefined;
    if (next < this.#size) {
      const reading = this.#read(reader, next);
      // Its error is found by whoever waits for it.
      reading.catch(() => undefined);
      this.#ahead = { from: next, bytes: reading };
    }
    await this.#send(from, bytes);
    return bytes.length;
  }

  async #read(reader: BlobReader, from: number): Promise<Buffer> {
    reader.rewind(from);
    const bytes = Buffer.allocUnsafe(Math.min(this.#partBytes, this.#size - from));
    let filled = 0;
    for await (const chunk of reader.slice(bytes.length)) filled += (chunk as Buffer).copy(bytes, filled);
    return bytes;
  }

  async #send(from: number, bytes: Buffer): Promise<void> {
    const { UploadLayerPartCommand } = await import('./ecr-client.ts');
    const command = new UploadLayerPartCommand({
      ...this.#upload,
      partFirstByte: from,
      partLastByte: from + bytes.length - 1,
      layerPartBlob: bytes,
    });
    try {
      const { lastByteReceived } = await this.#ecr.client.send(command);
      if (lastByteReceived !== undefined && lastByteReceived + 1 !== from + bytes.length)
        throw new Fault('REGISTRY_REFUSED', `ECR keeps ${lastByteReceived + 1} of ${from + bytes.length} bytes of an upload`);
      this.#offset = from + bytes.length;
    } catch (error) {
      this.#ahead = undefined;
      const { name, lastValidByteReceived } = error as { name?: string; lastValidByteReceived?: number };
      if (name !== 'InvalidLayerPartException' || lastValidByteReceived === undefined) throw this.#faultOf(error);
      // Our last answer was lost, or the offset was kept before it came: ECR says where it ends, and the next part begins there.
      this.#offset = lastValidByteReceived + 1;
    }
  }

  /** ECR has no question for it: a part at the wrong place is answered with the right one. */
  async refresh(): Promise<boolean> {
    return !this.#isGone;
  }

  async complete(digest: string): Promise<void> {
    const { CompleteLayerUploadCommand } = await import('./ecr-client.ts');
    try {
      await this.#ecr.client.send(new CompleteLayerUploadCommand({ ...this.#upload, layerDigests: [digest] }));
    } catch (error) {
      const { name } = error as { name?: string };
      if (name === 'LayerAlreadyExistsException') return;
      if (name === 'InvalidLayerException') {
        throw new Fault('DIGEST_MISMATCH', `ECR finds another digest than ${digest} in what it was sent`, {
          hint: 'retry; if it happens again, the source registry is not to be trusted with this artifact',
        });
      }
      throw this.#faultOf(error);
    }
  }

  #faultOf(error: unknown): unknown {
    if ((error as { name?: string }).name !== 'UploadNotFoundException') return faultOf(error);
    this.#isGone = true;
    return new Fault('UNAVAILABLE', 'ECR does not know the upload any more');
  }

  get #upload() {
    return { registryId: this.#ecr.account, repositoryName: this.#name, uploadId: this.id };
  }
}

function bounded(wanted: number, recommended: number): number {
  return Math.min(LARGEST_PART, Math.max(SMALLEST_PART, Math.min(wanted, recommended)));
}

function faultOf(error: unknown): unknown {
  if (error instanceof Fault) return error;
  const { name = 'Error', message, $fault, $retryable } = error as Error & { $fault?: string; $retryable?: unknown };
  const passes = $fault !== 'client' || $retryable !== undefined || /Throttling|TooManyRequests|LimitExceeded/.test(name);
  return new Fault(passes ? 'UNAVAILABLE' : 'REGISTRY_REFUSED', `ECR does not take a layer (${name}: ${message})`);
}
