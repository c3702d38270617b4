import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTable, requiredVariable, WriteConflict } from '../../../adapters/state/table.ts';
import { VersionConflict } from '../../../core/promotion/ports.ts';
import { type ServedTable, serveTable } from './served-table.ts';

describe('what is sent to DynamoDB', () => {
  const aws = mockClient(DynamoDBClient);
  const table = openTable('state', new DynamoDBClient({}));
  beforeEach(() => aws.reset());
  afterAll(() => aws.restore());
  const sent = () => aws.calls()[0]!.args[0].input;

  it('reads one row strongly consistent', async () => {
    aws.on(GetItemCommand).resolves({ Item: { PK: { S: 'a' }, n: { N: '1' } } });
    expect(await table.get('a', 'b')).toEqual({ PK: 'a', n: 1 });
    expect(sent()).toEqual({ TableName: 'state', Key: { PK: { S: 'a' }, SK: { S: 'b' } }, ConsistentRead: true });
    aws.on(GetItemCommand).resolves({});
    expect(await table.get('a', 'b')).toBeUndefined();
  });

  it('finds nothing under a key that no row can have, and does not ask for it', async () => {
    expect(await table.get(`GATERUN#${'x'.repeat(2_048)}`, 'b')).toBeUndefined();
    expect(await table.get('a', 'é'.repeat(513))).toBeUndefined();
    expect(aws.calls()).toHaveLength(0);
  });

  it('queries a partition strongly consistent, by prefix, with a filter', async () => {
    aws.on(QueryCommand).resolves({ Items: [] });
    await table.query({ pk: 'a', prefix: 'GATE#', limit: 3, filter: { expression: '#x = :x', names: { '#x': 'x' }, values: { ':x': 1 } } });
    expect(sent()).toEqual({
      TableName: 'state',
      ConsistentRead: true,
      KeyConditionExpression: '#pk = :pk AND begins_with(#sk, :prefix)',
      FilterExpression: '#x = :x',
      ExpressionAttributeNames: { '#pk': 'PK', '#sk': 'SK', '#x': 'x' },
      ExpressionAttributeValues: { ':pk': { S: 'a' }, ':prefix': { S: 'GATE#' }, ':x': { N: '1' } },
      ScanIndexForward: true,
      Limit: 3,
    });
  });

  it('queries the index by its own keys, which cannot be read consistently', async () => {
    aws.on(QueryCommand).resolves({ Items: [], LastEvaluatedKey: { PK: { S: 'x' } } });
    const page = await table.query({ pk: 'LIST#a', index: 'LISTING', descending: true, startKey: { GPK: 'LIST#a' } });
    expect(page).toEqual({ items: [], lastKey: { PK: 'x' } });
    expect(sent()).toEqual({
      TableName: 'state',
      IndexName: 'LISTING',
      KeyConditionExpression: '#pk = :pk',
      ExpressionAttributeNames: { '#pk': 'GPK' },
      ExpressionAttributeValues: { ':pk': { S: 'LIST#a' } },
      ScanIndexForward: false,
      ExclusiveStartKey: { GPK: { S: 'LIST#a' } },
    });
  });

  it('writes every kind of write of a transaction with its condition', async () => {
    aws.on(TransactWriteItemsCommand).resolves({});
    const condition = { expression: '#v = :v', names: { '#v': 'version' }, values: { ':v': 3 } };
    const key = { PK: { S: 'p' }, SK: { S: 's' } };
    await table.transact([
      { put: { PK: 'p', SK: 's', left: undefined, body: { a: [1, null, undefined] } }, condition },
      { update: { pk: 'p', sk: 's' }, expression: 'SET #s = :s', names: { '#s': 'state' }, values: { ':s': 'x' }, condition },
      { remove: { pk: 'p', sk: 's' } },
      { check: { pk: 'p', sk: 's' }, condition: { expression: 'attribute_exists(PK)' } },
    ]);
    const names = { '#v': 'version' };
    const values = { ':v': { N: '3' } };
    expect(sent()).toEqual({
      TransactItems: [
        {
          Put: {
            TableName: 'state',
            Item: { ...key, body: { M: { a: { L: [{ N: '1' }, { NULL: true }] } } } },
            ConditionExpression: '#v = :v',
            ExpressionAttributeNames: names,
            ExpressionAttributeValues: values,
          },
        },
        {
          Update: {
            TableName: 'state',
            Key: key,
            UpdateExpression: 'SET #s = :s',
            ConditionExpression: '#v = :v',
            ExpressionAttributeNames: { '#s': 'state', ...names },
            ExpressionAttributeValues: { ':s': { S: 'x' }, ...values },
          },
        },
        { Delete: { TableName: 'state', Key: key } },
        { ConditionCheck: { TableName: 'state', Key: key, ConditionExpression: 'attribute_exists(PK)' } },
      ],
    });
  });

  const cancelled = (...codes: string[]) =>
    new TransactionCanceledException({ message: 'x', $metadata: {}, CancellationReasons: codes.map((Code) => ({ Code })) });

  it.each([
    ['the first', ['ConditionalCheckFailed', 'None'], 0],
    ['the third', ['None', 'None', 'ConditionalCheckFailed'], 2],
    ['a race for the second', ['None', 'TransactionConflict'], 1],
  ])('says which write lost: %s', async (_name, codes, index) => {
    aws.on(TransactWriteItemsCommand).rejects(cancelled(...codes));
    const error = await table.transact([]).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(VersionConflict);
    expect((error as Error).name).toBe('VersionConflict');
    expect((error as WriteConflict).index).toBe(index);
  });

  it.each<[string, Error]>([
    ['500', Object.assign(new Error('x'), { name: 'InternalServerError', $metadata: { httpStatusCode: 500 } })],
    ['throttling', Object.assign(new Error('x'), { name: 'ProvisionedThroughputExceededException', $metadata: { httpStatusCode: 400 } })],
    ['a transaction throttled', cancelled('None', 'ThrottlingError')],
    ['a refused connection', Object.assign(new Error('x'), { code: 'ECONNREFUSED' })],
    ['a connection that broke', Object.assign(new Error('x'), { code: 'ECONNRESET' })],
    ['a time-out', Object.assign(new Error('x'), { name: 'TimeoutError' })],
  ])('takes %s for an outage that may be tried again, in reads and writes', async (_name, error) => {
    aws.onAnyCommand().rejects(error);
    const unavailable = { code: 'UNAVAILABLE', retryable: true, cause: error };
    for (const call of [
      () => table.get('a', 'b'),
      () => table.query({ pk: 'a' }),
      () => table.put({ PK: 'a', SK: 'b' }),
      () => table.update({ update: { pk: 'a', sk: 'b' }, expression: 'SET x = :x' }),
      () => table.remove('a', 'b'),
      () => table.transact([]),
    ])
      await expect(call()).rejects.toMatchObject(unavailable);
  });

  it('leaves a mistake of ours what it is', async () => {
    const mistake = Object.assign(new Error('bad expression'), { name: 'ValidationException', $metadata: { httpStatusCode: 400 } });
    aws.onAnyCommand().rejects(mistake);
    await expect(table.get('a', 'b')).rejects.toBe(mistake);
    aws.on(TransactWriteItemsCommand).rejects(cancelled('ValidationError'));
    await expect(table.transact([])).rejects.toBeInstanceOf(TransactionCanceledException);
  });

  it('makes a failed condition of a single write the same conflict', async () => {
    const failed = new ConditionalCheckFailedException({ message: 'x', $metadata: {} });
    for (const command of [PutItemCommand, UpdateItemCommand, DeleteItemCommand]) aws.on(command as typeof PutItemCommand).rejects(failed);
    await expect(table.put({ PK: 'a', SK: 'b' })).rejects.toMatchObject({ name: 'VersionConflict', index: 0 });
    await expect(table.remove('a', 'b')).rejects.toBeInstanceOf(WriteConflict);
    await expect(table.update({ update: { pk: 'a', sk: 'b' }, expression: 'x' })).rejects.toBeInstanceOf(WriteConflict);
  });
});

