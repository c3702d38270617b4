/** Operations on tables: create, update, delete, describe, list, tags, time to live, point-in-time recovery (recorded only). */
import engine, { type Index, type Item, type Table } from 'dynalite/db/index.js';
import type { CloudContext } from '../service.ts';
import type { Catalog, TableSettings } from './catalog.ts';
import { DynamoDbError, validation } from './dynamodb-error.ts';
import { type Data, isRecord, type RequestReader, TABLE_SHAPES } from './request.ts';
import { newIndex, newTable, type Place, tableArn, withSettings } from './table-definition.ts';
import type { TimeToLive } from './time-to-live.ts';

const VIEWS = ['KEYS_ONLY', 'NEW_IMAGE', 'OLD_IMAGE', 'NEW_AND_OLD_IMAGES'];

export class TableOperations {
  readonly #context: CloudContext;
  readonly #catalog: Catalog;
  readonly #reader: RequestReader;
  readonly #timeToLive: TimeToLive;
  readonly #operations: Record<string, (raw: Data) => Promise<unknown>> = {
    CreateTable: async (raw) => ({ TableDescription: { ...(await this.create(raw)), TableStatus: 'CREATING' } }),
    UpdateTable: async (raw) => ({ TableDescription: { ...(await this.update(raw)), TableStatus: 'UPDATING' } }),
    DeleteTable: async (raw) => ({ TableDescription: { ...(await this.delete(raw)), TableStatus: 'DELETING' } }),
    DescribeTable: async (raw) => ({ Table: this.#table(raw) }),
    ListTables: async (raw) => this.#list(raw),
    UpdateTimeToLive: (raw) => this.#updateTimeToLive(raw),
    DescribeTimeToLive: async (raw) => this.#describeTimeToLive(raw),
    UpdateContinuousBackups: (raw) => this.#updateBackups(raw),
    DescribeContinuousBackups: async (raw) => this.#describeBackups(this.#table(raw).TableName),
    TagResource: (raw) => this.#tag(raw),
    UntagResource: (raw) => this.#untag(raw),
    ListTagsOfResource: async (raw) => this.#listTags(raw),
  };

  constructor(context: CloudContext, catalog: Catalog, reader: RequestReader, timeToLive: TimeToLive) {
    this.#context = context;
    this.#catalog = catalog;
    this.#reader = reader;
    this.#timeToLive = timeToLive;
  }

  has(operation: string): boolean {
    return Object.hasOwn(this.#operations, operation);
  }

  run(operation: string, raw: Data): Promise<unknown> {
    return this.#operations[operation]!(raw);
  }

  /** Creates the table and answers its description; throws ResourceInUseException when it exists. */
  async create(raw: Data): Promise<Table> {
    // dynalite's validation removes what it does not know.
    const extra = { ...raw };
    const data = this.#reader.validate(TABLE_SHAPES.CreateTable, structuredClone(raw));
    checkStream(extra.StreamSpecification);
    const table = newTable({ ...extra, ...data }, this.#place());
    await this.#catalog.exclusively(async () => {
      if (this.#catalog.find(table.TableName)) {
        throw new DynamoDbError('ResourceInUseException', `Table already exists: ${table.TableName}`);
      }
      await this.#catalog.clear(table);
      await this.#catalog.save(table, { tags: tagsOf(extra.Tags) });
    });
    return table;
  }

  /** Settings, and index changes with the entries of the items that exist. */
  async update(raw: Data): Promise<Table> {
    checkStream(raw.StreamSpecification);
    return this.#catalog.exclusively(async () => {
      const old = this.#table(raw);
      let table = withSettings(old, raw, this.#place());
      if (raw.AttributeDefinitions) {
        table.AttributeDefinitions = mergeDefinitions(table, raw.AttributeDefinitions as Table['AttributeDefinitions']);
      }
      for (const change of (raw.GlobalSecondaryIndexUpdates ?? []) as Record<string, Index>[])
        table = await this.#changeIndex(table, change);
      await this.#catalog.save(table, this.#catalog.settings(table.TableName));
      return table;
    });
  }

