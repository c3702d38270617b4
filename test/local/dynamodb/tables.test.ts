import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type InProcess, item, MAIN, startDynamoDb } from './in-process.ts';

let db: InProcess;

const put = (pk: string, more: object = {}) => db.call('PutItem', { TableName: 'main', Item: item(pk, more) });
const described = async () => (await db.call('DescribeTable', { TableName: 'main' })).body.Table;
const owned = async (owner: string, IndexName = 'byOwner') =>
  db.call('Query', {
    TableName: 'main',
    IndexName,
    KeyConditionExpression: '#o = :o',
    ExpressionAttributeNames: { '#o': 'owner' },
    ExpressionAttributeValues: { ':o': { S: owner } },
  });

describe('tables', () => {
  beforeEach(async () => {
    db = await startDynamoDb();
  });
  afterEach(() => db.dispose());

  it('describes a table as the template declares it, also after a restart', async () => {
    const { ref, attributes } = await db.declare({
      DeletionProtectionEnabled: true,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      TimeToLiveSpecification: { AttributeName: 'expires', Enabled: true },
      SSESpecification: { SSEEnabled: true, SSEType: 'KMS', KMSMasterKeyId: 'arn:aws:kms:eu-central-1:000000000000:key/k' },
      StreamSpecification: { StreamViewType: 'KEYS_ONLY' },
      Tags: [{ Key: 'team', Value: 'release' }],
    });
    expect(ref).toBe('main');
    db = await db.restart();
    expect(await described()).toMatchObject({
      TableStatus: 'ACTIVE',
      TableArn: attributes!.Arn,
      LatestStreamArn: attributes!.StreamArn,
      DeletionProtectionEnabled: true,
      BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
      SSEDescription: { Status: 'ENABLED', KMSMasterKeyArn: 'arn:aws:kms:eu-central-1:000000000000:key/k' },
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'KEYS_ONLY' },
    });
    const ttl = await db.call('DescribeTimeToLive', { TableName: 'main' });
    expect(ttl.body.TimeToLiveDescription).toEqual({ TimeToLiveStatus: 'ENABLED', AttributeName: 'expires' });
    const backups = await db.call('DescribeContinuousBackups', { TableName: 'main' });
    expect(backups.body.ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus).toBe('ENABLED');
    const tags = await db.call('ListTagsOfResource', { ResourceArn: attributes!.Arn });
    expect(tags.body.Tags).toEqual([{ Key: 'team', Value: 'release' }]);
    expect((await db.call('DeleteTable', { TableName: 'main' })).body.message).toContain('protected against deletion');
  });

  it('keeps the items when a template changes, fills a new index and removes a dropped one', async () => {
    await db.declare({ GlobalSecondaryIndexes: [], AttributeDefinitions: MAIN.AttributeDefinitions.slice(0, 2) });
    await put('x', { owner: { S: 'me' } });
    await db.declare({});
    expect((await owned('me')).body.Count).toBe(1);
    await put('y', { owner: { S: 'me' } });
    expect((await owned('me')).body.Count).toBe(2);
    const other = { ...MAIN.GlobalSecondaryIndexes[0], IndexName: 'other' };
    await db.declare({ GlobalSecondaryIndexes: [other] });
    expect((await owned('me')).status).toBe(400);
    expect((await owned('me', 'other')).body.Count).toBe(2);
  });

  it('refuses another key schema for a table that exists', async () => {
    await db.declare();
    await expect(db.declare({ KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }] })).rejects.toThrow('another key schema');
  });

  it('makes a TableV2 of one replica and refuses several', async () => {
    const { BillingMode, ...rest } = MAIN;
    const replica = {
      Region: 'eu-central-1',
      DeletionProtectionEnabled: true,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    };
    const properties = { ...rest, BillingMode, Replicas: [replica], StreamSpecification: { StreamViewType: 'NEW_IMAGE' } };
    const { attributes } = await db.declare(properties, 'AWS::DynamoDB::GlobalTable');
    expect(attributes!.StreamArn).toContain('/stream/');
    expect((await described()).DeletionProtectionEnabled).toBe(true);
    const two = { ...properties, Replicas: [replica, { Region: 'us-east-1' }] };
    expect(() => db.service.resources['AWS::DynamoDB::GlobalTable']!({ properties: two, logicalId: 'Main' } as never)).toThrow(
      'several replicas',
    );
  });

  it('shows the resource policy of the table for the table and its indexes', async () => {
    const PolicyDocument = {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Deny', Principal: '*', Action: 'dynamodb:Scan', Resource: '*' }],
    };
    const { attributes } = await db.declare({ ResourcePolicy: { PolicyDocument } });
    expect(db.service.resourcePolicy!(attributes!.Arn!)).toEqual(PolicyDocument);
    expect(db.service.resourcePolicy!(`${attributes!.Arn}/index/byOwner`)).toEqual(PolicyDocument);
    expect(db.service.resourcePolicy!(`${attributes!.Arn}-other`)).toBeUndefined();
  });

  it('deletes a table with its items, so that a new one of the same name is empty', async () => {
    await db.declare();
    await put('x', { owner: { S: 'me' } });
    expect((await db.call('DeleteTable', { TableName: 'main' })).status).toBe(200);
    expect((await db.call('DescribeTable', { TableName: 'main' })).body.__type).toContain('#ResourceNotFoundException');
    await db.declare();
    expect((await db.call('Scan', { TableName: 'main' })).body.Count).toBe(0);
    expect((await owned('me')).body.Count).toBe(0);
  });

  it('lists tables in pages', async () => {
    for (const TableName of ['t-3', 't-1', 't-2']) await db.declare({ TableName });
    const first = await db.call('ListTables', { Limit: 2 });
    expect(first.body).toEqual({ TableNames: ['t-1', 't-2'], LastEvaluatedTableName: 't-2' });
    expect((await db.call('ListTables', { ExclusiveStartTableName: 't-2' })).body).toEqual({ TableNames: ['t-3'] });
  });

  it('answers PartiQL and the streams API as unknown operations and logs them', async () => {
    for (const operation of ['ExecuteStatement', 'CreateBackup']) {
      const { status, body } = await db.call(operation, { Statement: 'SELECT * FROM main' });
      expect([status, body.__type]).toEqual([400, 'com.amazon.coral.service#UnknownOperationException']);
    }
    expect(db.context.logged).toHaveLength(2);
  });

  it('fails the request alone when a filter compares what cannot be compared', async () => {
    await db.declare();
    await put('x', { a: { BOOL: true }, b: { BOOL: true } });
    const { status } = await db.call('Scan', { TableName: 'main', FilterExpression: 'begins_with(a, b)' });
    expect(status).toBeGreaterThanOrEqual(400);
    expect((await db.call('Scan', { TableName: 'main' })).body.Count).toBe(1);
  });

  it('pages through a table', async () => {
    await db.declare();
    await Promise.all(Array.from({ length: 25 }, (_, index) => put(`p${index}`, { owner: { S: 'me' } })));
    let seen = 0;
    let ExclusiveStartKey: unknown;
    do {
      const { body } = await db.call('Scan', { TableName: 'main', Limit: 7, ...(ExclusiveStartKey ? { ExclusiveStartKey } : {}) });
      seen += body.Count;
      ExclusiveStartKey = body.LastEvaluatedKey;
    } while (ExclusiveStartKey);
    expect(seen).toBe(25);
  });
});
