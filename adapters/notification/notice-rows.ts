/** Notices that wait to be delivered, and the marks of what has gone out already. */
import { ulid } from 'ulid';
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import type { NoticeDraft } from '../../core/promotion/change.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { deliveryKey, NOTICE } from '../state/keys.ts';
import { type Item, type Table, WriteConflict } from '../state/table.ts';

export interface NoticeRow extends NoticeDraft {
  row: string;
  /** ISO time of the change that it tells of. */
  at: string;
  requestId: string;
  seq: number;
  attempt: number;
  planHash: string;
}

export interface NoticeRows {
  /** Oldest first, read page by page: after a burst there are more than one run delivers. */
  pending(): AsyncGenerator<NoticeRow>;
  /** A notice that no change of the request carries. */
  add(draft: NoticeDraft, promotion: Pick<Promotion, 'id' | 'seq' | 'attempt' | 'planHash'>, now: Date): Promise<void>;
  done(notice: NoticeRow): Promise<void>;
  wasSent(notice: NoticeRow, channel: string): Promise<boolean>;
  /** Marks a channel or recipient as served, so that a repetition sends to the others only. */
  markSent(notice: NoticeRow, channel: string): Promise<void>;
  /** Remembers that something could not go out: `explain` says so. */
  markFailed(notice: NoticeRow, message: string): Promise<void>;
  /** Remembers that somebody who was asked for something could not be. */
  markUnreached(notice: NoticeRow, message: string): Promise<void>;
  /** Remembers that a mail came back, and makes a notice of it, once for each mail. */
  addReturned(
    subject: Pick<NoticeRow, 'requestId' | 'seq' | 'attempt' | 'planHash'>,
    mail: { messageId: string; message: string; at: string },
  ): Promise<void>;
  /** The notice that could not go out has gone out after all. */
  markRepaired(notice: NoticeRow): Promise<void>;
  /** Something of this request could not go out, and has not since. */
  hasFailed(requestId: string): Promise<boolean>;
}

/** Marks are needed while their notice may be repeated. */
const KEEP_SECONDS = 7 * 86_400;

/** Notices that are read at a time. */
const PAGE = 50;

/** Sort key of the last notice that could not go out. */
const FAILED = 'FAILED';

export function noticeRows(table: Table): NoticeRows {
  const sort = (notice: NoticeRow, channel: string) => `SENT#${notice.row}#${sha256Hex(channel).slice(0, 16)}`;
  const ttl = (notice: NoticeRow) => Math.ceil(Date.parse(notice.at) / 1000) + KEEP_SECONDS;
  return {
    async *pending() {
      let startKey: Item | undefined;
      do {
        const page = await table.query({ pk: NOTICE, limit: PAGE, ...(startKey ? { startKey } : {}) });
        for (const { body, SK, at } of page.items)
          yield { ...(body as Omit<NoticeRow, 'row' | 'at'>), row: SK as string, at: at as string };
        startKey = page.lastKey;
      } while (startKey);
    },
    async add(draft, { id, seq, attempt, planHash }, now) {
      await table.put({
        PK: NOTICE,
        SK: ulid(now.getTime()),
        at: now.toISOString(),
        body: { ...draft, requestId: id, seq, attempt, planHash },
      });
    },
    async done(notice) {
      await table.remove(NOTICE, notice.row);
    },
    async wasSent(notice, channel) {
      return (await table.get(deliveryKey(notice.requestId), sort(notice, channel))) !== undefined;
    },
    async markSent(notice, channel) {
      await table.put({ PK: deliveryKey(notice.requestId), SK: sort(notice, channel), ttl: ttl(notice) });
    },
    async markFailed(notice, message) {
      const { row, at, type } = notice;
      await table.put({ PK: deliveryKey(notice.requestId), SK: FAILED, ttl: ttl(notice), row, at, type, message });
    },
    async markUnreached({ row, at, type, requestId, ...notice }, message) {
      // Named after the person, not after the notice: that this one goes out to others repairs nothing.
      await table.put({
        PK: deliveryKey(requestId),
        SK: FAILED,
        ttl: ttl({ row, at, type, requestId, ...notice }),
        row: `mail-${row}`,
        at,
        type,
        message,
      });
    },
    async addReturned(subject, { messageId, message, at }) {
      // The mail's id in the key: an event that comes twice makes no second notice, also when the first has been delivered.
      const row = `returned-${sha256Hex(messageId).slice(0, 16)}`;
      const mark = { PK: deliveryKey(subject.requestId), SK: `RETURNED#${row}`, ttl: Math.ceil(Date.parse(at) / 1000) + KEEP_SECONDS };
      const body = { ...subject, type: 'notification.failed', data: { reason: message } };
      try {
        await table.transact([
          { put: mark, condition: { expression: 'attribute_not_exists(PK)' } },
          // Named after the mail, not after the notice of it: that this one arrives repairs nothing.
          { put: { ...mark, SK: FAILED, row: `mail-${row}`, at, type: 'notification.failed', message } },
          { put: { PK: NOTICE, SK: row, at, body } },
        ]);
      } catch (error) {
        if (!(error instanceof WriteConflict)) throw error;
      }
    },
    async markRepaired(notice) {
      const failed = await table.get(deliveryKey(notice.requestId), FAILED);
      if (failed?.['row'] === notice.row) await table.put({ ...failed, repaired: true });
    },
    async hasFailed(requestId) {
      const failed = await table.get(deliveryKey(requestId), FAILED);
      return failed !== undefined && failed['repaired'] !== true;
    },
  };
}
