/** The state table in DynamoDB: typed reads and transactions. Every other adapter of state goes through here. */
import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactionCanceledException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { Fault } from '../../core/errors.ts';
import { VersionConflict } from '../../core/promotion/ports.ts';

export type Item = Record<string, unknown>;

/** A condition in the words of DynamoDB. Names beginning with `#` and values with `:` are taken from the two maps. */
export interface Condition {
  expression: string;
  names?: Record<string, string>;
  values?: Record<string, unknown>;
}

export type Write =
  | { put: Item; condition?: Condition }
  | {
      update: { pk: string; sk: string };
      expression: string;
      condition?: Condition;
      names?: Record<string, string>;
      values?: Record<string, unknown>;
    }
  | { remove: { pk: string; sk: string }; condition?: Condition }
  | { check: { pk: string; sk: string }; condition: Condition };

export interface QueryOptions {
  pk: string;
  /** Sort keys that begin so. */
  prefix?: string;
  /** Sort keys from the first to the second, both included. Not together with `prefix`. */
  between?: readonly [string, string];
  index?: 'LISTING' | 'OPEN' | 'OUTCOMES';
  /** Newest first. */
  descending?: boolean;
  limit?: number;
  filter?: Condition;
  startKey?: Item;
}

export interface Page {
  items: Item[];
  lastKey?: Item;
}

export interface Table {
  get(pk: string, sk: string): Promise<Item | undefined>;
  query(options: QueryOptions): Promise<Page>;
  /** All pages of a query: for partitions that are small by design. */
  all(options: QueryOptions): Promise<Item[]>;
  put(item: Item, condition?: Condition): Promise<void>;
  update(write: Extract<Write, { update: unknown }>): Promise<Item>;
  remove(pk: string, sk: string, condition?: Condition): Promise<void>;
  /** All or nothing. A failed condition or a lost race is a VersionConflict that carries the index of the write that failed. */
  transact(writes: readonly Write[]): Promise<void>;
}

/** The row is as it was read: of rows that count their writes by the hash of their last audit line. */
export function unchanged(row: Item | undefined): Condition {
  if (!row) return { expression: 'attribute_not_exists(PK)' };
  return { expression: 'lastLine = :before', values: { ':before': row['lastLine'] } };
}

/** Partition and sort key of each index. */
const INDEX_KEYS = { LISTING: ['GPK', 'GSK'], OPEN: ['OPK', 'OSK'], OUTCOMES: ['GPK', 'outcomeAt'] } as const;
/** Bytes of a key, by DynamoDB. */
const LONGEST_KEY = { partition: 2_048, sort: 1_024 } as const;
const MARSHALL = { removeUndefinedValues: true } as const;
/**
 * `maxAttempts`: how often a transaction that lost against another on the same item is tried again by the SDK before we see it.
 * `cacheMiddleware`: the chain of each command is built once and not for every call; nobody changes it.
 */
const CLIENT = { maxAttempts: 5, cacheMiddleware: true };

/** Table named by the environment variable `TABLE_NAME`. */
export function openTable(name: string = requiredVariable('TABLE_NAME'), client = quietClient()): Table {
  const key = (pk: string, sk: string) => marshall({ PK: pk, SK: sk });

  const query = async (options: QueryOptions): Promise<Page> => {
    const [partition, sort] = options.index ? INDEX_KEYS[options.index] : (['PK', 'SK'] as const);
    const answer = await answered(() =>
      client.send(
        new QueryCommand({
          TableName: name,
          ...(options.index ? { IndexName: options.index } : { ConsistentRead: true }),
          KeyConditionExpression: keyCondition(options),
          ...(options.filter ? { FilterExpression: options.filter.expression } : {}),
          ExpressionAttributeNames: {
            '#pk': partition,
            ...(options.prefix === undefined && options.between === undefined ? {} : { '#sk': sort }),
            ...options.filter?.names,
          },
          ExpressionAttributeValues: marshall(
            {
              ':pk': options.pk,
              ...(options.prefix === undefined ? {} : { ':prefix': options.prefix }),
              ...(options.between === undefined ? {} : { ':low': options.between[0], ':high': options.between[1] }),
              ...options.filter?.values,
            },
            MARSHALL,
          ),
          ScanIndexForward: !options.descending,
          ...(options.limit === undefined ? {} : { Limit: options.limit }),
          ...(options.startKey ? { ExclusiveStartKey: marshall(options.startKey) } : {}),
        }),
      ),
    );
    const lastKey = answer.LastEvaluatedKey ? unmarshall(answer.LastEvaluatedKey) : undefined;
    return { items: (answer.Items ?? []).map((item) => unmarshall(item)), ...(lastKey ? { lastKey } : {}) };
  };

  return {
    async get(pk, sk) {
      // What callers name may be of any length: nothing lies under a key that the table cannot have.
      if (Buffer.byteLength(pk) > LONGEST_KEY.partition || Buffer.byteLength(sk) > LONGEST_KEY.sort) return undefined;
      const answer = await answered(() => client.send(new GetItemCommand({ TableName: name, Key: key(pk, sk), ConsistentRead: true })));
      return answer.Item ? unmarshall(answer.Item) : undefined;
    },
    query,
    async all(options) {
      const items: Item[] = [];
      let startKey: Item | undefined;
      do {
        const page = await query({ ...options, ...(startKey ? { startKey } : {}) });
        items.push(...page.items);
        startKey = page.lastKey;
      } while (startKey);
      return items;
    },
    async put(item, condition) {
      await answered(() => client.send(new PutItemCommand({ TableName: name, Item: marshall(item, MARSHALL), ...conditionOf(condition) })));
    },
    async update(write) {
      const answer = await answered(() =>
        client.send(
          new UpdateItemCommand({
            TableName: name,
            Key: key(write.update.pk, write.update.sk),
            ...updateOf(write),
            ReturnValues: 'ALL_NEW',
          }),
        ),
      );
      return unmarshall(answer.Attributes ?? {});
    },
    async remove(pk, sk, condition) {
      await answered(() => client.send(new DeleteItemCommand({ TableName: name, Key: key(pk, sk), ...conditionOf(condition) })));
    },
    async transact(writes) {
      const TransactItems = writes.map((write): TransactWriteItem => {
        if ('put' in write) return { Put: { TableName: name, Item: marshall(write.put, MARSHALL), ...conditionOf(write.condition) } };
        if ('update' in write) return { Update: { TableName: name, Key: key(write.update.pk, write.update.sk), ...updateOf(write) } };
        if ('remove' in write)
          return { Delete: { TableName: name, Key: key(write.remove.pk, write.remove.sk), ...conditionOf(write.condition) } };
        const condition = { ConditionExpression: write.condition.expression, ...conditionOf(write.condition) };
        return { ConditionCheck: { TableName: name, Key: key(write.check.pk, write.check.sk), ...condition } };
      });
      await answered(() => client.send(new TransactWriteItemsCommand({ TransactItems })));
    },
  };
}