describe('over the local DynamoDB', () => {
  let served: ServedTable;
  beforeAll(async () => {
    served = await serveTable();
  });
  afterAll(() => served.stop());

  it('gives all pages of a partition in order, whatever their number', async () => {
    const { table } = served;
    // 30 rows of 50 KB are more than the megabyte that one page holds.
    for (let index = 0; index < 30; index++)
      await table.put({ PK: 'P', SK: `ROW#${String(index).padStart(3, '0')}`, text: 'x'.repeat(50_000) });
    await table.put({ PK: 'P', SK: 'OTHER' });
    expect((await table.query({ pk: 'P' })).lastKey).toBeDefined();
    const rows = await table.all({ pk: 'P', prefix: 'ROW#' });
    expect(rows.map(({ SK }) => SK)).toEqual(Array.from({ length: 30 }, (_, index) => `ROW#${String(index).padStart(3, '0')}`));
  });

  it('says which write of a real transaction failed, and writes nothing of it', async () => {
    const { table } = served;
    await table.put({ PK: 'T', SK: 'a', version: 1 });
    const attempt = table.transact([
      { put: { PK: 'T', SK: 'new' } },
      { update: { pk: 'T', sk: 'a' }, expression: 'SET x = :x', values: { ':x': 1 }, condition: { expression: 'attribute_exists(PK)' } },
      { check: { pk: 'T', sk: 'a' }, condition: { expression: 'version = :v', values: { ':v': 2 } } },
    ]);
    await expect(attempt).rejects.toBeInstanceOf(Error);
    const distinct = table.transact([
      { put: { PK: 'T', SK: 'new' } },
      { put: { PK: 'T', SK: 'a' }, condition: { expression: 'version = :v', values: { ':v': 2 } } },
    ]);
    await expect(distinct).rejects.toMatchObject({ name: 'VersionConflict', index: 1 });
    expect(await table.get('T', 'new')).toBeUndefined();
    expect(await table.get('T', 'a')).toEqual({ PK: 'T', SK: 'a', version: 1 });
  });
});

it('a variable that the stack must set is named when it is missing', () => {
  expect(() => requiredVariable('GREENLIGHT_NOWHERE')).toThrow('GREENLIGHT_NOWHERE is not set');
});
