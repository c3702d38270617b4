/** A DynamoDB request, parsed and validated once: authorization and execution must see the very same values. */
import type { StoreOptions } from 'dynalite/db/index.js';
import batchGetItem from 'dynalite/validations/batchGetItem.js';
import batchWriteItem from 'dynalite/validations/batchWriteItem.js';
import createTable from 'dynalite/validations/createTable.js';
import deleteItem from 'dynalite/validations/deleteItem.js';
import getItem from 'dynalite/validations/getItem.js';
import validations from 'dynalite/validations/index.js';
import listTables from 'dynalite/validations/listTables.js';
import putItem from 'dynalite/validations/putItem.js';
import query from 'dynalite/validations/query.js';
import scan from 'dynalite/validations/scan.js';
import updateItem from 'dynalite/validations/updateItem.js';
import type { ServiceRequest } from '../service.ts';
import { DynamoDbError, fromEngine, validation } from './dynamodb-error.ts';

export interface Shape {
  types: Record<string, unknown>;
  custom?: unknown;
}

export type Data = Record<string, unknown>;

/** One action of a transaction. */
export interface TransactAction {
  kind: 'Put' | 'Update' | 'Delete' | 'ConditionCheck' | 'Get';
  data: Data;
}

export interface DynamoDbRequest {
  operation: string;
  /** As received, with table ARNs replaced by names. */
  raw: Data;
  /** What dynalite's validation answered; absent when `error` is set or the operation is none of an item. */
  data?: Data;
  /** Actions of a transaction. */
  actions?: TransactAction[];
  /** What the execution will answer instead of running. */
  error?: DynamoDbError;
}

/** dynalite drops members that it does not know; this one decides whether a failed condition shows the item. */
const onFailure = { ReturnValuesOnConditionCheckFailure: { type: 'String', enum: ['ALL_OLD', 'NONE'] } };
const conditional = (shape: Shape): Shape => ({ ...shape, types: { ...shape.types, ...onFailure } });
const pick = (shape: Shape, names: string[], required: string): Shape => ({
  ...shape,
  types: {
    ...Object.fromEntries(Object.entries(shape.types).filter(([name]) => names.includes(name))),
    ...(required ? { [required]: { type: 'String', notNull: true } } : {}),
    ...onFailure,
  },
});
const EXPRESSION = ['TableName', 'ConditionExpression', 'ExpressionAttributeNames', 'ExpressionAttributeValues'];

export const TABLE_SHAPES = { CreateTable: createTable, ListTables: listTables };

const SHAPES: Record<string, Shape> = {
  GetItem: getItem,
  PutItem: conditional(putItem),
  UpdateItem: conditional(updateItem),
  DeleteItem: conditional(deleteItem),
  Query: query,
  Scan: scan,
  BatchGetItem: batchGetItem,
  BatchWriteItem: batchWriteItem,
};

const TRANSACT_SHAPES: Record<TransactAction['kind'], Shape> = {
  Put: pick(putItem, [...EXPRESSION, 'Item'], ''),
  Update: pick(updateItem, [...EXPRESSION, 'Key'], 'UpdateExpression'),
  Delete: pick(deleteItem, [...EXPRESSION, 'Key'], ''),
  ConditionCheck: pick(deleteItem, [...EXPRESSION, 'Key'], 'ConditionExpression'),
  Get: pick(getItem, ['TableName', 'Key', 'ProjectionExpression', 'ExpressionAttributeNames'], ''),
};
const WRITES = ['Put', 'Update', 'Delete', 'ConditionCheck'];
/** AWS: at most 100 actions in a transaction. */
const MOST_ACTIONS = 100;

export class RequestReader {
  readonly #options: StoreOptions;
  readonly #tableArn: string;
  readonly #read = new WeakMap<ServiceRequest, DynamoDbRequest>();

  /** `tableArn` is the beginning of every table ARN of this account and region. */
  constructor(options: StoreOptions, tableArn: string) {
    this.#options = options;
    this.#tableArn = tableArn;
  }

