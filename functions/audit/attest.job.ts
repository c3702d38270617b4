/**
 * Lambda `attest`: makes receipts of finished rollouts, and exports of the log. Called by the task that ends a promotion, which waits for the answer; the schedule makes what nobody
 * waited for, or what could not be made in time.
 */
import { exportRows } from '../../adapters/audit/export-rows.ts';
import { receiptRows } from '../../adapters/audit/receipt-rows.ts';
import { log } from '../kit/log.ts';
import { clock, table } from '../kit/state.ts';

const rows = receiptRows(table, clock);
const exports = exportRows(table, clock);
/** Most minutes there is nothing to do. */
const receipt = async (requestId: string) => (await import('./attest-parts.ts')).receipt(requestId);

/** The function ends after 300 s; a receipt takes well below 60. */
const LIMIT_MS = 240_000;

export interface AttestEvent {
  /** The one receipt that the caller waits for. */
  receiptOf?: string;
}

/** With `receiptOf` the receipt as text, null when there is none to be had; otherwise how many were made. */
export async function handler({ receiptOf }: AttestEvent = {}): Promise<{ receipt: string | null } | { made: number }> {
  if (receiptOf !== undefined) return { receipt: (await receipt(receiptOf))?.toString('utf8') ?? null };
  const end = performance.now() + LIMIT_MS;
  let made = 0;
  const failures: unknown[] = [];
  for (const requestId of await rows.due()) {
    if (performance.now() >= end) break;
    try {
      if (await receipt(requestId)) made++;
    } catch (error) {
      failures.push(error);
      log.error('receipt not made', { requestId, error });
    }
  }
  for (const wanted of await exports.due()) {
    if (performance.now() >= end) break;
    try {
      await exports.end(await (await import('./attest-parts.ts')).exported(wanted));
      made++;
    } catch (error) {
      failures.push(error);
      log.error('export not made', { exportId: wanted.id, error });
    }
  }
  // The alarm on errors calls somebody: rows stay until their receipts are there.
  if (failures.length > 0) throw failures[0];
  return { made };
}
