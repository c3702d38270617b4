/**
 * What IAM must allow for a request. Keys, names and expressions are the caller's: they are read from the validated request that is executed
 * afterwards, and a request that does not validate gets a check without leading keys, which policies with `Null: false` deny.
 */
import type { AttributeValue, Item, Table } from 'dynalite/db/index.js';
import type { IamCheck } from '../service.ts';
import type { Catalog } from './catalog.ts';
import { type Data, type DynamoDbRequest, isRecord, type TransactAction } from './request.ts';

type Conditions = NonNullable<IamCheck['context']>;

const TRANSACT_ACTIONS: Record<TransactAction['kind'], string> = {
  Put: 'PutItem',
  Update: 'UpdateItem',
  Delete: 'DeleteItem',
  ConditionCheck: 'ConditionCheckItem',
  Get: 'GetItem',
};
/** Operations whose action has no resource. */
const WITHOUT_RESOURCE = new Set(['ListTables', 'DescribeLimits', 'DescribeEndpoints', 'ListBackups', 'ListGlobalTables']);
const PARTIQL = new Set(['ExecuteStatement', 'BatchExecuteStatement', 'ExecuteTransaction']);

export class Authorization {
  readonly #catalog: Catalog;
  readonly #arn: (table: string) => string;

  constructor(catalog: Catalog, arn: (table: string) => string) {
    this.#catalog = catalog;
    this.#arn = arn;
  }

