import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type InProcess, item, type Json, startDynamoDb } from './in-process.ts';

let db: InProcess;
let batches: Json[][];

async function follow(view: string): Promise<void> {
  const { attributes } = await db.declare({ StreamSpecification: { StreamViewType: view } });
  db.service.subscribe(attributes!.StreamArn!, async (records) => void batches.push(records));
}

const put = (pk: string, more: object = {}) => db.call('PutItem', { TableName: 'main', Item: item(pk, more) });
const settle = () => db.context.clock.advance(0);

describe('streams', () => {
  beforeEach(async () => {
    db = await startDynamoDb();
    batches = [];
  });
  afterEach(() => db.dispose());

  it('hands over every change with images and ascending sequence numbers', async () => {
    await follow('NEW_AND_OLD_IMAGES');
    await put('x', { v: { N: '1' } });
    await put('x', { v: { N: '2' } });
    await put('x', { v: { N: '2' } });
    await db.call('DeleteItem', { TableName: 'main', Key: item('x') });
    await db.call('DeleteItem', { TableName: 'main', Key: item('x') });
    await settle();
    const records = batches.flat();
    expect(records.map((record) => record.eventName)).toEqual(['INSERT', 'MODIFY', 'REMOVE']);
    expect(records[1]).toMatchObject({
      eventSource: 'aws:dynamodb',
      awsRegion: 'eu-central-1',
      dynamodb: { Keys: item('x'), OldImage: { v: { N: '1' } }, NewImage: { v: { N: '2' } }, StreamViewType: 'NEW_AND_OLD_IMAGES' },
    });
    const numbers = records.map((record) => record.dynamodb.SequenceNumber);
    expect([...numbers].sort()).toEqual(numbers);
    expect(new Set(numbers).size).toBe(3);
  });

  it('hands over the items of a transaction in one batch, and nothing of a cancelled one', async () => {
    await follow('KEYS_ONLY');
    const action = (pk: string, more: object = {}) => ({ Put: { TableName: 'main', Item: item(pk), ...more } });
    await db.call('TransactWriteItems', { TransactItems: [action('a'), action('b')] });
    await db.call('TransactWriteItems', { TransactItems: [action('c'), action('d', { ConditionExpression: 'attribute_exists(pk)' })] });
    await settle();
    expect(batches.map((records) => records.map((record) => record.dynamodb.Keys.pk.S))).toEqual([['a', 'b']]);
    expect(batches[0]![0].dynamodb.NewImage).toBeUndefined();
  });

  it('keeps the order of concurrent writes and goes on after a listener failed', async () => {
    const { attributes } = await db.declare({ StreamSpecification: { StreamViewType: 'NEW_IMAGE' } });
    const seen: string[] = [];
    let calls = 0;
    db.service.subscribe(attributes!.StreamArn!, async (records: Json[]) => {
      calls += 1;
      seen.push(...records.map((record) => record.dynamodb.NewImage.v.N));
      if (calls === 1) throw new Error('listener');
    });
    for (const round of [0, 1]) {
      await Promise.all(Array.from({ length: 20 }, (_, index) => put('x', { v: { N: String(round * 20 + index) } })));
      await settle();
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, index) => String(index)));
    expect(db.context.logged.map(({ message }) => message)).toContain('a stream listener failed');
  });

  it('keeps its ARN over a restart', async () => {
    const before = await db.declare({ StreamSpecification: { StreamViewType: 'KEYS_ONLY' } });
    db = await db.restart();
    const after = await db.declare({ StreamSpecification: { StreamViewType: 'KEYS_ONLY' } });
    expect(after.attributes).toEqual(before.attributes);
  });
});
