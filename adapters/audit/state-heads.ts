/** What the state table says was recorded, read by an operator with rights of their own: no function of ours may scan the table. */
import { type DynamoDBClient, paginateQuery, paginateScan } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { HeadOfRequest } from '../../core/audit/reconcile.ts';
import { HEAD, OUTBOX, requestKey } from '../state/keys.ts';

/** Newest event of every request, as its head names it. */
export async function headsOfRequests(client: DynamoDBClient, table: string): Promise<HeadOfRequest[]> {
  const prefix = requestKey('');
  const heads: HeadOfRequest[] = [];
  const pages = paginateScan(
    { client },
    {
      TableName: table,
      ConsistentRead: true,
      FilterExpression: 'begins_with(PK, :prefix) AND SK = :head',
      ExpressionAttributeValues: { ':prefix': { S: prefix }, ':head': { S: HEAD } },
    },
  );
  for await (const { Items = [] } of pages) {
    for (const item of Items) {
      const { PK, body } = unmarshall(item) as { PK: string; body: { seq: number; lastLine: string } };
      heads.push({ rid: PK.slice(prefix.length), seq: body.seq, lastLine: body.lastLine });
    }
  }
  return heads;
}

/** What waits to be sealed. */
export async function pendingEvents(
  client: DynamoDBClient,
  table: string,
): Promise<{ rid: string; seq: number; key: string; line: string }[]> {
  const pages = paginateQuery(
    { client },
    {
      TableName: table,
      ConsistentRead: true,
      KeyConditionExpression: 'PK = :outbox',
      ExpressionAttributeValues: { ':outbox': { S: OUTBOX } },
    },
  );
  const pending: { rid: string; seq: number; key: string; line: string }[] = [];
  for await (const { Items = [] } of pages) {
    for (const item of Items) {
      const { SK, rid, seq, line } = unmarshall(item);
      pending.push({ rid: String(rid), seq: Number(seq), key: String(SK), line: String(line) });
    }
  }
  return pending;
}
