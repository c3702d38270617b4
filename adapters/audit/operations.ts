/** What those who run a deployment do with its log, with AWS credentials of their own: nothing in the stack may do it. */
import type { KeyObject } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { type Difference, reconcile } from '../../core/audit/reconcile.ts';
import type { RequestChains } from '../../core/audit/request-chains.ts';
import { type Verdict, verifyLog } from '../../core/audit/verify-log.ts';
import { openTable } from '../state/table.ts';
import { findRoot } from './bucket-log.ts';
import { type HoldRange, holdLines } from './legal-hold.ts';
import { clientSettings, openLog } from './log-reader.ts';
import { type Recovered, recoverHead } from './recover-head.ts';
import { type Reindexed, reindex } from './reindex.ts';
import { headsOfRequests, pendingEvents } from './state-heads.ts';

/** Everything is retried a little: an operator waits for one answer. */
const CLIENT = clientSettings(process.env);

/** Holds the log at `place` against the table. */
export async function reconcileLog(
  place: string,
  key: KeyObject,
  table: string,
): Promise<{ verdict: Verdict; differences: readonly Difference[] }> {
  const client = new DynamoDBClient(CLIENT);
  // In this order: what a head names is pending or sealed by the time the log is read.
  const heads = await headsOfRequests(client, table);
  const pending = await pendingEvents(client, table);
  let chains: RequestChains | undefined;
  const verdict = await verifyLog(await openLog(place), {
    key,
    now: new Date(),
    onChains(known) {
      chains = known;
    },
  });
  return { verdict, differences: reconcile({ heads, pending, sealed: (rid) => chains!.lastOf(rid), rids: () => chains!.rids() }) };
}

/** Sets or lifts a legal hold; answers the objects. `prefix`: where the log lies in the bucket. */
export async function holdRange(bucket: string, prefix: string, range: HoldRange, isOn: boolean): Promise<string[]> {
  const client = new S3Client(CLIENT);
  const origin = (await findRoot(client, bucket, prefix)).replace(/\/$/, '');
  return holdLines(client, bucket, origin, range, isOn);
}

/** Makes search rows and missing tiles again from the log at `place`, or only looks. */
export async function reindexFrom(place: string, key: KeyObject, table: string, isDry: boolean): Promise<Reindexed> {
  const client = new DynamoDBClient(CLIENT);
  const clock = { now: () => new Date() };
  return reindex({ files: await openLog(place), table: openTable(table, client), client, name: table, key, clock }, isDry);
}

/** Computes the head in the table from the log at `place`. */
export async function recoverHeadFrom(place: string, key: KeyObject, table: string): Promise<Recovered> {
  return recoverHead(await openLog(place), openTable(table, new DynamoDBClient(CLIENT)), key, { now: () => new Date() });
}
