import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type InProcess, item, type Json, startDynamoDb } from './in-process.ts';

let db: InProcess;

const put = (pk: string, more: object = {}) => ({ Put: { TableName: 'main', Item: item(pk, more) } });
const exists = async (pk: string) => (await db.call('GetItem', { TableName: 'main', Key: item(pk) })).body.Item !== undefined;

describe('transactions', () => {
  beforeEach(async () => {
    db = await startDynamoDb();
    await db.declare();
  });
  afterEach(() => db.dispose());

  it('answers a repeated client token without writing again, also after a restart', async () => {
    const body = { TransactItems: [put('x')], ClientRequestToken: 'token' };
    expect((await db.call('TransactWriteItems', body)).status).toBe(200);
    await db.call('DeleteItem', { TableName: 'main', Key: item('x') });
    db = await db.restart();
    expect((await db.call('TransactWriteItems', body)).status).toBe(200);
    expect(await exists('x')).toBe(false);
  });

  it('refuses a client token that was used with other parameters', async () => {
    await db.call('TransactWriteItems', { TransactItems: [put('x')], ClientRequestToken: 'token' });
    const { body } = await db.call('TransactWriteItems', { TransactItems: [put('y')], ClientRequestToken: 'token' });
    expect(body.__type).toBe('com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException');
    expect(await exists('y')).toBe(false);
  });

  it('forgets a client token after ten virtual minutes', async () => {
    await db.call('TransactWriteItems', { TransactItems: [put('x')], ClientRequestToken: 'token' });
    await db.context.clock.advance(10 * 60_000);
    expect((await db.call('TransactWriteItems', { TransactItems: [put('y')], ClientRequestToken: 'token' })).status).toBe(200);
    expect(await exists('y')).toBe(true);
  });

  it('does not remember the token of a transaction that was cancelled', async () => {
    const guarded = { Put: { ...put('x').Put, ConditionExpression: 'attribute_exists(pk)' } };
    const body = { TransactItems: [guarded], ClientRequestToken: 'token' };
    expect((await db.call('TransactWriteItems', body)).body.CancellationReasons[0].Code).toBe('ConditionalCheckFailed');
    await db.call('PutItem', { TableName: 'main', Item: item('x') });
    expect((await db.call('TransactWriteItems', body)).status).toBe(200);
  });

  it('names the failing update as ValidationError and writes nothing', async () => {
    await db.call('PutItem', { TableName: 'main', Item: item('u', { text: { S: 't' } }) });
    const add = {
      Update: {
        TableName: 'main',
        Key: item('u'),
        UpdateExpression: 'SET #t = #t + :one',
        ExpressionAttributeNames: { '#t': 'text' },
        ExpressionAttributeValues: { ':one': { N: '1' } },
      },
    };
    const { body } = await db.call('TransactWriteItems', { TransactItems: [put('v'), add] });
    expect(body.CancellationReasons.map((reason: { Code: string }) => reason.Code)).toEqual(['None', 'ValidationError']);
    expect(await exists('v')).toBe(false);
  });

  it.each([
    ['no action', []],
    ['more than a hundred actions', Array.from({ length: 101 }, (_, index) => put(String(index)))],
    ['two actions on one item', [put('x'), { Delete: { TableName: 'main', Key: item('x') } }]],
    ['an action without its kind', [{}]],
    ['an update without expression', [{ Update: { TableName: 'main', Key: item('x') } }]],
    ['a condition check without condition', [{ ConditionCheck: { TableName: 'main', Key: item('x') } }]],
    ['more than 4 MB', Array.from({ length: 11 }, (_, index) => put(String(index), { d: { S: 'x'.repeat(395_000) } }))],
  ])('refuses %s with ValidationException', async (_, TransactItems) => {
    const { status, body } = await db.call('TransactWriteItems', { TransactItems });
    expect([status, body.__type]).toEqual([400, 'com.amazon.coral.validate#ValidationException']);
    expect((await db.call('Scan', { TableName: 'main' })).body.Count).toBe(0);
  });

  it('reads several items as of one moment while transactions change them', async () => {
    const write = (version: number) =>
      db.call('TransactWriteItems', { TransactItems: ['a', 'b', 'c'].map((pk) => put(pk, { version: { N: String(version) } })) });
    await write(0);
    const get = ['a', 'b', 'c'].map((pk) => ({ Get: { TableName: 'main', Key: item(pk), ProjectionExpression: 'version' } }));
    const reads: Promise<{ body: Json }>[] = [];
    const writes = Array.from({ length: 40 }, (_, version) => {
      reads.push(db.call('TransactGetItems', { TransactItems: get }));
      return write(version);
    });
    await Promise.all(writes);
    for (const { body } of await Promise.all(reads)) {
      expect(new Set(body.Responses.map((response: Json) => response.Item.version.N)).size).toBe(1);
      expect(Object.keys(body.Responses[0].Item)).toEqual(['version']);
    }
  });
});
