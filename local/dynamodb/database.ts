/**
 * The LevelDB folder under dynalite: reads, and writes as atomic, synced batches. A transaction is one batch of LevelDB's log, which a crash
 * leaves whole or absent; so no undo journal is needed. Writers compute in one turn of the event loop on top of what is queued, hence no locks.
 */
import engine, { type BatchOperation, type Level, type StoreOptions } from 'dynalite/db/index.js';

interface Queued {
  operations: BatchOperation[];
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** Above every character of a key, as in dynalite's own ranges. */
const END = '\xFF';

export class Database {
  readonly options: StoreOptions;
  readonly #level: Level;
  readonly #batch: Level['batch'];
  /** Values that are queued but not yet on disk; a deleted one is undefined. */
  readonly #pending = new Map<string, { value: unknown; by: Queued }>();
  #queue: Queued[] = [];
  #writing: Promise<void> | undefined;
  #broken: unknown;

  private constructor(level: Level, options: StoreOptions) {
    this.#level = level;
    this.options = options;
    // dynalite replaces `batch` on the instance by one that drops the sync option.
    this.#batch = Object.getPrototypeOf(level).batch as Level['batch'];
  }

  static async open(path: string): Promise<Database> {
    const { db, options } = engine.create({ path, createTableMs: 0, updateTableMs: 0, deleteTableMs: 0 });
    await db.open();
    return new Database(db, options);
  }

  /** What is on disk: readers see only acknowledged writes and those about to be. */
  committed(key: string): unknown {
    return this.#level.getSync(key);
  }

  /** What the next write has to build on: queued writes included. */
  latest(key: string): unknown {
    const pending = this.#pending.get(key);
    return pending ? pending.value : this.#level.getSync(key);
  }

  /** Values of several keys as of one moment: never half a transaction. */
  snapshot(keys: string[]): Promise<unknown[]> {
    return this.#level.getMany(keys);
  }

  values(range: object): ReturnType<Level['values']> {
    return this.#level.values(range);
  }

  entries(prefix: string): AsyncIterable<[string, unknown]> {
    return this.#level.iterator({ gte: prefix, lt: prefix + END });
  }

  async clear(prefix: string): Promise<void> {
    await this.settled();
    await this.#level.clear({ gte: prefix, lt: prefix + END });
  }

  /** Writes all or nothing and resolves once it is synced, in the order of the calls. With no operations it waits for what was queued before. */
  commit(operations: BatchOperation[]): Promise<void> {
    if (this.#broken) return Promise.reject(this.#broken);
    return new Promise((resolve, reject) => {
      const queued = { operations, resolve, reject };
      for (const operation of operations) {
        this.#pending.set(operation.key, { value: operation.type === 'put' ? operation.value : undefined, by: queued });
      }
      this.#queue.push(queued);
      this.#writing ??= this.#write();
    });
  }

  /** Resolves when nothing is queued. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async close(): Promise<void> {
    await this.settled();
    await this.#level.close();
  }

  /** Group commit: what arrives during one sync goes to disk with the next, so concurrent writers share its cost. */
  async #write(): Promise<void> {
    await undefined;
    while (this.#queue.length > 0) {
      const group = this.#queue.splice(0);
      const operations = group.flatMap((queued) => queued.operations);
      try {
        if (operations.length > 0) await this.#batch.call(this.#level, operations, { sync: true });
      } catch (error) {
        // Later writes were computed on top of the lost ones: nothing may be written any more.
        this.#broken = error;
        for (const queued of [...group, ...this.#queue.splice(0)]) queued.reject(error);
        break;
      }
      for (const queued of group) {
        for (const { key } of queued.operations) if (this.#pending.get(key)?.by === queued) this.#pending.delete(key);
        queued.resolve();
      }
    }
    this.#writing = undefined;
  }
}
