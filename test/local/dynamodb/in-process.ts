/** The local DynamoDB called in process, with a table of partition key `pk`, sort key `sk`, and an index on `owner`. */
import { createDynamoDb, type DynamoDb } from '../../../local/dynamodb/dynamodb.ts';
import type { ResourceRequest } from '../../../local/service.ts';
import { makeContext, type TestContext } from '../context.ts';
import { requestOf } from './served-dynamodb.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers are compared with what is expected, not typed
export type Json = any;

export interface InProcess {
  context: TestContext;
  service: DynamoDb;
  call(operation: string, body: object): Promise<{ status: number; body: Json }>;
  /** Provisions table `main` with the further properties. */
  declare(properties?: object, type?: string): Promise<{ ref: string; attributes?: Record<string, string> }>;
  restart(): Promise<InProcess>;
  dispose(): Promise<void>;
}

const INDEX = {
  IndexName: 'byOwner',
  KeySchema: [{ AttributeName: 'owner', KeyType: 'HASH' }],
  Projection: { ProjectionType: 'ALL' },
};

export const MAIN = {
  TableName: 'main',
  BillingMode: 'PAY_PER_REQUEST',
  AttributeDefinitions: ['pk', 'sk', 'owner'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
  KeySchema: [
    { AttributeName: 'pk', KeyType: 'HASH' },
    { AttributeName: 'sk', KeyType: 'RANGE' },
  ],
  GlobalSecondaryIndexes: [INDEX],
};

export const item = (pk: string, more: object = {}) => ({ pk: { S: pk }, sk: { S: 'a' }, ...more });

export async function startDynamoDb(data?: string): Promise<InProcess> {
  const context = makeContext('dynamodb', data === undefined ? {} : { data });
  const service = await createDynamoDb(context);
  const resource = (type: string, properties: object): ResourceRequest => ({
    stack: 's',
    logicalId: 'Main',
    type,
    properties: properties as Record<string, unknown>,
    defaultName: 'generated-name',
    assembly: '',
    asset: () => undefined,
  });
  return {
    context,
    service,
    async call(operation, body) {
      const answer = await service.handle(requestOf(operation, body));
      return { status: answer.status, body: JSON.parse(String(answer.body)) };
    },
    declare: (properties = {}, type = 'AWS::DynamoDB::Table') => service.resources[type]!(resource(type, { ...MAIN, ...properties })),
    async restart() {
      await service.close?.();
      await context.stop();
      return startDynamoDb(context.data);
    },
    async dispose() {
      await service.close?.();
      await context.dispose();
    },
  };
}
