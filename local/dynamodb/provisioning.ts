/** AWS::DynamoDB::Table and AWS::DynamoDB::GlobalTable (one replica, as CDK's TableV2 makes it): created once, then brought to what the template says. */
import { isDeepStrictEqual } from 'node:util';
import type { Index, Table } from 'dynalite/db/index.js';
import type { CloudContext, PolicyDocument, ResourceProvider, ResourceRequest, ResourceResult } from '../service.ts';
import type { Catalog } from './catalog.ts';
import { type Data, isRecord } from './request.ts';
import { type TableOperations, tagsOf } from './table-operations.ts';

const KNOWN = [
  'TableName',
  'AttributeDefinitions',
  'KeySchema',
  'BillingMode',
  'ProvisionedThroughput',
  'WriteProvisionedThroughputSettings',
  'GlobalSecondaryIndexes',
  'LocalSecondaryIndexes',
  'StreamSpecification',
  'SSESpecification',
  'TimeToLiveSpecification',
  'PointInTimeRecoverySpecification',
  'DeletionProtectionEnabled',
  'TableClass',
  'Tags',
  'ResourcePolicy',
  'Replicas',
  'Region',
];

export class TableProvisioning {
  readonly #context: CloudContext;
  readonly #catalog: Catalog;
  readonly #tables: TableOperations;

  constructor(context: CloudContext, catalog: Catalog, tables: TableOperations) {
    this.#context = context;
    this.#catalog = catalog;
    this.#tables = tables;
  }

  readonly table: ResourceProvider = (request) => this.#provide(request, request.properties);

  readonly globalTable: ResourceProvider = (request) => {
    const { Replicas, SSESpecification, ...properties } = request.properties;
    const [replica, ...others] = Array.isArray(Replicas) ? Replicas.filter(isRecord) : [];
    if (others.length > 0) throw new Error(`${request.logicalId}: tables with several replicas are not supported`);
    // The key of a replica stands beside it; whether there is encryption stands at the table.
    const encryption = isRecord(SSESpecification)
      ? { SSESpecification: { ...SSESpecification, ...objectOf(replica?.SSESpecification) } }
      : {};
    return this.#provide(request, { ...properties, ...replica, ...encryption });
  };

  async #provide(request: ResourceRequest, properties: Record<string, unknown>): Promise<ResourceResult> {
    for (const name of Object.keys(properties)) {
      if (!KNOWN.includes(name)) this.#context.log('a table property has no effect', { resource: request.logicalId, property: name });
    }
    const name = String(properties.TableName ?? request.defaultName);
    const wanted = wantedTable(name, properties);
    const known = this.#catalog.find(name);
    const table = known ? await this.#update(known, wanted, request) : await this.#tables.create(wanted);
    await this.#settle(name, properties);
    return {
      ref: name,
      attributes: {
        Arn: table.TableArn,
        TableId: String(table.TableId),
        ...(table.StreamSpecification ? { StreamArn: String(table.LatestStreamArn) } : {}),
      },
    };
  }

  async #update(known: Table, wanted: Data, request: ResourceRequest): Promise<Table> {
    if (!isDeepStrictEqual(known.KeySchema, wanted.KeySchema)) {
      throw new Error(`${request.logicalId}: table ${known.TableName} exists with another key schema; give it another name or data folder`);
    }
    const indexes = (wanted.GlobalSecondaryIndexes ?? []) as Index[];
    const same = (left: Index, right: Index) =>
      left.IndexName === right.IndexName &&
      isDeepStrictEqual(left.KeySchema, right.KeySchema) &&
      isDeepStrictEqual(left.Projection, right.Projection);
    const existing = known.GlobalSecondaryIndexes ?? [];
    const updates = [
      ...existing.filter((old) => !indexes.some((index) => same(index, old))).map(({ IndexName }) => ({ Delete: { IndexName } })),
      ...indexes.filter((index) => !existing.some((old) => same(index, old))).map((index) => ({ Create: index })),
    ];
    const { GlobalSecondaryIndexes: _, Tags: __, BillingMode, ...settings } = wanted;
    const billing = (known.BillingModeSummary as Data | undefined)?.BillingMode ?? 'PROVISIONED';
    return this.#tables.update({
      ...settings,
      ...(BillingMode === billing ? {} : { BillingMode }),
      GlobalSecondaryIndexUpdates: updates,
    });
  }

  async #settle(name: string, properties: Record<string, unknown>): Promise<void> {
    const ttl = objectOf(properties.TimeToLiveSpecification);
    const recovery = objectOf(properties.PointInTimeRecoverySpecification);
    const policy = objectOf(properties.ResourcePolicy).PolicyDocument as PolicyDocument | undefined;
    const { pointInTimeRecovery } = this.#catalog.settings(name);
    await this.#tables.setSettings(name, {
      tags: tagsOf(properties.Tags),
      ...(isTrue(ttl.Enabled) ? { timeToLive: { attribute: String(ttl.AttributeName) } } : {}),
      ...(isTrue(recovery.PointInTimeRecoveryEnabled)
        ? {
            pointInTimeRecovery: {
              enabled: true,
              days: Number(recovery.RecoveryPeriodInDays ?? 35),
              since: pointInTimeRecovery?.enabled ? pointInTimeRecovery.since : this.#context.clock.now(),
            },
          }
        : {}),
      ...(policy ? { resourcePolicy: policy } : {}),
    });
  }
}

/** The template's words as CreateTable's. */
function wantedTable(name: string, properties: Record<string, unknown>): Data {
  const stream = objectOf(properties.StreamSpecification);
  const encryption = objectOf(properties.SSESpecification);
  const indexes = properties.GlobalSecondaryIndexes as Index[] | undefined;
  const onDemand = properties.BillingMode === 'PAY_PER_REQUEST';
  return {
    TableName: name,
    AttributeDefinitions: properties.AttributeDefinitions,
    KeySchema: properties.KeySchema,
    BillingMode: properties.BillingMode ?? 'PROVISIONED',
    // A global table scales its capacity by itself; here capacity is only described.
    ...(onDemand ? {} : { ProvisionedThroughput: capacity(properties.ProvisionedThroughput) }),
    ...(indexes?.length ? { GlobalSecondaryIndexes: indexes.map((index) => wantedIndex(index, onDemand)) } : {}),
    ...(properties.LocalSecondaryIndexes ? { LocalSecondaryIndexes: properties.LocalSecondaryIndexes } : {}),
    StreamSpecification: stream.StreamViewType ? { StreamEnabled: true, StreamViewType: stream.StreamViewType } : { StreamEnabled: false },
    SSESpecification: { ...encryption, Enabled: isTrue(encryption.SSEEnabled) },
    DeletionProtectionEnabled: isTrue(properties.DeletionProtectionEnabled),
    ...(properties.TableClass ? { TableClass: properties.TableClass } : {}),
    Tags: properties.Tags,
  };
}

function wantedIndex({ IndexName, KeySchema, Projection, ProvisionedThroughput }: Index, onDemand: boolean): Index {
  return { IndexName, KeySchema, Projection, ...(onDemand ? {} : { ProvisionedThroughput: capacity(ProvisionedThroughput) }) };
}

const capacity = (wanted: unknown): Data => ({
  ReadCapacityUnits: Number(objectOf(wanted).ReadCapacityUnits ?? 5),
  WriteCapacityUnits: Number(objectOf(wanted).WriteCapacityUnits ?? 5),
});

const objectOf = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});

/** Templates may spell booleans as strings. */
const isTrue = (value: unknown): boolean => value === true || value === 'true';