  read(request: ServiceRequest): DynamoDbRequest {
    let known = this.#read.get(request);
    if (!known) {
      known = this.#parse(request);
      this.#read.set(request, known);
    }
    return known;
  }

  /** Checks types and constraints as dynalite does; throws DynamoDbError. */
  validate(shape: Shape, raw: Data): Data {
    try {
      const data = validations.checkTypes(raw, shape.types);
      validations.checkValidations(data, shape.types, shape.custom, { options: this.#options });
      return data;
    } catch (error) {
      if ((error as { body?: unknown }).body) throw fromEngine(error);
      if (error instanceof DynamoDbError) throw error;
      // dynalite trips over some malformed values (null for a map, say); the values are the caller's, so this is his error.
      throw validation(`The request is malformed: ${(error as Error).message}`);
    }
  }

  #parse(request: ServiceRequest): DynamoDbRequest {
    const [version, operation = ''] = (request.headers['x-amz-target'] ?? '').split('.');
    const parsed: DynamoDbRequest = { operation, raw: {} };
    try {
      if (version !== 'DynamoDB_20120810') throw new DynamoDbError('UnknownOperationException', `${version} is not served`);
      parsed.raw = parseBody(request.body);
      refusePrototype(request.body, parsed.raw);
      this.#nameTables(parsed.raw);
      const shape = SHAPES[operation];
      if (shape) parsed.data = this.validate(shape, parsed.raw);
      if (operation === 'TransactWriteItems') parsed.actions = this.#actions(parsed.raw, WRITES);
      if (operation === 'TransactGetItems') parsed.actions = this.#actions(parsed.raw, ['Get']);
    } catch (error) {
      parsed.error = fromEngine(error);
    }
    return parsed;
  }

  #actions(raw: Data, kinds: string[]): TransactAction[] {
    const items = raw.TransactItems;
    if (!Array.isArray(items) || items.length === 0 || items.length > MOST_ACTIONS) {
      throw validation(
        "1 validation error detected: Value at 'transactItems' failed to satisfy constraint: " +
          `Member must have length less than or equal to ${MOST_ACTIONS} and greater than or equal to 1`,
      );
    }
    return items.map((item: unknown) => {
      const given = isRecord(item) ? Object.entries(item).filter(([kind, value]) => kinds.includes(kind) && isRecord(value)) : [];
      const [first] = given;
      if (given.length !== 1 || !first) {
        throw validation(`TransactItems can only contain one of ${kinds.join(', ')}`);
      }
      const kind = first[0] as TransactAction['kind'];
      // checkTypes deletes members in place; the idempotency check needs the request as it came.
      return { kind, data: this.validate(TRANSACT_SHAPES[kind], structuredClone(first[1]) as Data) };
    });
  }

  /** The SDK may name a table by its ARN. */
  #nameTables(raw: Data): void {
    const rename = (holder: unknown) => {
      if (!isRecord(holder) || typeof holder.TableName !== 'string') return;
      if (holder.TableName.startsWith(this.#tableArn)) holder.TableName = holder.TableName.slice(this.#tableArn.length);
    };
    rename(raw);
    if (Array.isArray(raw.TransactItems)) {
      for (const item of raw.TransactItems) if (isRecord(item)) for (const part of Object.values(item)) rename(part);
    }
  }
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parseBody(body: Buffer): Data {
  const text = body.toString();
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw new DynamoDbError('SerializationException', 'The request body is not JSON');
  }
  if (!isRecord(raw)) throw new DynamoDbError('SerializationException', 'Start of structure or map expected');
  return raw;
}

/** dynalite copies maps by assignment, where this name sets the prototype: a partition key could hide there from the policies. */
function refusePrototype(body: Buffer, raw: Data): void {
  if (/__proto__|\\u00/i.test(body.toString()) && namesPrototype(raw)) throw validation('The attribute name __proto__ is not supported');
}

function namesPrototype(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.hasOwn(value, '__proto__') || Object.values(value).some(namesPrototype);
}
