/** Content-addressed files of a registry. A file under `blobs/` is complete and synced: it gets its name by `link` after fsync. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DigestAlgorithm } from './reference-grammar.ts';

export class BlobFiles {
  readonly #folder: string;
  readonly #temporary: string;
  #sequence = 0;

  constructor(folder: string) {
    this.#folder = join(folder, 'blobs');
    this.#temporary = join(folder, 'temporary');
    for (const made of [this.#folder, this.#temporary]) mkdirSync(made, { recursive: true, mode: 0o700 });
    for (const left of readdirSync(this.#temporary)) rmSync(join(this.#temporary, left));
  }

  pathOf(digest: string): string {
    const [algorithm, hex] = digest.split(':') as [string, string];
    return join(this.#folder, algorithm, hex.slice(0, 2), hex);
  }

  /** Gives a finished, synced file its final name and removes the old one. Content that is already there stays. */
  async adopt(path: string, digest: string): Promise<void> {
    const target = this.pathOf(digest);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await link(path, target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await unlink(path);
    await syncFolder(dirname(target));
  }

  /** Stores bytes whose digest the caller has checked. */
  async put(digest: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.#temporary, `${process.pid}.${this.#sequence++}`);
    const handle = await open(path, 'wx', 0o600);
    try {
      await handle.writeFile(bytes);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await this.adopt(path, digest);
  }

  read(digest: string): Promise<Buffer> {
    return readFile(this.pathOf(digest));
  }

  /** Synchronous, so that nothing can begin to name the content between the caller's check and the removal. */
  remove(digest: string): void {
    rmSync(this.pathOf(digest), { force: true });
  }

  /** Removes, at start, what no repository names: content whose record was never acknowledged, or whose removal a kill cut short. */
  sweep(isNeeded: (digest: string) => boolean): void {
    for (const algorithm of readdirSync(this.#folder)) {
      for (const prefix of readdirSync(join(this.#folder, algorithm))) {
        for (const hex of readdirSync(join(this.#folder, algorithm, prefix))) {
          if (!isNeeded(`${algorithm}:${hex}`)) rmSync(join(this.#folder, algorithm, prefix, hex));
        }
      }
    }
  }
}

/** Digest of bytes in `algorithm:hex` form. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
