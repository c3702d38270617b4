/** The tables and their settings: kept in memory for every request, stored beside the items. */
import type { BatchOperation, Index, Table } from 'dynalite/db/index.js';
import type { PolicyDocument } from '../service.ts';
import type { Database } from './database.ts';
import { tableNotFound } from './dynamodb-error.ts';
import { indexPrefix, itemPrefix } from './write-set.ts';

/** What DescribeTable does not show. */
export interface TableSettings {
  /** Attribute with the expiry in seconds since 1970. */
  timeToLive?: { attribute: string };
  pointInTimeRecovery?: { enabled: boolean; days: number; since: number };
  tags: Record<string, string>;
  resourcePolicy?: PolicyDocument;
}

const TABLE = 'table~';
const SETTINGS = 'setting~';

export class Catalog {
  readonly #database: Database;
  readonly #tables = new Map<string, Table>();
  readonly #settings = new Map<string, TableSettings>();
  /** Set while a table is rebuilt: writers wait for it. */
  #exclusive: Promise<unknown> | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  async load(): Promise<void> {
    for await (const [key, value] of this.#database.entries(TABLE)) this.#tables.set(key.slice(TABLE.length), value as Table);
    for await (const [key, value] of this.#database.entries(SETTINGS)) {
      this.#settings.set(key.slice(SETTINGS.length), value as TableSettings);
    }
  }

  find(name: string): Table | undefined {
    return this.#tables.get(name);
  }

  /** Throws ResourceNotFoundException. */
  get(name: string): Table {
    const table = this.#tables.get(name);
    if (!table) throw tableNotFound(name);
    return table;
  }

  settings(name: string): TableSettings {
    return this.#settings.get(name) ?? { tags: {} };
  }

  names(): string[] {
    return [...this.#tables.keys()].sort();
  }

  async save(table: Table, settings: TableSettings): Promise<void> {
    this.#tables.set(table.TableName, table);
    this.#settings.set(table.TableName, settings);
    await this.#database.commit([
      { type: 'put', key: TABLE + table.TableName, value: table },
      { type: 'put', key: SETTINGS + table.TableName, value: settings },
    ]);
  }

  saveSettings(name: string, settings: TableSettings): Promise<void> {
    return this.save(this.get(name), settings);
  }

  /** Runs `work` alone: no write of any table runs meanwhile. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    while (this.#exclusive) await this.#exclusive;
    const running = this.#database.settled().then(work);
    this.#exclusive = running.catch(() => undefined);
    try {
      return await running;
    } finally {
      this.#exclusive = undefined;
    }
  }

  /** What a writer has to wait for; once it is undefined he must compute and queue his write in the same turn. */
  get busy(): Promise<unknown> | undefined {
    return this.#exclusive;
  }

  /** Removes the table first, then its items: a crash between leaves items that `clear` removes when the name is used again. */
  async remove(table: Table): Promise<void> {
    this.#tables.delete(table.TableName);
    this.#settings.delete(table.TableName);
    await this.#database.commit([
      { type: 'del', key: TABLE + table.TableName },
      { type: 'del', key: SETTINGS + table.TableName },
    ]);
    await this.clear(table);
  }

  async clear(table: Table): Promise<void> {
    await this.#database.clear(itemPrefix(table.TableName));
    for (const index of table.GlobalSecondaryIndexes ?? []) await this.clearIndex(table, index);
    for (const index of table.LocalSecondaryIndexes ?? []) {
      await this.#database.clear(indexPrefix('Local', table.TableName, index.IndexName));
    }
  }

  clearIndex(table: Table, index: Index): Promise<void> {
    return this.#database.clear(indexPrefix('Global', table.TableName, index.IndexName));
  }

  /** Fills a new index from the items that exist. `entriesOf` answers the index entries of one item. */
  async fillIndex(table: Table, index: Index, entriesOf: (item: unknown) => { key: string; item: unknown }[]): Promise<void> {
    await this.clearIndex(table, index);
    const prefix = indexPrefix('Global', table.TableName, index.IndexName);
    let batch: BatchOperation[] = [];
    for await (const [, item] of this.#database.entries(itemPrefix(table.TableName))) {
      for (const entry of entriesOf(item)) batch.push({ type: 'put', key: prefix + entry.key, value: entry.item });
      // A thousand entries per synced batch: at most 400 MB of the largest items.
      if (batch.length >= 1000) await this.#database.commit(batch.splice(0));
    }
    batch = batch.splice(0);
    await this.#database.commit(batch);
  }
}
