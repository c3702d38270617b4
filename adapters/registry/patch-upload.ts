/** An upload in parts as the OCI distribution specification has it: PATCH for each, GET for how far it is, PUT at the end. */
import { Fault } from '../../core/errors.ts';
import type { OpenUpload } from '../../core/registry/ports.ts';
import type { BlobReader } from './blob-reader.ts';
import type { PartedUpload } from './copy-parts.ts';
import { callRegistry, callRegistryOnce, streamRegistry } from './registry-request.ts';
import type { Repository } from './repository.ts';
import { uploadAddress, withDigest } from './upload-address.ts';

/** How registries say that they do not know an upload (any more): unknown, of another state, or without a status at all. */
const GONE = [400, 404, 405, 410, 416];

export class PatchUpload implements PartedUpload {
  readonly #target: Repository;
  readonly #size: number;
  readonly #partBytes: number;
  #address: string;
  #offset: number;

  private constructor(target: Repository, size: number, partBytes: number, { id, offset }: OpenUpload) {
    this.#target = target;
    this.#size = size;
    this.#partBytes = partBytes;
    this.#address = id;
    this.#offset = offset;
  }

  static async begin(target: Repository, size: number, partBytes: number): Promise<PatchUpload> {
    const answer = await callRegistry(target.access, { method: 'POST', path: target.path('blobs/uploads/'), scope: target.scope(true) });
    return new PatchUpload(target, size, partBytes, { id: uploadAddress(target, answer.headers.location), offset: 0 });
  }

  static resume(target: Repository, size: number, partBytes: number, kept: OpenUpload): PatchUpload {
    return new PatchUpload(target, size, partBytes, { ...kept, id: uploadAddress(target, kept.id) });
  }

  get id(): string {
    return this.#address;
  }

  get offset(): number {
    return this.#offset;
  }

  async append(reader: BlobReader): Promise<number> {
    const length = Math.min(this.#partBytes, this.#size - this.#offset);
    const end = this.#offset + length;
    const stream = reader.slice(length);
    try {
      const answer = await streamRegistry(
        this.#target.access,
        {
          method: 'PATCH',
          path: this.#address,
          scope: this.#target.scope(true),
          headers: { 'content-type': 'application/octet-stream', 'content-range': `${this.#offset}-${end - 1}` },
          expect: [416],
        },
        { stream, length },
      );
      answer.body.resume();
      // Somebody wrote to it, or our last answer was lost: it has to be asked where it ends.
      if (answer.status === 416) throw new Fault('UNAVAILABLE', 'the registry expects another part of the upload');
      const { range, location } = answer.headers as { range?: string; location?: string };
      const has = endOf(range);
      if (has !== undefined && has !== end) {
        throw new Fault('REGISTRY_REFUSED', `the registry keeps ${has} of ${end} bytes of an upload and says nothing`, {
          hint: 'it does not take uploads in parts; for ECR give the registry its account in greenlight.yaml',
        });
      }
      if (location !== undefined) this.#address = uploadAddress(this.#target, location);
      this.#offset = end;
      return length;
    } finally {
      stream.destroy();
    }
  }

  async refresh(): Promise<boolean> {
    const { status, headers } = await callRegistry(this.#target.access, {
      method: 'GET',
      path: this.#address,
      scope: this.#target.scope(true),
      expect: GONE,
    });
    if (GONE.includes(status)) return false;
    const has = endOf((headers as { range?: string }).range);
    if (has === undefined) return false;
    if (headers.location !== undefined) this.#address = uploadAddress(this.#target, headers.location);
    this.#offset = has;
    return true;
  }

  async complete(digest: string): Promise<void> {
    const path = withDigest(this.#address, digest);
    const answer = await callRegistryOnce(this.#target.access, { method: 'PUT', path, scope: this.#target.scope(true), expect: [400] });
    if (answer.status !== 400) return;
    throw new Fault('DIGEST_MISMATCH', `the registry finds another digest than ${digest} in what it was sent`, {
      hint: 'retry; if it happens again, the source or the target registry is not to be trusted with this artifact',
    });
  }
}

/** Bytes that `range` says an upload has, e.g. `0-1023`; `0-0` is how registries write none. */
function endOf(range: string | undefined): number | undefined {
  const last = /^(?:bytes=)?0-(\d+)$/.exec(range ?? '')?.[1];
  if (last === undefined) return undefined;
  return last === '0' ? 0 : Number(last) + 1;
}
