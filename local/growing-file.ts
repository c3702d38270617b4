/**
 * A file that only grows. After a failed write or sync nobody knows what of it is on disk, and a second sync may answer "ok" for bytes that the first one
 * has lost: nothing more is written until the file is opened anew, when what is torn at its end is cut off.
 */
import { closeSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';

export class GrowingFile {
  readonly #handle: number;
  #broken: unknown;

  constructor(path: string, mode = 0o600) {
    this.#handle = openSync(path, 'a', mode);
  }

  /** Survives a kill when it returns, and a power loss after `sync`. */
  append(text: string): void {
    this.#once(() => {
      const bytes = Buffer.from(text);
      for (let offset = 0; offset < bytes.length; ) offset += writeSync(this.#handle, bytes, offset);
    });
  }

  sync(): void {
    this.#once(() => fsyncSync(this.#handle));
  }

  /** Begins again with nothing: what it held is elsewhere by now. */
  empty(): void {
    this.#once(() => ftruncateSync(this.#handle));
  }

  close(): void {
    closeSync(this.#handle);
  }

  #once(work: () => void): void {
    if (this.#broken !== undefined) throw this.#broken;
    try {
      work();
    } catch (error) {
      this.#broken = error;
      throw error;
    }
  }
}
