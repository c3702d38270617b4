/** Moves one blob: mounted where both repositories lie in one registry, else streamed from source to target without touching a disk. */
import type { Readable } from 'node:stream';
import type { UploadLedger } from '../../core/registry/ports.ts';
import { BlobReader } from './blob-reader.ts';
import { copyInParts } from './copy-parts.ts';
import { callRegistryOnce, retrying, streamRegistry } from './registry-request.ts';
import type { Repository } from './repository.ts';
import { uploadAddress, withDigest } from './upload-address.ts';

/** What bounds one pass of a copy. */
export interface CopyPass {
  /** True when the pass is to end: asked before each blob and each part. */
  isLate(): boolean;
  /** Told after each part. */
  sent?(): void;
  /** Larger blobs go in parts, so that no more than this is ever sent again. Bytes. */
  partBytes: number;
  /** Where parted uploads are kept for the next pass or process. Absent: this process ends what it begins. */
  uploads?: UploadLedger;
}

export interface BlobProgress {
  /** Bytes that were sent in this pass. */
  sent: number;
  /** False: the pass ended in the middle of the blob. */
  done: boolean;
}

/** Blobs up to this size are read whole: a stream costs more than it saves. */
const IN_MEMORY_BYTES = 64 * 1024;

/** Transfers of this process by target and digest. */
const underWay = new Map<string, Promise<BlobProgress>>();

/**
 * Copies `digest` of exactly `size` bytes. Two copies at once that share a blob send it once: it costs less, and there are registries whose readers
 * stumble over a blob that two are writing. Faults: DIGEST_MISMATCH, REGISTRY_REFUSED, UNAVAILABLE.
 */
export async function copyBlob(
  source: Repository,
  target: Repository,
  digest: string,
  size: number,
  pass: CopyPass,
): Promise<BlobProgress> {
  const key = `${target.origin}/${target.name}@${digest}`;
  for (let other = underWay.get(key); other; other = underWay.get(key)) {
    await other.catch(() => undefined);
    if ((await target.blobSize(digest)) === size) return { sent: 0, done: true };
    if (pass.isLate()) return { sent: 0, done: false };
  }
  const moving = moveBlob(source, target, digest, size, pass);
  underWay.set(key, moving);
  try {
    return await moving;
  } finally {
    underWay.delete(key);
  }
}

async function moveBlob(source: Repository, target: Repository, digest: string, size: number, pass: CopyPass): Promise<BlobProgress> {
  let opened: string | undefined;
  if (areNeighbours(source, target)) {
    opened = await retrying(() => beginUpload(target, digest, source.name));
    // Neighbours are mounted without asking first, so only now it shows whether the blob was there already.
    if (opened === 'mounted' || (await target.blobSize(digest)) === size) return { sent: 0, done: true };
  }
  if (size > pass.partBytes) return copyInParts(source, target, digest, size, pass);
  if (size <= IN_MEMORY_BYTES) {
    const bytes = await source.declaredBlob(digest, size);
    await retrying(async () => {
      const address = opened ?? (await beginUpload(target, digest));
      opened = undefined;
      await callRegistryOnce(target.access, { ...completion(target, address, digest), body: bytes });
    });
    return { sent: size, done: true };
  }
  await retrying(async () => {
    const reader = new BlobReader(source, digest, size);
    const address = opened ?? (await beginUpload(target, digest));
    opened = undefined;
    try {
      await send(target, address, digest, size, reader.slice(size));
    } catch (error) {
      // Our own finding explains the broken upload better than what the target made of it.
      throw reader.mismatch ?? error;
    } finally {
      reader.close();
    }
  });
  return { sent: size, done: true };
}

/** Two repositories of one registry: blobs are mounted between them. */
export function areNeighbours(source: Repository, target: Repository): boolean {
  return source.origin === target.origin && source.name !== target.name;
}

/** Opens an upload at the target and answers its address, or mounts the blob from the repository `from`. */
async function beginUpload(target: Repository, digest: string, from?: string): Promise<string> {
  const query = from === undefined ? '' : `?${new URLSearchParams({ mount: digest, from })}`;
  const path = target.path(`blobs/uploads/${query}`);
  const answer = await callRegistryOnce(target.access, { method: 'POST', path, scope: target.scope(true) });
  if (from !== undefined && answer.status === 201) return 'mounted';
  return uploadAddress(target, answer.headers.location);
}

/** Uploads a blob whose bytes `open` yields anew for each try, unless the target has it. */
export async function pushBlob(target: Repository, digest: string, size: number, open: () => Readable): Promise<void> {
  if ((await target.blobSize(digest)) === size) return;
  await retrying(async () => send(target, await beginUpload(target, digest), digest, size, open()));
}

async function send(target: Repository, address: string, digest: string, size: number, body: Readable): Promise<void> {
  try {
    const answer = await streamRegistry(target.access, completion(target, address, digest), { stream: body, length: size });
    answer.body.resume();
  } finally {
    body.destroy();
  }
}

function completion(target: Repository, address: string, digest: string) {
  const headers = { 'content-type': 'application/octet-stream' };
  return { method: 'PUT', path: withDigest(address, digest), scope: target.scope(true), headers } as const;
}
