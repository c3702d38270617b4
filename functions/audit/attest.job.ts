/**
 * Lambda `attest`: makes receipts of finished rollouts. Called by the task that ends a promotion, which waits for the answer; the schedule makes what nobody
 * waited for, or what could not be made in time.
 */
import { openVault } from '../../adapters/audit/audit-vault.ts';
import { logState } from '../../adapters/audit/log-head.ts';
import { logIndex } from '../../adapters/audit/log-index.ts';
import { makeReceipt, type ReceiptParts } from '../../adapters/audit/receipt-maker.ts';
import { receiptRows } from '../../adapters/audit/receipt-rows.ts';
import { receiptSigner } from '../../adapters/audit/receipt-signer.ts';
import { sealedEvidence } from '../../adapters/audit/sealed-evidence.ts';
import { requiredVariable } from '../../adapters/state/table.ts';
import { VARIABLES } from '../../core/environment/variables.ts';
import { log } from '../kit/log.ts';
import { clock, people, promotions, table } from '../kit/state.ts';

const vault = openVault();
const parts: ReceiptParts = {
  ...{ promotions, people, log: vault, rows: receiptRows(table, clock), state: logState(table, clock), index: logIndex(table, vault) },
  store: openVault(requiredVariable(VARIABLES.RECEIPT_BUCKET)),
  evidence: sealedEvidence(table, clock),
  signer: receiptSigner(),
};

/** The function ends after 300 s; a receipt takes well below 60. */
const LIMIT_MS = 240_000;

export interface AttestEvent {
  /** The one receipt that the caller waits for. */
  receiptOf?: string;
}

/** With `receiptOf` the receipt as text, null when there is none to be had; otherwise how many were made. */
export async function handler({ receiptOf }: AttestEvent = {}): Promise<{ receipt: string | null } | { made: number }> {
  if (receiptOf !== undefined) return { receipt: (await makeReceipt(parts, receiptOf))?.toString('utf8') ?? null };
  const end = performance.now() + LIMIT_MS;
  let made = 0;
  const failures: unknown[] = [];
  for (const requestId of await parts.rows.due()) {
    if (performance.now() >= end) break;
    try {
      if (await makeReceipt(parts, requestId)) made++;
    } catch (error) {
      failures.push(error);
      log.error('receipt not made', { requestId, error });
    }
  }
  // The alarm on errors calls somebody: rows stay until their receipts are there.
  if (failures.length > 0) throw failures[0];
  return { made };
}
