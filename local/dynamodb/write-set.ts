/** The writes of one request while it is being computed: dynalite's actions write into it, and it becomes one batch. */
import type { BatchOperation, Item } from 'dynalite/db/index.js';
import type { Database } from './database.ts';

/** One item of a committed write, with the images before and after. */
export interface ItemChange {
  table: string;
  /** dynalite's key string inside the table. */
  key: string;
  before: Item | undefined;
  after: Item | undefined;
}

export class WriteSet {
  readonly #database: Database;
  readonly #operations = new Map<string, BatchOperation>();
  readonly #changes = new Map<string, ItemChange>();
  /** Item that the last read of an item found, for `ReturnValuesOnConditionCheckFailure`. */
  lastRead: Item | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  get operations(): BatchOperation[] {
    return [...this.#operations.values()];
  }

  get changes(): ItemChange[] {
    return [...this.#changes.values()];
  }

  get(key: string): unknown {
    const own = this.#operations.get(key);
    if (own) return own.type === 'put' ? own.value : undefined;
    return this.#database.latest(key);
  }

  put(key: string, value: unknown): void {
    this.#operations.set(key, { type: 'put', key, value });
  }

  delete(key: string): void {
    this.#operations.set(key, { type: 'del', key });
  }

  readItem(table: string, key: string): Item | undefined {
    this.lastRead = this.get(itemPrefix(table) + key) as Item | undefined;
    return this.lastRead;
  }

  writeItem(table: string, key: string, after: Item | undefined): void {
    const full = itemPrefix(table) + key;
    const before = this.#changes.get(full)?.before ?? (this.#database.latest(full) as Item | undefined);
    if (after) this.put(full, after);
    else this.delete(full);
    this.#changes.set(full, { table, key, before, after });
  }
}

/** Where dynalite keeps the items of a table. */
export const itemPrefix = (table: string): string => `item-${table}~`;

/** Where dynalite keeps an index; `kind` is Local or Global. */
export const indexPrefix = (kind: string, table: string, index: string): string => `index-${kind.toLowerCase()}~${table}~${index}~`;
