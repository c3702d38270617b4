/** Makes one event of the failed sign-ins of each minute and kind. */
import { eventOfFailures, type FailureCount, failureCountOf, isClosed, requestOfFailures } from '../../core/access/failed-sign-ins.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import { FAILURES, failuresHead, LOG_HEAD } from '../state/keys.ts';
import { type Item, type Table, unchanged, WriteConflict } from '../state/table.ts';
import { outboxWrite } from './outbox.ts';

export interface RecordedFailures {
  events: number;
  /** Sort keys of rows that say nothing that can be recorded; they are gone. */
  unreadable: string[];
}

/**
 * One transaction for each minute that is over: the count goes, the chain moves on, the event waits to be sealed. Each of the three is a condition, so
 * that of several at once one does it, and a failure that is counted late is never lost: the row stays for the next run.
 */
export async function recordFailures(table: Table, clock: Clock): Promise<RecordedFailures> {
  const done: RecordedFailures = { events: 0, unreadable: [] };
  for (const row of await table.all({ pk: FAILURES })) {
    const count = failureCountOf(row);
    if (!count) {
      await table.remove(FAILURES, String(row['SK']));
      done.unreadable.push(String(row['SK']));
    } else if (isClosed(count.minute, clock.now()) && (await record(table, row, count, clock.now()))) done.events++;
  }
  return done;
}

/** False: another run has done it, or a failure was counted at this moment. */
async function record(table: Table, row: Item, count: FailureCount, at: Date): Promise<boolean> {
  const sk = failuresHead(count.kind);
  const head = await table.get(LOG_HEAD, sk);
  const seq = Number(head?.['seq'] ?? 0) + 1;
  const rid = requestOfFailures(count.kind);
  const { write, lastLine } = outboxWrite({
    ...{ rid, seq, prev: String(head?.['lastLine'] ?? ''), tenant: '', at },
    event: eventOfFailures(count),
  });
  try {
    await table.transact([
      {
        remove: { pk: FAILURES, sk: String(row['SK']) },
        condition: {
          expression: 'failures = :count AND sources = :sources',
          values: { ':count': count.count, ':sources': count.sources },
        },
      },
      { put: { PK: LOG_HEAD, SK: sk, seq, lastLine }, condition: unchanged(head) },
      write,
    ]);
    return true;
  } catch (error) {
    if (error instanceof WriteConflict) return false;
    throw error;
  }
}
