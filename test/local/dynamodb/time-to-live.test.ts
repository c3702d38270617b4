import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type InProcess, item, type Json, startDynamoDb } from './in-process.ts';

let db: InProcess;

const ttl = { TimeToLiveSpecification: { AttributeName: 'expires', Enabled: true } };
const inSeconds = (seconds: number) => ({ expires: { N: String(Math.floor(db.context.clock.now() / 1000) + seconds) } });
const put = (pk: string, more: object) => db.call('PutItem', { TableName: 'main', Item: item(pk, more) });
const keys = async () => (await db.call('Scan', { TableName: 'main' })).body.Items.map((found: Json) => found.pk.S).sort();

describe('time to live', () => {
  beforeEach(async () => {
    db = await startDynamoDb();
    await db.declare({ ...ttl, StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' } });
  });
  afterEach(() => db.dispose());

  it('deletes an expired item within minutes of virtual time, and no other', async () => {
    await put('soon', inSeconds(600));
    await put('late', inSeconds(3600));
    await put('never', {});
    await put('not a number', { expires: { S: '1' } });
    await db.context.clock.advance(9 * 60_000);
    expect(await keys()).toContain('soon');
    await db.context.clock.advance(3 * 60_000);
    expect(await keys()).toEqual(['late', 'never', 'not a number']);
  });

  it('spares an item whose expiry was moved', async () => {
    await put('x', inSeconds(60));
    await put('x', inSeconds(7200));
    await db.context.clock.advance(10 * 60_000);
    expect(await keys()).toEqual(['x']);
  });

  it('deletes after a restart what expires later', async () => {
    await put('x', inSeconds(600));
    db = await db.restart();
    await db.context.clock.advance(12 * 60_000);
    expect(await keys()).toEqual([]);
  });

  it('takes in the items that exist when it is switched on', async () => {
    await db.declare({});
    await put('x', inSeconds(60));
    await db.call('UpdateTimeToLive', { TableName: 'main', ...ttl });
    await db.context.clock.advance(3 * 60_000);
    expect(await keys()).toEqual([]);
  });

  it('shows the deletion in the stream as one of the service', async () => {
    const records: Json[] = [];
    const { body } = await db.call('DescribeTable', { TableName: 'main' });
    db.service.subscribe(body.Table.LatestStreamArn, async (batch) => void records.push(...batch));
    await put('x', inSeconds(60));
    await db.context.clock.advance(3 * 60_000);
    expect(records.map((record) => record.eventName)).toEqual(['INSERT', 'REMOVE']);
    expect(records[1].userIdentity).toEqual({ type: 'Service', principalId: 'dynamodb.amazonaws.com' });
    expect(records[0].userIdentity).toBeUndefined();
  });

  it('refuses to be switched on twice', async () => {
    const { body } = await db.call('UpdateTimeToLive', { TableName: 'main', ...ttl });
    expect(body.message).toBe('TimeToLive is already enabled');
  });
});
