/** Append-only journal of a registry's metadata: one JSON record per line, written in order, synced in groups, torn tails cut at start. */
import { closeSync, existsSync, openSync, readFileSync, truncateSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { writeFileDurably } from '../durable-file.ts';

interface Waiting {
  line: string;
  sync: boolean;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** Lines beyond which a start rewrites the journal, when it is at least this many times longer than what it says. */
const REWRITE_FROM_LINES = 1_000;
const REWRITE_FACTOR = 2;

export class Journal<R> {
  readonly #handle: FileHandle;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  /** What a write or sync failed with: then nobody knows what is on disk, and nothing more is written until the file is opened anew. */
  #broken: unknown;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Replays `file` into `replay`, then opens it for appending. `snapshot` answers the shortest list of records that yields the same state. */
  static async open<R>(file: string, replay: (record: R) => void, snapshot: () => R[]): Promise<Journal<R>> {
    const lines = existsSync(file) ? readWholeLines(file) : [];
    for (const line of lines) replay(JSON.parse(line) as R);
    if (lines.length > REWRITE_FROM_LINES) {
      const records = snapshot();
      if (lines.length > records.length * REWRITE_FACTOR) {
        writeFileDurably(file, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
      }
    }
    closeSync(openSync(file, 'a', 0o600));
    return new Journal<R>(await open(file, 'a'));
  }

  /** Resolves once the record is written, and synced to disk unless `sync` is false (then it survives a kill, but not a power loss). */
  append(record: R, options: { sync?: boolean } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line: `${JSON.stringify(record)}\n`, sync: options.sync ?? true, resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#handle.close();
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        if (this.#broken !== undefined) throw this.#broken;
        await this.#handle.appendFile(group.map((entry) => entry.line).join(''));
        if (group.some((entry) => entry.sync)) await this.#handle.datasync();
        for (const entry of group) entry.resolve();
      } catch (error) {
        this.#broken = error;
        for (const entry of group) entry.reject(error);
      }
    }
    this.#writing = undefined;
  }
}

/** A kill may leave half a line at the end: it was never acknowledged, so it is cut off. */
function readWholeLines(file: string): string[] {
  const bytes = readFileSync(file);
  const end = bytes.lastIndexOf(0x0a) + 1;
  if (end < bytes.length) truncateSync(file, end);
  return bytes.subarray(0, end).toString('utf8').split('\n').filter(Boolean);
}
