/** Deletes items whose expiry has passed, within a minute of virtual time. The expiries are kept in memory, so that no sweep reads the table. */

import deleteItem from 'dynalite/actions/deleteItem.js';
import type { Item } from 'dynalite/db/index.js';
import engine from 'dynalite/db/index.js';
import type { Clock, Timer } from '../clock.ts';
import type { Catalog } from './catalog.ts';
import type { Database } from './database.ts';
import { runWrite } from './engine-store.ts';
import type { ItemOperations } from './item-operations.ts';
import { type ItemChange, itemPrefix } from './write-set.ts';

const MINUTE_MS = 60_000;
/** AWS leaves items alone whose expiry lies more than five years back. */
const OLDEST_MS = 5 * 365 * 24 * 60 * MINUTE_MS;

export class TimeToLive {
  readonly #clock: Clock;
  readonly #catalog: Catalog;
  readonly #database: Database;
  readonly #items: ItemOperations;
  /** Expiry in milliseconds by table and key. */
  readonly #expiries = new Map<string, Map<string, number>>();
  #timer: Timer | undefined;
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, catalog: Catalog, database: Database, items: ItemOperations) {
    this.#clock = clock;
    this.#catalog = catalog;
    this.#database = database;
    this.#items = items;
  }

  async load(): Promise<void> {
    for (const name of this.#catalog.names()) await this.loadTable(name);
  }

  /** Reads all expiries of a table, after a start or a change of the setting. */
  async loadTable(name: string): Promise<void> {
    this.#expiries.delete(name);
    const attribute = this.#catalog.settings(name).timeToLive?.attribute;
    if (!attribute) return;
    const prefix = itemPrefix(name);
    this.#expiries.set(name, new Map());
    for await (const [key, item] of this.#database.entries(prefix)) this.#note(name, key.slice(prefix.length), item as Item);
  }

  record(changes: ItemChange[]): void {
    for (const { table, key, after } of changes) if (this.#expiries.has(table)) this.#note(table, key, after);
  }

  close(): void {
    this.#timer?.cancel();
  }

  #note(table: string, key: string, item: Item | undefined): void {
    const expiry = this.#expiryOf(table, item);
    if (expiry === undefined) {
      this.#expiries.get(table)?.delete(key);
      return;
    }
    this.#expiries.get(table)?.set(key, expiry);
    this.#arm(expiry);
  }

  #expiryOf(table: string, item: Item | undefined): number | undefined {
    const attribute = this.#catalog.settings(table).timeToLive?.attribute;
    const seconds = attribute ? Number(item?.[attribute]?.N ?? Number.NaN) : Number.NaN;
    const expiry = seconds * 1000;
    return Number.isFinite(expiry) && expiry > this.#clock.now() - OLDEST_MS ? expiry : undefined;
  }

  /** One timer, at the full minute after the earliest expiry: an idle table costs nothing and `advance` stops only where something expires. */
  #arm(expiry: number): void {
    const at = Math.max(Math.floor(expiry / MINUTE_MS) + 1, Math.floor(this.#clock.now() / MINUTE_MS) + 1) * MINUTE_MS;
    if (at >= this.#armedFor) return;
    this.#timer?.cancel();
    this.#armedFor = at;
    this.#timer = this.#clock.at(at, () => this.#sweep());
  }

  async #sweep(): Promise<void> {
    this.#armedFor = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    for (const [table, keys] of this.#expiries) {
      for (const [key, expiry] of keys) if (expiry <= now) await this.#expire(table, key, now);
    }
    let next = Number.POSITIVE_INFINITY;
    for (const keys of this.#expiries.values()) for (const expiry of keys.values()) next = Math.min(next, expiry);
    if (Number.isFinite(next)) this.#arm(next);
  }

  async #expire(name: string, key: string, now: number): Promise<void> {
    await this.#items.write(
      (writes) => {
        const table = this.#catalog.find(name);
        const item = writes.get(itemPrefix(name) + key) as Item | undefined;
        const expiry = this.#expiryOf(name, item);
        // A write may have moved the expiry since the sweep began.
        if (!table || !item || expiry === undefined || expiry > now) {
          this.#note(name, key, item);
          return;
        }
        const Key = Object.fromEntries(table.KeySchema.map(({ AttributeName }) => [AttributeName, item[AttributeName]]));
        if (engine.createKey(item, table) === key) runWrite(deleteItem, this.#items.source, { TableName: name, Key }, writes);
      },
      undefined,
      true,
    );
  }
}