/** A client that does not copy what is sent and received for a log that nobody reads: every call of every request would pay for it. */
function quietClient(): DynamoDBClient {
  const client = new DynamoDBClient(CLIENT);
  client.middlewareStack.remove('loggerMiddleware');
  return client;
}

function keyCondition({ prefix, between }: QueryOptions): string {
  if (between !== undefined) return '#pk = :pk AND #sk BETWEEN :low AND :high';
  return prefix === undefined ? '#pk = :pk' : '#pk = :pk AND begins_with(#sk, :prefix)';
}

function conditionOf(condition: Condition | undefined) {
  if (!condition) return {};
  return {
    ConditionExpression: condition.expression,
    ...(condition.names ? { ExpressionAttributeNames: condition.names } : {}),
    ...(condition.values ? { ExpressionAttributeValues: marshall(condition.values, MARSHALL) } : {}),
  };
}

function updateOf(write: Extract<Write, { update: unknown }>) {
  const names = { ...write.names, ...write.condition?.names };
  const values = { ...write.values, ...write.condition?.values };
  return {
    UpdateExpression: write.expression,
    ...(write.condition ? { ConditionExpression: write.condition.expression } : {}),
    ...(Object.keys(names).length > 0 ? { ExpressionAttributeNames: names } : {}),
    ...(Object.keys(values).length > 0 ? { ExpressionAttributeValues: marshall(values, MARSHALL) } : {}),
  };
}

/** A write that failed its condition (`isRefused`), or met another one on the same row. `index` is its place in the transaction, 0 for single writes. */
export class WriteConflict extends VersionConflict {
  readonly index: number;
  readonly isRefused: boolean;
  constructor(index: number, isRefused: boolean, cause: unknown) {
    super(isRefused ? `write ${index} failed its condition` : `write ${index} met another one`, { cause });
    this.index = index;
    this.isRefused = isRefused;
  }
}

/** Translates a lost race into a WriteConflict and an outage into the fault UNAVAILABLE; anything else is a mistake of ours and stays as it is. */
async function answered<Answer>(send: () => Promise<Answer>): Promise<Answer> {
  try {
    return await send();
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) throw new WriteConflict(0, true, error);
    const reasons = error instanceof TransactionCanceledException ? (error.CancellationReasons ?? []) : [];
    const [refused, met] = ['ConditionalCheckFailed', 'TransactionConflict'].map((code) => reasons.findIndex(({ Code }) => Code === code));
    if (refused! >= 0) throw new WriteConflict(refused!, true, error);
    if (met! >= 0) throw new WriteConflict(met!, false, error);
    if (isUnavailable(error) || reasons.some(({ Code }) => Code !== undefined && BUSY.has(Code))) {
      throw new Fault('UNAVAILABLE', 'the state table does not answer', { cause: error });
    }
    throw error;
  }
}

/** Words of DynamoDB for "too much at once", as names of errors and as reasons of a cancelled transaction. */
const BUSY: ReadonlySet<string> = new Set([
  'ThrottlingException',
  'ThrottlingError',
  'ProvisionedThroughputExceeded',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
]);

/** An answer of 5xx, throttling, or no answer at all: then there is no status, but a system error or a time-out. */
export function isUnavailable(error: unknown): boolean {
  const { name, code, $metadata } = error as { name?: string; code?: string; $metadata?: { httpStatusCode?: number } };
  if (($metadata?.httpStatusCode ?? 0) >= 500 || BUSY.has(name ?? '')) return true;
  return name === 'TimeoutError' || /^(?:ECONN|EPIPE|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH)/.test(code ?? '');
}

/** Value of an environment variable that the stack must set. */
export function requiredVariable(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`environment variable ${name} is not set`);
  return value;
}
