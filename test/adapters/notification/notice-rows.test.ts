import { afterAll, beforeAll, expect, it } from 'vitest';
import { type NoticeRow, noticeRows } from '../../../adapters/notification/notice-rows.ts';
import { promotionStore } from '../../../adapters/promotion/promotion-store.ts';
import { created } from '../../core/promotion/fixture.ts';
import { type ServedTable, serveTable } from '../state/served-table.ts';

let served: ServedTable;
beforeAll(async () => {
  served = await serveTable();
});
afterAll(() => served.stop());

it('notices wait until they are done, and each channel is marked by itself', async () => {
  const promotion = await promotionStore(served.table, served.clock).commit(created());
  const notices = noticeRows(served.table);
  const pending = async () => {
    const found: NoticeRow[] = [];
    for await (const each of notices.pending()) found.push(each);
    return found;
  };
  const [notice, ...more] = await pending();
  expect(more).toEqual([]);
  expect(notice).toMatchObject({ type: 'promotion.requested', requestId: promotion.id, seq: 1, attempt: 1, planHash: promotion.planHash });
  expect(await notices.wasSent(notice!, 'mail:lead@example.com')).toBe(false);
  await notices.markSent(notice!, 'mail:lead@example.com');
  expect(await notices.wasSent(notice!, 'mail:lead@example.com')).toBe(true);
  expect(await notices.wasSent(notice!, 'mail:qa@example.com')).toBe(false);
  expect(await notices.wasSent({ ...notice!, row: 'another' }, 'mail:lead@example.com')).toBe(false);
  const rows = await served.table.all({ pk: `DELIVERY#${promotion.id}` });
  expect(rows[0]!['ttl']).toBe(Math.ceil(Date.parse(notice!.at) / 1000) + 7 * 86_400);
  // The channel is an address of a person: the row holds its hash only.
  expect(JSON.stringify(rows)).not.toContain('example.com');
  await notices.markFailed(notice!, 'mail: not verified');
  expect(await served.table.get(`DELIVERY#${promotion.id}`, 'FAILED')).toMatchObject({
    message: 'mail: not verified',
    type: 'promotion.requested',
  });
  expect(await notices.hasFailed(promotion.id)).toBe(true);
  await notices.markRepaired({ ...notice!, row: 'another' });
  expect(await notices.hasFailed(promotion.id)).toBe(true);
  await notices.markRepaired(notice!);
  expect(await notices.hasFailed(promotion.id)).toBe(false);
  expect(await notices.hasFailed('PR-2026-9999')).toBe(false);
  await notices.done(notice!);
  expect(await pending()).toEqual([]);
});
