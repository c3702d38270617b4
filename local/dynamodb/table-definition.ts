/** Builds what DescribeTable answers from what CreateTable, UpdateTable or a template asks for. */
import { randomUUID } from 'node:crypto';
import type { Index, Table } from 'dynalite/db/index.js';
import type { Data } from './request.ts';

export interface Place {
  region: string;
  account: string;
  /** Virtual milliseconds. */
  now: number;
}

export const tableArn = ({ region, account }: Pick<Place, 'region' | 'account'>, name: string): string =>
  `arn:aws:dynamodb:${region}:${account}:table/${name}`;

/** A new table, ACTIVE at once. `data` has passed dynalite's validation. */
export function newTable(data: Data, place: Place): Table {
  const TableArn = tableArn(place, data.TableName as string);
  const billing = (data.BillingMode ?? 'PROVISIONED') as string;
  const table: Table = {
    TableName: data.TableName as string,
    TableArn,
    TableId: randomUUID(),
    TableStatus: 'ACTIVE',
    CreationDateTime: place.now / 1000,
    ItemCount: 0,
    TableSizeBytes: 0,
    KeySchema: data.KeySchema as Table['KeySchema'],
    AttributeDefinitions: data.AttributeDefinitions as Table['AttributeDefinitions'],
    DeletionProtectionEnabled: data.DeletionProtectionEnabled === true,
  };
  if (data.GlobalSecondaryIndexes) {
    table.GlobalSecondaryIndexes = (data.GlobalSecondaryIndexes as Index[]).map((index) => newIndex(index, TableArn, true));
  }
  if (data.LocalSecondaryIndexes) {
    table.LocalSecondaryIndexes = (data.LocalSecondaryIndexes as Index[]).map((index) => newIndex(index, TableArn, false));
  }
  return withSettings(table, { ...data, BillingMode: billing }, place);
}

export function newIndex(index: Index, arn: string, isGlobal: boolean): Index {
  return {
    IndexName: index.IndexName,
    KeySchema: index.KeySchema,
    Projection: index.Projection,
    ...(isGlobal ? { IndexStatus: 'ACTIVE', ProvisionedThroughput: throughput(index.ProvisionedThroughput) } : {}),
    IndexArn: `${arn}/index/${index.IndexName}`,
    IndexSizeBytes: 0,
    ItemCount: 0,
  };
}

/** `table` with the settings that `data` names; the others stay. */
export function withSettings(table: Table, data: Data, place: Place): Table {
  const changed: Table = { ...table };
  if (data.BillingMode === 'PAY_PER_REQUEST') {
    changed.BillingModeSummary = { BillingMode: 'PAY_PER_REQUEST', LastUpdateToPayPerRequestDateTime: place.now / 1000 };
    changed.TableThroughputModeSummary = { TableThroughputMode: 'PAY_PER_REQUEST' };
    changed.ProvisionedThroughput = throughput(undefined);
  } else if (data.BillingMode === 'PROVISIONED' || data.ProvisionedThroughput) {
    changed.ProvisionedThroughput = throughput(data.ProvisionedThroughput);
    delete changed.BillingModeSummary;
    delete changed.TableThroughputModeSummary;
  }
  if (data.DeletionProtectionEnabled !== undefined) changed.DeletionProtectionEnabled = data.DeletionProtectionEnabled === true;
  if (data.TableClass) changed.TableClassSummary = { TableClass: data.TableClass };
  if (data.SSESpecification) setEncryption(changed, data.SSESpecification as Data, place);
  if (data.StreamSpecification) setStream(changed, data.StreamSpecification as Data, place);
  return changed;
}

function throughput(wanted: unknown): Data {
  const { ReadCapacityUnits = 0, WriteCapacityUnits = 0 } = (wanted ?? {}) as Data;
  return { ReadCapacityUnits, WriteCapacityUnits, NumberOfDecreasesToday: 0 };
}

function setEncryption(table: Table, wanted: Data, place: Place): void {
  if (wanted.Enabled !== true) {
    delete table.SSEDescription;
    return;
  }
  const key = typeof wanted.KMSMasterKeyId === 'string' ? wanted.KMSMasterKeyId : 'alias/aws/dynamodb';
  const arn = key.startsWith('arn:')
    ? key
    : `arn:aws:kms:${place.region}:${place.account}:${key.startsWith('alias/') ? key : `key/${key}`}`;
  table.SSEDescription = { Status: 'ENABLED', SSEType: 'KMS', KMSMasterKeyArn: arn };
}

/** A stream keeps its ARN while its view type stays the same. */
function setStream(table: Table, wanted: Data, place: Place): void {
  if (wanted.StreamEnabled !== true) {
    delete table.StreamSpecification;
    return;
  }
  const known = table.StreamSpecification as Data | undefined;
  if (known?.StreamViewType === wanted.StreamViewType) return;
  table.StreamSpecification = { StreamEnabled: true, StreamViewType: wanted.StreamViewType };
  table.LatestStreamLabel = new Date(place.now).toISOString().slice(0, -1);
  table.LatestStreamArn = `${table.TableArn}/stream/${table.LatestStreamLabel}`;
}
