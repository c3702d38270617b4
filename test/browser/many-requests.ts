/** Thousands of requests at once: rows as the product writes them, copied from one that it wrote, straight into the table. */
import { BatchWriteItemCommand, DynamoDBClient, GetItemCommand, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import type { FlowCloud } from '../flows/cloud.ts';

/** What one call may write, and how many are on their way at once. */
const [BATCH, LANES] = [25, 4];
const MINUTE_MS = 60_000;

/** Copies the head of a request that is over, `count` times; each copy is a minute older than the one before. */
export async function addRequests(cloud: FlowCloud, id: string, count: number): Promise<void> {
  const { aws: endpoint, awsAdmin: credentials } = cloud.endpoints;
  const client = new DynamoDBClient({ endpoint, credentials, region: 'eu-central-1' });
  const { TableNames = [] } = await client.send(new ListTablesCommand({}));
  const TableName = TableNames.find((name) => name.includes('StateTable'))!;
  const { Item } = await client.send(new GetItemCommand({ TableName, Key: marshall({ PK: `REQ#${id}`, SK: 'HEAD' }) }));
  const head = unmarshall(Item!) as Head;
  const newest = Date.parse(head.body.createdAt) - MINUTE_MS;
  const items = Array.from({ length: count }, (_, number) => copyOf(head, number, new Date(newest - number * MINUTE_MS).toISOString()));
  const batches = Array.from({ length: Math.ceil(count / BATCH) }, (_, at) => items.slice(at * BATCH, (at + 1) * BATCH));
  const write = async (): Promise<void> => {
    for (let batch = batches.pop(); batch; batch = batches.pop()) {
      const RequestItems = { [TableName]: batch.map((item) => ({ PutRequest: { Item: marshall(item) } })) };
      await client.send(new BatchWriteItemCommand({ RequestItems }));
    }
  };
  await Promise.all(Array.from({ length: LANES }, write));
  client.destroy();
}

interface Head {
  PK: string;
  GSK: string;
  body: { id: string; createdAt: string; requestedVersion: string; rollout?: unknown; copy?: unknown };
}

function copyOf(head: Head, number: number, createdAt: string): Head {
  const id = `PR-2025-${String(number + 1).padStart(5, '0')}`;
  // Without what lists do not show: it would only take time to write.
  const { rollout: _rollout, copy: _copy, ...shown } = head.body;
  return { ...head, PK: `REQ#${id}`, GSK: `${createdAt}#${id}`, body: { ...shown, id, createdAt, requestedVersion: `0.${number}.0` } };
}
