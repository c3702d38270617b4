/** Moves one blob: mounted where both repositories lie in one registry, else streamed from source to target without touching a disk. */
import { createHash } from 'node:crypto';
import { pipeline, type Readable, Transform, type TransformCallback } from 'node:stream';
import { Fault } from '../../core/errors.ts';
import { callRegistryOnce, retrying, streamRegistry } from './registry-request.ts';
import type { Repository } from './repository.ts';

/** Chunks of this size keep sha256 and sockets busy without holding much: 256 KiB measured best. */
const CHUNK_BYTES = 256 * 1024;

/** Copies `digest` of exactly `size` bytes; answers the bytes that were sent. Faults: DIGEST_MISMATCH, REGISTRY_REFUSED, UNAVAILABLE. */
export async function copyBlob(source: Repository, target: Repository, digest: string, size: number): Promise<number> {
  return retrying(async () => {
    const started = await beginUpload(source, target, digest);
    if (started === 'mounted') return 0;
    // Neighbours are mounted without asking first, so only now it shows whether the blob was there already.
    if (areNeighbours(source, target) && (await target.blobSize(digest)) === size) return 0;
    await upload(source, target, digest, size, started);
    return size;
  });
}

/** Two repositories of one registry: blobs are mounted between them. */
export function areNeighbours(source: Repository, target: Repository): boolean {
  return source.origin === target.origin && source.name !== target.name;
}

/** Opens an upload at the target and answers its address, or mounts the blob. */
async function beginUpload(source: Repository, target: Repository, digest: string): Promise<string> {
  const isNeighbour = areNeighbours(source, target);
  const query = isNeighbour ? `?${new URLSearchParams({ mount: digest, from: source.name })}` : '';
  const answer = await callRegistryOnce(target.access, {
    method: 'POST',
    path: target.path(`blobs/uploads/${query}`),
    scope: target.scope(true),
  });
  if (isNeighbour && answer.status === 201) return 'mounted';
  return uploadAddress(target, answer.headers.location);
}

/** `location` comes from the target: bytes and credentials go to its own origin, below its API, or nowhere. */
function uploadAddress(target: Repository, location: string | undefined): string {
  const refuse = (why: string): never => {
    throw new Fault('REGISTRY_REFUSED', `the upload is refused: ${why}; nothing was sent there`);
  };
  const base = `${target.origin}${target.path('blobs/uploads/')}`;
  if (location === undefined || !URL.canParse(location, base)) return refuse('the registry names no address for it');
  if (/(?:^|\/)(?:\.|%2e){2}(?:\/|$)/i.test(location.split('?')[0]!)) return refuse('its address climbs out of its folder');
  const url = new URL(location, base);
  if (url.origin !== target.origin) return refuse('its address is on another origin');
  if (!url.pathname.startsWith('/v2/')) return refuse('its address is outside the registry API');
  return `${url.pathname}${url.search}`;
}

async function upload(source: Repository, target: Repository, digest: string, size: number, address: string): Promise<void> {
  const blob = await source.openBlob(digest);
  if (blob.length !== undefined && blob.length !== size) {
    blob.body.destroy();
    throw new Fault('DIGEST_MISMATCH', `${digest} is declared with ${size} bytes, but the source has ${blob.length}`);
  }
  await send(target, address, digest, size, blob.body);
}

/** Uploads a blob whose bytes `open` yields anew for each try, unless the target has it. */
export async function pushBlob(target: Repository, digest: string, size: number, open: () => Readable): Promise<void> {
  if ((await target.blobSize(digest)) === size) return;
  await retrying(async () => {
    const answer = await callRegistryOnce(target.access, {
      method: 'POST',
      path: target.path('blobs/uploads/'),
      scope: target.scope(true),
    });
    await send(target, uploadAddress(target, answer.headers.location), digest, size, open());
  });
}

async function send(target: Repository, address: string, digest: string, size: number, body: Readable): Promise<void> {
  const checked = new CheckedBytes(digest, size);
  pipeline(body, checked, () => {});
  const path = `${address}${address.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
  try {
    const answer = await streamRegistry(
      target.access,
      { method: 'PUT', path, scope: target.scope(true), headers: { 'content-type': 'application/octet-stream' } },
      { stream: checked, length: size },
    );
    answer.body.resume();
  } catch (error) {
    // Our own finding explains the broken upload better than what the target made of it.
    throw checked.mismatch ?? error;
  } finally {
    body.destroy();
  }
}

/** Passes bytes on, hashing them. The last chunk goes on only when the whole has the declared size and digest: a wrong blob never completes. */
class CheckedBytes extends Transform {
  mismatch: Fault | undefined;
  readonly #hash = createHash('sha256');
  readonly #digest: string;
  readonly #size: number;
  #received = 0;
  #held: Buffer | undefined;

  constructor(digest: string, size: number) {
    super({ readableHighWaterMark: CHUNK_BYTES, writableHighWaterMark: CHUNK_BYTES });
    this.#digest = digest;
    this.#size = size;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#received += chunk.length;
    if (this.#received > this.#size) {
      done(this.#refuse(`has more than the ${this.#size} bytes that its manifest declares`));
      return;
    }
    this.#hash.update(chunk);
    if (this.#held) this.push(this.#held);
    this.#held = chunk;
    done();
  }

  override _flush(done: TransformCallback): void {
    if (this.#received !== this.#size) done(this.#refuse(`has ${this.#received} bytes; its manifest declares ${this.#size}`));
    else if (`sha256:${this.#hash.digest('hex')}` !== this.#digest) done(this.#refuse('holds other bytes than its digest names'));
    else done(null, this.#held);
  }

  #refuse(why: string): Fault {
    this.mismatch = new Fault('DIGEST_MISMATCH', `${this.#digest} ${why}`, {
      hint: 'the source registry is not to be trusted with this artifact',
    });
    return this.mismatch;
  }
}
