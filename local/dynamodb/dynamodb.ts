/**
 * The local DynamoDB: dynalite 4.0.0 for items, expressions and indexes, driven in process; own parts for transactions, time to live, streams
 * (as wake-ups), table settings and durability. Not supported, and answered as unknown operations: PartiQL, backups, exports, the streams API.
 * Provisioned capacity is described but never throttles; BatchWriteItem is atomic, which AWS does not promise; table ARNs are understood as
 * TableName, not as keys of RequestItems.
 */
import { join } from 'node:path';
import type { CloudContext, LocalService, ServiceRequest, ServiceResponse } from '../service.ts';
import { Authorization } from './authorization.ts';
import { Catalog } from './catalog.ts';
import { Database } from './database.ts';
import { DynamoDbError, errorAnswer, json } from './dynamodb-error.ts';
import { ItemOperations } from './item-operations.ts';
import { TableProvisioning } from './provisioning.ts';
import { type DynamoDbRequest, RequestReader } from './request.ts';
import { type StreamListener, Streams } from './streams.ts';
import { tableArn } from './table-definition.ts';
import { TableOperations } from './table-operations.ts';
import { TimeToLive } from './time-to-live.ts';
import { Transactions } from './transactions.ts';

export interface DynamoDb extends LocalService {
  /** Hands every later change record of the stream to the listener, in order; see streams.ts. */
  subscribe(streamArn: string, listener: StreamListener): void;
}

/** Opens the tables kept under `context.folder`. */
export async function createDynamoDb(context: CloudContext): Promise<DynamoDb> {
  const database = await Database.open(join(context.folder, 'level'));
  const catalog = new Catalog(database);
  await catalog.load();
  const reader = new RequestReader(database.options, tableArn(context, ''));
  const streams = new Streams(context, catalog);
  const items: ItemOperations = new ItemOperations(database, catalog, (changes, byTimeToLive) => {
    streams.record(changes, byTimeToLive);
    timeToLive.record(changes);
  });
  const timeToLive: TimeToLive = new TimeToLive(context.clock, catalog, database, items);
  const transactions = new Transactions(database, catalog, items, context.clock);
  const tables = new TableOperations(context, catalog, reader, timeToLive);
  const provisioning = new TableProvisioning(context, catalog, tables);
  const authorization = new Authorization(catalog, (table) => tableArn(context, table));
  await transactions.load();
  await timeToLive.load();

  const run = ({ operation, raw, data, actions, error }: DynamoDbRequest): Promise<unknown> => {
    if (error) throw error;
    if (data && items.has(operation)) return items.run(operation, data);
    if (actions) return operation === 'TransactGetItems' ? transactions.read(actions) : transactions.write(raw, actions);
    if (tables.has(operation)) return tables.run(operation, raw);
    context.log('DynamoDB operation is not supported', { operation });
    throw new DynamoDbError('UnknownOperationException', `The local DynamoDB does not support ${operation}`);
  };

  return {
    name: 'dynamodb',
    scopes: ['dynamodb'],
    resources: { 'AWS::DynamoDB::Table': provisioning.table, 'AWS::DynamoDB::GlobalTable': provisioning.globalTable },
    operation: (request) => reader.read(request).operation,
    checks: (request) => authorization.checks(reader.read(request)),
    async handle(request: ServiceRequest): Promise<ServiceResponse> {
      try {
        return json(200, await run(reader.read(request)));
      } catch (error) {
        if (error instanceof DynamoDbError) return errorAnswer(error);
        context.log('DynamoDB failed', { error: String((error as Error).stack ?? error) });
        return errorAnswer({ status: 500, code: 'InternalServerError', message: 'Internal server error' });
      }
    },
    errorResponse: (_request, error) => errorAnswer(error),
    resourcePolicy(arn) {
      const [table = ''] = arn.slice(tableArn(context, '').length).split('/');
      return arn.startsWith(tableArn(context, '')) ? catalog.settings(table).resourcePolicy : undefined;
    },
    async close() {
      timeToLive.close();
      await database.close();
    },
    subscribe: (streamArn, listener) => streams.subscribe(streamArn, listener),
  };
}
