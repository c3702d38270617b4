/** What dynalite's actions take for their store: every callback is answered at once, so that an action runs in one turn of the event loop. */
import type { Callback, Item, Section, Store, Table } from 'dynalite/db/index.js';
import type { Database } from './database.ts';
import { tableNotFound } from './dynamodb-error.ts';
import { indexPrefix, itemPrefix, type WriteSet } from './write-set.ts';

export type Action = (store: Store, data: Record<string, unknown>, callback: Callback) => void;

export interface StoreSource {
  database: Database;
  table(name: string): Table | undefined;
}

/** Items fetched from LevelDB at a time. */
const PAGE = 100;

/** Runs an action that only reads. */
export function runRead(action: Action, source: StoreSource, data: Record<string, unknown>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const get = (key: string) => source.database.committed(key);
    const section = (prefix: string) => readSection(source.database, prefix, get, reject);
    action(storeOf(source, section, section), data, (error, value) => (error ? reject(error) : resolve(value)));
  });
}

/** Runs a writing action into `writes`; throws the action's error. */
export function runWrite(action: Action, source: StoreSource, data: Record<string, unknown>, writes: WriteSet): unknown {
  let outcome: { error: unknown; value?: unknown } | undefined;
  const store = storeOf(
    source,
    (_prefix, table) => ({
      ...readOnly,
      get: (key, callback) => callback(null, writes.readItem(table, key)),
      put: (key, value, callback) => callback(null, writes.writeItem(table, key, value as Item)),
      del: (key, callback) => callback(null, writes.writeItem(table, key, undefined)),
    }),
    (prefix) => ({
      ...readOnly,
      get: (key, callback) => callback(null, writes.get(prefix + key)),
      put: (key, value, callback) => callback(null, writes.put(prefix + key, value)),
      del: (key, callback) => callback(null, writes.delete(prefix + key)),
    }),
  );
  action(store, data, (error, value) => {
    outcome = { error, value };
  });
  if (!outcome) throw new Error('a write of dynalite did not end in one turn');
  if (outcome.error) throw outcome.error;
  return outcome.value;
}

function storeOf(source: StoreSource, items: (prefix: string, table: string) => Section, indexes: (prefix: string) => Section): Store {
  return {
    options: source.database.options,
    tableDb: readOnly,
    getItemDb: (table) => items(itemPrefix(table), table),
    getIndexDb: (kind, table, index) => indexes(indexPrefix(kind, table, index)),
    getTable(name, checkStatus, callback) {
      const answer = typeof checkStatus === 'function' ? checkStatus : callback!;
      const table = source.table(name);
      if (table) answer(null, table);
      else answer(tableNotFound(checkStatus ? undefined : name));
    },
  };
}

function unsupported(): never {
  throw new Error('dynalite used a part of its store that the local DynamoDB does not offer');
}

const readOnly: Section = {
  get: unsupported,
  put: unsupported,
  del: unsupported,
  createKeyStream: unsupported,
  createValueStream: unsupported,
  lock: (_key, run) => run((callback) => callback),
};

function readSection(database: Database, prefix: string, get: (key: string) => unknown, fail: (error: unknown) => void): Section {
  return {
    ...readOnly,
    get: (key, callback) => callback(null, get(prefix + key)),
    createValueStream: (options) => new ValueSource(database.values(rangeOf(prefix, (options ?? {}) as Range)), fail),
  };
}

interface Range {
  gt?: string;
  gte?: string;
  lt?: string;
  lte?: string;
  reverse?: boolean;
  limit?: number;
}

function rangeOf(prefix: string, { gt, gte, lt, lte, reverse, limit }: Range): object {
  return {
    ...(gt !== undefined ? { gt: prefix + gt } : { gte: prefix + (gte ?? '') }),
    ...(lt !== undefined ? { lt: prefix + lt } : lte !== undefined ? { lte: prefix + lte } : { lt: `${prefix}\xFF` }),
    reverse: reverse ?? false,
    limit: limit ?? -1,
  };
}

/**
 * Feeds dynalite's `lazy` chain. dynalite's own streams leave the LevelDB iterator (and its snapshot) open after each limited query, and an
 * exception in a filter would end the process; here the iterator is closed and the exception fails the request.
 */
class ValueSource {
  readonly #iterator: ReturnType<Database['values']>;
  readonly #fail: (error: unknown) => void;
  #data: ((value: unknown) => void) | undefined;
  #end: (() => void) | undefined;
  #stopped = false;

  constructor(iterator: ReturnType<Database['values']>, fail: (error: unknown) => void) {
    this.#iterator = iterator;
    this.#fail = fail;
    queueMicrotask(() => void this.#pump());
  }

  /** `lazy` and dynalite both subscribe to `data`: only the later one counts, or every item would come twice. */
  on(event: string, listener: (value?: unknown) => void): this {
    if (event === 'data') this.#data = listener;
    if (event === 'end') this.#end = listener;
    return this;
  }

  emit(): boolean {
    return true;
  }

  removeAllListeners(): this {
    return this;
  }

  destroy(): void {
    this.#stopped = true;
  }

  async #pump(): Promise<void> {
    try {
      while (!this.#stopped) {
        const values = await this.#iterator.nextv(PAGE);
        if (values.length === 0) break;
        for (const value of values) {
          if (this.#stopped) break;
          this.#data?.(value);
        }
      }
      this.#end?.();
    } catch (error) {
      this.#fail(error);
    } finally {
      await this.#iterator.close().catch(this.#fail);
    }
  }
}
