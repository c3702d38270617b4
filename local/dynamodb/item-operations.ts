/** Reads and writes of items: dynalite's actions over LevelDB, committed as one synced batch per request. */
import batchGetItem from 'dynalite/actions/batchGetItem.js';
import batchWriteItem from 'dynalite/actions/batchWriteItem.js';
import deleteItem from 'dynalite/actions/deleteItem.js';
import getItem from 'dynalite/actions/getItem.js';
import putItem from 'dynalite/actions/putItem.js';
import query from 'dynalite/actions/query.js';
import scan from 'dynalite/actions/scan.js';
import updateItem from 'dynalite/actions/updateItem.js';
import type { BatchOperation } from 'dynalite/db/index.js';
import type { Catalog } from './catalog.ts';
import type { Database } from './database.ts';
import { fromEngine } from './dynamodb-error.ts';
import { type Action, runRead, runWrite, type StoreSource } from './engine-store.ts';
import type { Data } from './request.ts';
import { type ItemChange, WriteSet } from './write-set.ts';

/** Told of every committed write, in the order of the commits. */
export type CommitListener = (changes: ItemChange[], byTimeToLive: boolean) => void;

const READS: Record<string, Action> = { GetItem: getItem, Query: query, Scan: scan, BatchGetItem: batchGetItem };
const WRITES: Record<string, Action> = {
  PutItem: putItem,
  UpdateItem: updateItem,
  DeleteItem: deleteItem,
  BatchWriteItem: batchWriteItem,
};

export class ItemOperations {
  readonly source: StoreSource;
  readonly #database: Database;
  readonly #catalog: Catalog;
  readonly #onCommit: CommitListener;

  constructor(database: Database, catalog: Catalog, onCommit: CommitListener) {
    this.#database = database;
    this.#catalog = catalog;
    this.#onCommit = onCommit;
    this.source = { database, table: (name) => catalog.find(name) };
  }

  has(operation: string): boolean {
    return operation in READS || operation in WRITES;
  }

  /** Answers the body of the operation; throws DynamoDbError. `data` is used up. */
  async run(operation: string, data: Data): Promise<unknown> {
    const read = READS[operation];
    if (read) {
      return runRead(read, this.source, data).catch((error) => {
        throw fromEngine(error);
      });
    }
    return this.write((writes) => {
      try {
        return runWrite(WRITES[operation]!, this.source, data, writes);
      } catch (error) {
        const shown = data.ReturnValuesOnConditionCheckFailure === 'ALL_OLD' && isConditionFailure(error);
        throw fromEngine(error, shown ? writes.lastRead : undefined);
      }
    });
  }

  /** Computes writes in one turn of the event loop and commits them as one; answers once they are on disk. */
  async write<T>(compute: (writes: WriteSet) => T, further: () => BatchOperation[] = () => [], byTimeToLive = false): Promise<T> {
    for (let busy = this.#catalog.busy; busy; busy = this.#catalog.busy) await busy;
    const writes = new WriteSet(this.#database);
    let answer: T;
    try {
      answer = compute(writes);
    } catch (error) {
      // What made the condition fail may still be on its way to disk: nobody may learn of it before it is there.
      await this.#database.commit([]);
      throw error;
    }
    await this.#database.commit([...writes.operations, ...further()]);
    this.#onCommit(writes.changes, byTimeToLive);
    return answer;
  }
}

export const isConditionFailure = (error: unknown): boolean =>
  String((error as { body?: { __type?: string } }).body?.__type).endsWith('#ConditionalCheckFailedException');
