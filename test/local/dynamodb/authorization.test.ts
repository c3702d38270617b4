import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type InProcess, item, startDynamoDb } from './in-process.ts';
import { requestOf } from './served-dynamodb.ts';

const TABLE = 'arn:aws:dynamodb:eu-central-1:000000000000:table/main';
let db: InProcess;

const checks = async (operation: string, body: unknown) => db.service.checks(requestOf(operation, body));
const keys = async (operation: string, body: unknown) =>
  (await checks(operation, body)).map(({ action, resource, context }) => [action, resource, context?.['dynamodb:LeadingKeys']]);

describe('what IAM is asked', () => {
  beforeAll(async () => {
    db = await startDynamoDb();
    await db.declare();
  });
  afterAll(() => db.dispose());

  it.each([
    ['PutItem', { Item: item('REQ#1') }],
    ['GetItem', { Key: item('REQ#1') }],
    ['DeleteItem', { Key: item('REQ#1') }],
    ['UpdateItem', { Key: item('REQ#1'), UpdateExpression: 'SET v = :v', ExpressionAttributeValues: { ':v': { S: 'x' } } }],
  ])('names the leading key of %s', async (operation, body) => {
    expect(await keys(operation, { TableName: 'main', ...body })).toEqual([[`dynamodb:${operation}`, TABLE, ['REQ#1']]]);
  });

  it('understands a table named by its ARN as the same table', async () => {
    expect(await keys('GetItem', { TableName: TABLE, Key: item('A') })).toEqual([['dynamodb:GetItem', TABLE, ['A']]]);
    expect((await db.call('GetItem', { TableName: TABLE, Key: item('A') })).status).toBe(200);
  });

  it.each([
    [
      'an expression',
      { KeyConditionExpression: 'pk = :p AND begins_with(sk, :s)', ExpressionAttributeValues: { ':p': { S: 'REQ#1' }, ':s': { S: 'x' } } },
    ],
    ['a turned expression', { KeyConditionExpression: ':p = pk', ExpressionAttributeValues: { ':p': { S: 'REQ#1' } } }],
    [
      'a placeholder name',
      { KeyConditionExpression: '#k = :p', ExpressionAttributeNames: { '#k': 'pk' }, ExpressionAttributeValues: { ':p': { S: 'REQ#1' } } },
    ],
    ['legacy conditions', { KeyConditions: { pk: { ComparisonOperator: 'EQ', AttributeValueList: [{ S: 'REQ#1' }] } } }],
  ])('finds the leading key of a Query in %s', async (_, body) => {
    expect(await keys('Query', { TableName: 'main', ...body })).toEqual([['dynamodb:Query', TABLE, ['REQ#1']]]);
  });

  it("takes the index's partition key and ARN for an index Query", async () => {
    const body = {
      TableName: 'main',
      IndexName: 'byOwner',
      KeyConditionExpression: '#o = :o',
      ExpressionAttributeNames: { '#o': 'owner' },
    };
    expect(await keys('Query', { ...body, ExpressionAttributeValues: { ':o': { S: 'OWNER#1' } } })).toEqual([
      ['dynamodb:Query', `${TABLE}/index/byOwner`, ['OWNER#1']],
    ]);
  });

  it.each([
    ['Scan', {}],
    ['Query', { KeyConditionExpression: 'pk > :p', ExpressionAttributeValues: { ':p': { S: 'A' } } }],
    ['Query', { KeyConditionExpression: 'nonsense' }],
    ['Query', {}],
    ['PutItem', { Item: { sk: { S: 'a' } } }],
    ['PutItem', { Item: { pk: { N: '1' }, sk: { S: 'a' } } }],
    ['PutItem', { Item: { pk: null } }],
    ['GetItem', { Key: 'REQ#1' }],
  ])('names no leading key for %s %j', async (operation, body) => {
    const [check, ...others] = await checks(operation, { TableName: 'main', ...body });
    expect(others).toEqual([]);
    expect(check?.context?.['dynamodb:LeadingKeys']).toBeUndefined();
  });

  it('refuses a key hidden in __proto__, also when it is spelled by escapes', async () => {
    for (const name of ['__proto__', '\\u005f_proto__']) {
      const body = `{"TableName":"main","Item":{"${name}":{"pk":{"S":"DECISION#1"},"sk":{"S":"a"}}}}`;
      expect(await keys('PutItem', body)).toEqual([['dynamodb:PutItem', TABLE, undefined]]);
      expect((await db.service.handle(requestOf('PutItem', body))).status).toBe(400);
    }
  });

  it("asks for each item of a transaction with that item's action", async () => {
    const TransactItems = [
      { Put: { TableName: 'main', Item: item('A') } },
      { ConditionCheck: { TableName: 'main', Key: item('B'), ConditionExpression: 'attribute_exists(pk)' } },
      { Delete: { TableName: 'main', Key: item('C') } },
    ];
    expect(await keys('TransactWriteItems', { TransactItems })).toEqual([
      ['dynamodb:PutItem', TABLE, ['A']],
      ['dynamodb:ConditionCheckItem', TABLE, ['B']],
      ['dynamodb:DeleteItem', TABLE, ['C']],
    ]);
    expect(await keys('TransactGetItems', { TransactItems: [{ Get: { TableName: 'main', Key: item('A') } }] })).toEqual([
      ['dynamodb:GetItem', TABLE, ['A']],
    ]);
  });

  it('asks once per table for a batch, with all leading keys', async () => {
    const write = { RequestItems: { main: [{ PutRequest: { Item: item('A') } }, { DeleteRequest: { Key: item('B') } }] } };
    expect(await keys('BatchWriteItem', write)).toEqual([['dynamodb:BatchWriteItem', TABLE, ['A', 'B']]]);
    const read = { RequestItems: { main: { Keys: [item('A'), item('B')] } } };
    expect(await keys('BatchGetItem', read)).toEqual([['dynamodb:BatchGetItem', TABLE, ['A', 'B']]]);
    const partly = { RequestItems: { main: { Keys: [item('A'), { sk: { S: 'b' } }] } } };
    expect(await keys('BatchGetItem', partly)).toEqual([['dynamodb:BatchGetItem', TABLE, undefined]]);
  });

  it('names the attributes that a request touches', async () => {
    const [check] = await checks('UpdateItem', {
      TableName: 'main',
      Key: item('A'),
      UpdateExpression: 'SET #m.detail = :v REMOVE former',
      ConditionExpression: 'attribute_exists(version)',
      ExpressionAttributeNames: { '#m': 'map' },
      ExpressionAttributeValues: { ':v': { S: 'x' } },
    });
    expect(new Set(check?.context?.['dynamodb:Attributes'])).toEqual(new Set(['pk', 'sk', 'map', 'former', 'version']));
  });

  it('spells a denial as AWS does', () => {
    const answer = db.service.errorResponse(requestOf('GetItem', {}), { status: 400, code: 'AccessDeniedException', message: 'no' });
    expect(JSON.parse(String(answer.body))).toEqual({ __type: 'com.amazon.coral.service#AccessDeniedException', message: 'no' });
  });
});