  checks({ operation, raw, data, actions, error }: DynamoDbRequest): IamCheck[] {
    if (operation === 'TransactWriteItems' || operation === 'TransactGetItems') {
      if (actions) return actions.map((action) => this.#ofAction(action, operation));
      return [{ action: `dynamodb:${operation === 'TransactGetItems' ? 'GetItem' : 'PutItem'}`, resource: this.#arn('*') }];
    }
    if (PARTIQL.has(operation)) return [{ action: partiqlAction(raw), resource: this.#arn('*') }];
    const action = `dynamodb:${operation || 'Unknown'}`;
    if (WITHOUT_RESOURCE.has(operation)) return [{ action, resource: '*' }];
    if (operation === 'BatchGetItem' || operation === 'BatchWriteItem') return this.#ofBatch(action, raw, data);
    return [{ action, resource: this.#resource(raw), ...(data && !error ? { context: this.#conditions(operation, data) } : {}) }];
  }

  #resource(raw: Data): string {
    if (typeof raw.ResourceArn === 'string') return raw.ResourceArn;
    const table = this.#arn(typeof raw.TableName === 'string' ? raw.TableName : '*');
    return typeof raw.IndexName === 'string' ? `${table}/index/${raw.IndexName}` : table;
  }

  #ofAction({ kind, data }: TransactAction, operation: string): IamCheck {
    const item = (kind === 'Put' ? data.Item : data.Key) as Item | undefined;
    return {
      action: `dynamodb:${TRANSACT_ACTIONS[kind]}`,
      resource: this.#arn(String(data.TableName)),
      context: {
        ...this.#leadingKeys(String(data.TableName), [item]),
        ...attributes(data),
        'dynamodb:EnclosingOperation': operation,
      },
    };
  }

  /** One check per table, with the leading keys of all its items. */
  #ofBatch(action: string, raw: Data, data: Data | undefined): IamCheck[] {
    const requested = data?.RequestItems ?? raw.RequestItems;
    if (!isRecord(requested) || Object.keys(requested).length === 0) return [{ action, resource: this.#arn('*') }];
    return Object.entries(requested).map(([table, wanted]) => ({
      action,
      resource: this.#arn(table),
      ...(data ? { context: this.#leadingKeys(table, itemsOf(wanted)) } : {}),
    }));
  }

  #conditions(operation: string, data: Data): Conditions {
    const name = String(data.TableName);
    const item = (operation === 'PutItem' ? data.Item : data.Key) as Item | undefined;
    return {
      ...(operation === 'Query' ? this.#queriedKey(name, data) : operation === 'Scan' ? {} : this.#leadingKeys(name, [item])),
      ...attributes(data),
      ...(typeof data.Select === 'string' ? { 'dynamodb:Select': data.Select } : {}),
      ...(typeof data.ReturnValues === 'string' ? { 'dynamodb:ReturnValues': data.ReturnValues } : {}),
    };
  }

  /** Absent when any item lacks the partition key: a policy must not judge by the others. */
  #leadingKeys(name: string, items: (Item | undefined)[]): Conditions {
    const table = this.#catalog.find(name);
    const attribute = table?.KeySchema[0]?.AttributeName;
    const keys = items.map((item) => (attribute ? keyString(table, attribute, item?.[attribute]) : undefined));
    return keys.length > 0 && keys.every((key) => key !== undefined) ? { 'dynamodb:LeadingKeys': keys as string[] } : {};
  }

  /** The partition key value of the table or index that is queried. dynalite has turned the expression into KeyConditions. */
  #queriedKey(name: string, data: Data): Conditions {
    const table = this.#catalog.find(name);
    const indexes = [...(table?.GlobalSecondaryIndexes ?? []), ...(table?.LocalSecondaryIndexes ?? [])];
    const schema = data.IndexName === undefined ? table?.KeySchema : indexes.find((index) => index.IndexName === data.IndexName)?.KeySchema;
    const attribute = schema?.[0]?.AttributeName;
    const condition = attribute
      ? (data.KeyConditions as Record<string, { ComparisonOperator: string; AttributeValueList?: AttributeValue[] }>)[attribute]
      : undefined;
    if (!table || !attribute || condition?.ComparisonOperator !== 'EQ') return {};
    const key = keyString(table, attribute, condition.AttributeValueList?.[0]);
    return key === undefined ? {} : { 'dynamodb:LeadingKeys': [key] };
  }
}

/** The value as policies compare it: strings and numbers as they are, binary as base64. Undefined when it is not of the key's type. */
function keyString(table: Table | undefined, attribute: string, value: AttributeValue | undefined): string | undefined {
  const type = table?.AttributeDefinitions.find((definition) => definition.AttributeName === attribute)?.AttributeType;
  const key = type ? value?.[type] : undefined;
  return typeof key === 'string' && key !== '' ? key : undefined;
}

function itemsOf(wanted: unknown): (Item | undefined)[] {
  if (Array.isArray(wanted)) {
    return wanted.map((entry) => (entry?.PutRequest?.Item ?? entry?.DeleteRequest?.Key) as Item | undefined);
  }
  return isRecord(wanted) && Array.isArray(wanted.Keys) ? (wanted.Keys as Item[]) : [undefined];
}

interface Parsed {
  pathHeads?: Record<string, true>;
  paths?: unknown[][];
  sections?: { path: unknown[] }[];
}

/** Top-level attributes that the request names; absent when it names none but asks for whole items. */
function attributes(data: Data): Conditions {
  const names = new Set<string>([
    ...Object.keys((data.Item ?? data.Key ?? {}) as object),
    ...Object.keys((data.KeyConditions ?? {}) as object),
    ...Object.keys((data.AttributeUpdates ?? {}) as object),
    ...Object.keys((data.Expected ?? {}) as object),
    ...((data.AttributesToGet ?? []) as string[]),
  ]);
  for (const parsed of [data._condition, data._filter, data._projection, data._updates] as (Parsed | undefined)[]) {
    for (const head of Object.keys(parsed?.pathHeads ?? {})) names.add(head);
    for (const path of parsed?.paths ?? []) names.add(String(Array.isArray(path) ? path[0] : path));
    for (const { path } of parsed?.sections ?? []) names.add(String(path[0]));
  }
  return names.size > 0 ? { 'dynamodb:Attributes': [...names] } : {};
}

function partiqlAction(raw: Data): string {
  const word =
    String(raw.Statement ?? '')
      .trim()
      .split(/\s/)[0]
      ?.toLowerCase() ?? '';
  const verb = { insert: 'Insert', update: 'Update', delete: 'Delete' }[word] ?? 'Select';
  return `dynamodb:PartiQL${verb}`;
}
