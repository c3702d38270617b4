/** The state table in the local DynamoDB, with the key schema and indexes of the stack. */
import { fileURLToPath } from 'node:url';
import { openTable, type Table } from '../../../adapters/state/table.ts';
import type { Clock } from '../../../core/promotion/ports.ts';
import { type ServedDynamoDb, serveDynamoDb } from '../../local/dynamodb/served-dynamodb.ts';

export interface ServedTable {
  name: string;
  table: Table;
  served: ServedDynamoDb;
  /** Moves when a test says so; every `now` is a millisecond later, so that rows have an order. */
  clock: Clock & { set(iso: string): void };
  stop(): Promise<void>;
}

/** The table as the stack declares it: test/project/stacks.test.ts compares the two. */
export const STATE_TABLE = {
  BillingMode: 'PAY_PER_REQUEST',
  AttributeDefinitions: ['PK', 'SK', 'GPK', 'GSK', 'OPK', 'OSK', 'outcomeAt'].map((AttributeName) => ({
    AttributeName,
    AttributeType: 'S',
  })),
  KeySchema: [
    { AttributeName: 'PK', KeyType: 'HASH' },
    { AttributeName: 'SK', KeyType: 'RANGE' },
  ],
  GlobalSecondaryIndexes: [
    {
      IndexName: 'LISTING',
      KeySchema: [
        { AttributeName: 'GPK', KeyType: 'HASH' },
        { AttributeName: 'GSK', KeyType: 'RANGE' },
      ],
      Projection: { ProjectionType: 'ALL' },
    },
    {
      IndexName: 'OPEN',
      KeySchema: [
        { AttributeName: 'OPK', KeyType: 'HASH' },
        { AttributeName: 'OSK', KeyType: 'RANGE' },
      ],
      Projection: { ProjectionType: 'ALL' },
    },
    {
      IndexName: 'OUTCOMES',
      KeySchema: [
        { AttributeName: 'GPK', KeyType: 'HASH' },
        { AttributeName: 'outcomeAt', KeyType: 'RANGE' },
      ],
      Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['phase', 'requesterKey', 'approvedAt', 'rejectedAt', 'deployedAt'] },
    },
  ],
};

export async function serveTable(name = 'state'): Promise<ServedTable> {
  const served = await serveDynamoDb();
  await served.service.resources['AWS::DynamoDB::Table']!({
    stack: 'State',
    logicalId: 'Table',
    type: 'AWS::DynamoDB::Table',
    defaultName: name,
    assembly: fileURLToPath(new URL('.', import.meta.url)),
    asset: () => undefined,
    properties: { TableName: name, ...STATE_TABLE },
  });
  let time = Date.parse('2026-11-20T12:00:00.000Z');
  return {
    name,
    served,
    table: openTable(name, served.client),
    clock: {
      now: () => new Date(time++),
      set: (iso) => {
        time = Date.parse(iso);
      },
    },
    async stop() {
      await served.stop();
      await served.context.dispose();
    },
  };
}
