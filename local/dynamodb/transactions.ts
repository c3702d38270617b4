/**
 * TransactWriteItems and TransactGetItems, which dynalite lacks. All actions are computed on one write set in one turn of the event loop and
 * committed as one batch together with the client token, so nobody sees half a transaction, also after kill -9. TransactionConflict never happens.
 */
import { createHash } from 'node:crypto';
import deleteItem from 'dynalite/actions/deleteItem.js';
import putItem from 'dynalite/actions/putItem.js';
import updateItem from 'dynalite/actions/updateItem.js';
import engine, { type Item } from 'dynalite/db/index.js';
import type { Clock } from '../clock.ts';
import type { Catalog } from './catalog.ts';
import type { Database } from './database.ts';
import { DynamoDbError, fromEngine, tableNotFound, validation } from './dynamodb-error.ts';
import { type Action, runWrite } from './engine-store.ts';
import { type ItemOperations, isConditionFailure } from './item-operations.ts';
import type { Data, TransactAction } from './request.ts';
import { itemPrefix, type WriteSet } from './write-set.ts';

interface Reason {
  Code: string;
  Message?: string;
  Item?: Item;
}

/** AWS: a client token counts for ten minutes. */
const TOKEN_LIFE_MS = 10 * 60_000;
/** AWS: 4 MB for all items of a transaction. */
const MOST_BYTES = 4 * 1024 * 1024;
const TOKEN = 'token~';
const ACTIONS: Record<string, Action> = { Put: putItem, Update: updateItem, Delete: deleteItem };

export class Transactions {
  readonly #database: Database;
  readonly #catalog: Catalog;
  readonly #items: ItemOperations;
  readonly #clock: Clock;

  constructor(database: Database, catalog: Catalog, items: ItemOperations, clock: Clock) {
    this.#database = database;
    this.#catalog = catalog;
    this.#items = items;
    this.#clock = clock;
  }

  /** Forgets client tokens that no longer count. */
  async load(): Promise<void> {
    const old: string[] = [];
    for await (const [key, value] of this.#database.entries(TOKEN)) {
      if ((value as { until: number }).until <= this.#clock.now()) old.push(key);
    }
    await this.#database.commit(old.map((key) => ({ type: 'del', key })));
  }

  async write(raw: Data, actions: TransactAction[]): Promise<unknown> {
    const token = clientToken(raw.ClientRequestToken);
    const digest = createHash('sha256').update(JSON.stringify(raw.TransactItems)).digest('base64');
    let repeated = false;
    await this.#items.write(
      (writes) => {
        const known = token ? (this.#database.latest(TOKEN + token) as { digest: string; until: number } | undefined) : undefined;
        if (known && known.until > this.#clock.now()) {
          if (known.digest !== digest) {
            throw new DynamoDbError('IdempotentParameterMismatchException', 'The client token was used with other parameters');
          }
          repeated = true;
          return;
        }
        this.#apply(actions, writes);
      },
      () => {
        if (!token || repeated) return [];
        return [{ type: 'put', key: TOKEN + token, value: { digest, until: this.#clock.now() + TOKEN_LIFE_MS } }];
      },
    );
    return raw.ReturnConsumedCapacity === 'TOTAL' || raw.ReturnConsumedCapacity === 'INDEXES'
      ? { ConsumedCapacity: capacityOf(actions) }
      : {};
  }

  async read(actions: TransactAction[]): Promise<unknown> {
    const keys = this.#keysOf(actions);
    const reasons = keys.map((key): Reason => (typeof key === 'string' ? { Code: 'None' } : key));
    if (keys.some((key) => typeof key !== 'string')) throw cancelled(reasons);
    const items = (await this.#database.snapshot(keys as string[])) as (Item | undefined)[];
    return {
      Responses: items.map((item, index) => {
        if (!item) return {};
        const projection = actions[index]!.data._projection as { paths: unknown[] } | undefined;
        return { Item: projection ? engine.mapPaths(projection.paths, item) : item };
      }),
    };
  }

  #apply(actions: TransactAction[], writes: WriteSet): void {
    this.#keysOf(actions);
    const reasons = actions.map((action): Reason => {
      try {
        this.#applyOne(action, writes);
        return { Code: 'None' };
      } catch (error) {
        const { code, message } = fromEngine(error);
        if (isConditionFailure(error)) {
          const shown = action.data.ReturnValuesOnConditionCheckFailure === 'ALL_OLD' && writes.lastRead;
          return { Code: 'ConditionalCheckFailed', Message: message, ...(shown ? { Item: shown } : {}) };
        }
        if (code === 'ValidationException') return { Code: 'ValidationError', Message: message };
        throw fromEngine(error);
      }
    });
    if (reasons.some((reason) => reason.Code !== 'None')) throw cancelled(reasons);
    const bytes = writes.changes.reduce((sum, { before, after }) => sum + engine.itemSize(after ?? before ?? {}), 0);
    if (bytes > MOST_BYTES) throw validation('The aggregate size of the items in the transaction exceeds 4 MB');
  }

  #applyOne({ kind, data }: TransactAction, writes: WriteSet): void {
    if (kind !== 'ConditionCheck') {
      runWrite(ACTIONS[kind]!, this.#items.source, data, writes);
      return;
    }
    const table = this.#catalog.get(data.TableName as string);
    const invalid = engine.validateKey(data.Key as Item, table);
    if (invalid) throw invalid;
    const failed = engine.checkConditional(data, writes.readItem(table.TableName, engine.createKey(data.Key as Item, table)));
    if (failed) throw failed;
  }

  /** Full keys of the items; for a key that does not fit the table the reason. Throws when a table is missing or an item is named twice. */
  #keysOf(actions: TransactAction[]): (string | Reason)[] {
    const seen = new Set<string>();
    return actions.map(({ kind, data }) => {
      const table = this.#catalog.find(data.TableName as string);
      if (!table) throw tableNotFound();
      const names = new Set(table.KeySchema.map((element) => element.AttributeName));
      const given = (kind === 'Put' ? data.Item : data.Key) as Item;
      const key = kind === 'Put' ? Object.fromEntries(Object.entries(given).filter(([name]) => names.has(name))) : given;
      const invalid = engine.validateKey(key, table);
      if (invalid) return { Code: 'ValidationError', Message: invalid.message };
      const full = itemPrefix(table.TableName) + engine.createKey(key, table);
      if (seen.has(full)) throw validation('Transaction request cannot include multiple operations on one item');
      seen.add(full);
      return full;
    });
  }
}

function cancelled(reasons: Reason[]): DynamoDbError {
  const codes = reasons.map((reason) => reason.Code).join(', ');
  return new DynamoDbError(
    'TransactionCanceledException',
    `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`,
    // AWS spells it so, and sends both spellings of the message.
    {
      CancellationReasons: reasons,
      Message: `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`,
    },
  );
}

function clientToken(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && value.length >= 1 && value.length <= 36) return value;
  throw validation(
    "1 validation error detected: Value at 'clientRequestToken' failed to satisfy constraint: " +
      'Member must have length less than or equal to 36 and greater than or equal to 1',
  );
}

/** A transactional write counts double; the size of the items is not looked at. */
function capacityOf(actions: TransactAction[]): { TableName: string; CapacityUnits: number }[] {
  const units = new Map<string, number>();
  for (const { data } of actions) units.set(data.TableName as string, (units.get(data.TableName as string) ?? 0) + 2);
  return [...units].map(([TableName, CapacityUnits]) => ({ TableName, CapacityUnits }));
}
