/** Receipts that are to be made, and the key that the log declares for them. */
import type { KeyObject } from 'node:crypto';
import { ENGINE } from '../../core/access/identity.ts';
import { eventId } from '../../core/audit/line.ts';
import { KEY_DECLARED, RECEIPTS_REQUEST } from '../../core/audit/receipt-due.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import { HEAD, RECEIPT_KEY, RECEIPTS_DUE } from '../state/keys.ts';
import { type Table, WriteConflict } from '../state/table.ts';
import { outboxWrite } from './outbox.ts';

/** How the log vouches for a key: the event, and the outbox row that it waited in. */
export interface DeclaredKey {
  eventId: string;
  outboxKey: string;
}

export interface ReceiptRows {
  /** Ids of requests whose receipt is to be made, in no order. */
  due(): Promise<string[]>;
  done(requestId: string): Promise<void>;
  /** Declares the key in the log unless it is the one that was declared last. */
  declare(key: KeyObject): Promise<DeclaredKey>;
}

export function receiptRows(table: Table, clock: Clock): ReceiptRows {
  const rows: ReceiptRows = {
    async due() {
      return (await table.all({ pk: RECEIPTS_DUE })).map((row) => String(row['SK']));
    },
    async done(requestId) {
      await table.remove(RECEIPTS_DUE, requestId);
    },
    async declare(key) {
      const spki = key.export({ format: 'der', type: 'spki' }).toString('base64');
      const known = await table.get(RECEIPT_KEY, HEAD);
      if (known?.['spki'] === spki) return { eventId: String(known['eventId']), outboxKey: String(known['outboxKey']) };
      const seq = Number(known?.['seq'] ?? 0) + 1;
      const event = { type: KEY_DECLARED, actor: ENGINE, auth: 'engine', channel: 'engine', data: { alg: 'ecdsa-p256', spki } } as const;
      const line = { rid: RECEIPTS_REQUEST, seq, prev: String(known?.['lastLine'] ?? ''), tenant: '', at: clock.now(), event };
      const { write, lastLine } = outboxWrite(line);
      const declared = { eventId: eventId(RECEIPTS_REQUEST, seq), outboxKey: String(write.put['SK']) };
      try {
        await table.transact([
          {
            put: { PK: RECEIPT_KEY, SK: HEAD, seq, spki, lastLine, ...declared },
            condition: known
              ? { expression: '#seq = :before', names: { '#seq': 'seq' }, values: { ':before': seq - 1 } }
              : { expression: 'attribute_not_exists(PK)' },
          },
          write,
        ]);
        return declared;
      } catch (error) {
        if (!(error instanceof WriteConflict)) throw error;
        // Somebody declares it just now.
        await new Promise((resolve) => setTimeout(resolve, 20));
        return rows.declare(key);
      }
    },
  };
  return rows;
}