  async delete(raw: Data): Promise<Table> {
    return this.#catalog.exclusively(async () => {
      const table = this.#table(raw);
      if (table.DeletionProtectionEnabled) {
        throw validation('Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.');
      }
      await this.#catalog.remove(table);
      await this.#timeToLive.loadTable(table.TableName);
      return table;
    });
  }

  /** Sets what DescribeTable does not show, and reads the expiries anew. */
  async setSettings(name: string, settings: TableSettings): Promise<void> {
    await this.#catalog.exclusively(async () => {
      await this.#catalog.saveSettings(name, settings);
      await this.#timeToLive.loadTable(name);
    });
  }

  async #changeIndex(table: Table, change: Record<string, Index>): Promise<Table> {
    const indexes = table.GlobalSecondaryIndexes ?? [];
    if (change.Create) {
      const index = newIndex(change.Create, table.TableArn, true);
      const defined = new Set(table.AttributeDefinitions.map((definition) => definition.AttributeName));
      if (!Array.isArray(index.KeySchema) || !index.KeySchema.every((element) => defined.has(element.AttributeName))) {
        throw validation('One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions');
      }
      if (indexes.some((other) => other.IndexName === index.IndexName)) {
        throw validation(`Attempting to create an index which already exists: ${index.IndexName}`);
      }
      const entriesOf = (item: unknown) => engine.getIndexActions([index], null, item as Item, table).puts;
      await this.#catalog.fillIndex(table, index, entriesOf);
      return { ...table, GlobalSecondaryIndexes: [...indexes, index] };
    }
    const named = (change.Delete ?? change.Update)?.IndexName;
    const index = indexes.find((other) => other.IndexName === named);
    if (!index) throw new DynamoDbError('ResourceNotFoundException', `Requested resource not found: Index: ${named} not found`);
    if (!change.Delete) {
      const updated = newIndex({ ...index, ...change.Update } as Index, table.TableArn, true);
      return { ...table, GlobalSecondaryIndexes: indexes.map((other) => (other === index ? updated : other)) };
    }
    const rest = indexes.filter((other) => other !== index);
    const { GlobalSecondaryIndexes: _, ...without } = table;
    const remaining = (rest.length > 0 ? { ...without, GlobalSecondaryIndexes: rest } : without) as Table;
    await this.#catalog.save(remaining, this.#catalog.settings(table.TableName));
    await this.#catalog.clearIndex(table, index);
    return remaining;
  }

  #place(): Place {
    return { region: this.#context.region, account: this.#context.account, now: this.#context.clock.now() };
  }

  #table(raw: Data): Table {
    if (typeof raw.TableName !== 'string') throw validation("The parameter 'TableName' is required but was not present in the request");
    return this.#catalog.get(raw.TableName);
  }

  #list(raw: Data): unknown {
    const data = this.#reader.validate(TABLE_SHAPES.ListTables, raw);
    const limit = (data.Limit ?? 100) as number;
    const names = this.#catalog.names().filter((name) => name > String(data.ExclusiveStartTableName ?? ''));
    const page = names.slice(0, limit);
    return { TableNames: page, ...(names.length > limit ? { LastEvaluatedTableName: page.at(-1) } : {}) };
  }

  async #updateTimeToLive(raw: Data): Promise<unknown> {
    const { TableName } = this.#table(raw);
    const wanted = raw.TimeToLiveSpecification;
    if (!isRecord(wanted) || typeof wanted.Enabled !== 'boolean' || typeof wanted.AttributeName !== 'string' || !wanted.AttributeName) {
      throw validation('TimeToLiveSpecification needs Enabled and AttributeName');
    }
    const { timeToLive, ...settings } = this.#catalog.settings(TableName);
    if (wanted.Enabled && timeToLive) throw validation('TimeToLive is already enabled');
    if (!wanted.Enabled && !timeToLive) throw validation('TimeToLive is already disabled');
    await this.setSettings(TableName, wanted.Enabled ? { ...settings, timeToLive: { attribute: wanted.AttributeName } } : settings);
    return { TimeToLiveSpecification: { Enabled: wanted.Enabled, AttributeName: wanted.AttributeName } };
  }

  #describeTimeToLive(raw: Data): unknown {
    const attribute = this.#catalog.settings(this.#table(raw).TableName).timeToLive?.attribute;
    return {
      TimeToLiveDescription: attribute ? { TimeToLiveStatus: 'ENABLED', AttributeName: attribute } : { TimeToLiveStatus: 'DISABLED' },
    };
  }

  async #updateBackups(raw: Data): Promise<unknown> {
    const { TableName } = this.#table(raw);
    const wanted = raw.PointInTimeRecoverySpecification;
    if (!isRecord(wanted) || typeof wanted.PointInTimeRecoveryEnabled !== 'boolean') {
      throw validation('PointInTimeRecoverySpecification needs PointInTimeRecoveryEnabled');
    }
    await this.#catalog.saveSettings(TableName, {
      ...this.#catalog.settings(TableName),
      pointInTimeRecovery: {
        enabled: wanted.PointInTimeRecoveryEnabled,
        days: Number(wanted.RecoveryPeriodInDays ?? 35),
        since: this.#context.clock.now(),
      },
    });
    return this.#describeBackups(TableName);
  }

  #describeBackups(name: string): unknown {
    const recovery = this.#catalog.settings(name).pointInTimeRecovery;
    return {
      ContinuousBackupsDescription: {
        ContinuousBackupsStatus: 'ENABLED',
        PointInTimeRecoveryDescription: recovery?.enabled
          ? {
              PointInTimeRecoveryStatus: 'ENABLED',
              RecoveryPeriodInDays: recovery.days,
              EarliestRestorableDateTime: recovery.since / 1000,
              LatestRestorableDateTime: this.#context.clock.now() / 1000,
            }
          : { PointInTimeRecoveryStatus: 'DISABLED' },
      },
    };
  }

  #tagged(raw: Data): string {
    const arn = String(raw.ResourceArn ?? '');
    const name = arn.slice(tableArn(this.#context, '').length);
    if (tableArn(this.#context, name) !== arn) throw validation(`Invalid TableArn: Invalid ResourceArn provided as input ${arn}`);
    return this.#catalog.get(name).TableName;
  }

  async #tag(raw: Data): Promise<unknown> {
    const name = this.#tagged(raw);
    const settings = this.#catalog.settings(name);
    await this.#catalog.saveSettings(name, { ...settings, tags: { ...settings.tags, ...tagsOf(raw.Tags) } });
    return {};
  }

  async #untag(raw: Data): Promise<unknown> {
    const name = this.#tagged(raw);
    const settings = this.#catalog.settings(name);
    const removed = new Set(Array.isArray(raw.TagKeys) ? raw.TagKeys : []);
    await this.#catalog.saveSettings(name, {
      ...settings,
      tags: Object.fromEntries(Object.entries(settings.tags).filter(([key]) => !removed.has(key))),
    });
    return {};
  }

  #listTags(raw: Data): unknown {
    return { Tags: Object.entries(this.#catalog.settings(this.#tagged(raw)).tags).map(([Key, Value]) => ({ Key, Value })) };
  }
}

/** `[{Key, Value}]` as a record. */
export function tagsOf(tags: unknown): Record<string, string> {
  if (!Array.isArray(tags)) return {};
  return Object.fromEntries(tags.filter(isRecord).map((tag) => [String(tag.Key), String(tag.Value)]));
}

function checkStream(stream: unknown): void {
  if (!isRecord(stream) || stream.StreamEnabled !== true) return;
  if (!VIEWS.includes(String(stream.StreamViewType))) {
    throw validation(`StreamViewType must be one of ${VIEWS.join(', ')} when StreamEnabled is true`);
  }
}

function mergeDefinitions(table: Table, wanted: Table['AttributeDefinitions']): Table['AttributeDefinitions'] {
  const names = new Set(wanted.map((definition) => definition.AttributeName));
  return [...table.AttributeDefinitions.filter((definition) => !names.has(definition.AttributeName)), ...wanted];
}
