/** Blob uploads in progress: streamed to disk with an incremental hash, atomic per request, resumable after a kill at the last acknowledged byte. */
import { createHash, type Hash, randomUUID } from 'node:crypto';
import { createReadStream, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { BlobFiles } from './blob-files.ts';
import type { Journal } from './journal.ts';
import { algorithmOf, type DigestAlgorithm } from './reference-grammar.ts';
import { RegistryError } from './registry-error.ts';
import type { RegistryRecord, UploadRecord } from './repository.ts';

export interface Upload extends UploadRecord {
  readonly id: string;
}

interface Active extends Upload {
  hash?: Hash;
  busy?: boolean;
}

/** Uploads that nobody continued for a week (virtual) are dropped at start. */
const ABANDONED_AFTER_MS = 7 * 86_400_000;

export class Uploads {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #uploads = new Map<string, Active>();
  #journal: Journal<RegistryRecord> | undefined;

  constructor(folder: string, clock: Clock) {
    this.#folder = join(folder, 'uploads');
    this.#clock = clock;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  /** Replays one journal record. */
  replay(record: RegistryRecord): void {
    if (record.op === 'upload') this.#uploads.set(record.id, { id: record.id, ...record.upload });
    else if (record.op === 'drop-upload') this.#uploads.delete(record.id);
    else if (record.op === 'progress') {
      const upload = this.#uploads.get(record.id);
      if (upload) Object.assign(upload, { offset: record.offset, parts: [...upload.parts, record.part] });
    }
  }

  records(): RegistryRecord[] {
    return [...this.#uploads.values()].map(({ id, name, algorithm, at, offset, parts }) => ({
      op: 'upload' as const,
      id,
      upload: { name, algorithm, at, offset, parts },
    }));
  }

  /** Ends the replay: drops what is too old or lost its file, and files that belong to no upload. */
  start(journal: Journal<RegistryRecord>): void {
    this.#journal = journal;
    for (const upload of this.#uploads.values()) {
      const size = statSync(this.#pathOf(upload.id), { throwIfNoEntry: false })?.size;
      if (size === undefined || size < upload.offset || this.#clock.now() - upload.at > ABANDONED_AFTER_MS) this.#uploads.delete(upload.id);
    }
    for (const file of readdirSync(this.#folder)) if (!this.#uploads.has(file)) rmSync(join(this.#folder, file));
  }

  /** Opens an upload. `algorithm` is the digest that will be asked for, so that the bytes are hashed once. */
  async begin(repository: string, algorithm: DigestAlgorithm = 'sha256'): Promise<Upload> {
    const upload: Active = { id: randomUUID(), name: repository, algorithm, at: this.#clock.now(), offset: 0, parts: [] };
    writeFileSync(this.#pathOf(upload.id), '', { mode: 0o600, flag: 'wx' });
    upload.hash = createHash(algorithm);
    this.#uploads.set(upload.id, upload);
    const { id, hash: _hash, ...record } = upload;
    await this.#journal!.append({ op: 'upload', id, upload: record }, { sync: false });
    return upload;
  }

  /** The upload of this repository, or BLOB_UPLOAD_UNKNOWN. */
  get(repository: string, id: string): Upload {
    const upload = this.#uploads.get(id);
    if (upload?.name !== repository) throw new RegistryError(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
    return upload;
  }

  /** Appends a body. If it breaks off, the upload is as before: a chunk is there wholly or not at all. */
  async append(upload: Upload, body: AsyncIterable<Uint8Array>, expected?: number): Promise<void> {
    await this.#exclusively(upload, async (active) => {
      const received = await this.#receive(active, body, expected);
      if (received === 0) return;
      active.parts = [...active.parts, received];
      await this.#journal!.append({ op: 'progress', id: active.id, offset: active.offset, part: received }, { sync: false });
    });
  }

  /** Appends the last body, checks the digest and moves the bytes to their final name. A wrong digest ends the upload. */
  async finish(upload: Upload, body: AsyncIterable<Uint8Array> | undefined, digest: string, files: BlobFiles): Promise<number> {
    return await this.#exclusively(upload, async (active) => {
      if (body) await this.#receive(active, body);
      const algorithm = algorithmOf(digest);
      const hash =
        algorithm === active.algorithm ? await this.#hashOf(active) : await hashFile(this.#pathOf(active.id), algorithm, active.offset);
      const actual = `${algorithm}:${hash.copy().digest('hex')}`;
      if (actual !== digest) {
        await this.#drop(active);
        throw new RegistryError(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content', {
          detail: { expected: digest, actual },
        });
      }
      const handle = await open(this.#pathOf(active.id), 'r+');
      try {
        // A kill may have left bytes of an unacknowledged chunk behind the last acknowledged one.
        await handle.truncate(active.offset);
        await handle.datasync();
      } finally {
        await handle.close();
      }
      this.#uploads.delete(active.id);
      await files.adopt(this.#pathOf(active.id), digest);
      await this.#journal!.append({ op: 'drop-upload', id: active.id }, { sync: false });
      return active.offset;
    });
  }

  async cancel(upload: Upload): Promise<void> {
    await this.#exclusively(upload, (active) => this.#drop(active));
  }

  async #drop(upload: Active): Promise<void> {
    this.#uploads.delete(upload.id);
    await rm(this.#pathOf(upload.id), { force: true });
    await this.#journal!.append({ op: 'drop-upload', id: upload.id }, { sync: false });
  }

  async #receive(upload: Active, body: AsyncIterable<Uint8Array>, expected?: number): Promise<number> {
    const hash = (await this.#hashOf(upload)).copy();
    const start = upload.offset;
    let position = start;
    let handle: FileHandle | undefined;
    try {
      for await (const chunk of body) {
        handle ??= await open(this.#pathOf(upload.id), 'r+');
        // The pool writes while this thread hashes.
        const writing = writeWhole(handle, chunk, position);
        hash.update(chunk);
        await writing;
        position += chunk.length;
      }
    } finally {
      await handle?.close();
    }
    if (expected !== undefined && position - start !== expected) {
      throw new RegistryError(400, 'SIZE_INVALID', `received ${position - start} bytes, ${expected} were announced`);
    }
    upload.hash = hash;
    upload.offset = position;
    return position - start;
  }

  /** After a restart the hash is computed again from the acknowledged bytes. */
  async #hashOf(upload: Active): Promise<Hash> {
    upload.hash ??= await hashFile(this.#pathOf(upload.id), upload.algorithm, upload.offset);
    return upload.hash;
  }

  async #exclusively<T>(upload: Upload, work: (active: Active) => Promise<T>): Promise<T> {
    const active = this.#uploads.get(upload.id);
    if (!active) throw new RegistryError(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
    if (active.busy) throw new RegistryError(416, 'BLOB_UPLOAD_INVALID', 'another request is writing to this upload');
    active.busy = true;
    try {
      return await work(active);
    } finally {
      active.busy = false;
    }
  }

  #pathOf(id: string): string {
    return join(this.#folder, id);
  }
}

async function writeWhole(handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let offset = 0; offset < chunk.length; ) {
    const { bytesWritten } = await handle.write(chunk, offset, chunk.length - offset, position + offset);
    offset += bytesWritten;
  }
}

async function hashFile(path: string, algorithm: DigestAlgorithm, size: number): Promise<Hash> {
  const hash = createHash(algorithm);
  if (size === 0) return hash;
  for await (const chunk of createReadStream(path, { end: size - 1, highWaterMark: 1024 * 1024 })) hash.update(chunk as Buffer);
  return hash;
}
