/** What receipts and exports are made of and with; loaded when there is one to be made. */
import { whoIs } from '../../adapters/access/who-is.ts';
import { openVault } from '../../adapters/audit/audit-vault.ts';
import { exportFiles } from '../../adapters/audit/export-files.ts';
import { makeExport } from '../../adapters/audit/export-maker.ts';
import type { LogExport } from '../../adapters/audit/export-rows.ts';
import { logState } from '../../adapters/audit/log-head.ts';
import { logIndex } from '../../adapters/audit/log-index.ts';
import { makeReceipt, type ReceiptParts } from '../../adapters/audit/receipt-maker.ts';
import { receiptRows } from '../../adapters/audit/receipt-rows.ts';
import { receiptSigner } from '../../adapters/audit/receipt-signer.ts';
import { sealedEvidence } from '../../adapters/audit/sealed-evidence.ts';
import { requiredVariable } from '../../adapters/state/table.ts';
import { VARIABLES } from '../../core/environment/variables.ts';
import { Refusal } from '../../core/errors.ts';
import { clock, promotions, table } from '../kit/state.ts';

const people = whoIs(table);
const vault = openVault();
const parts: ReceiptParts = {
  ...{ promotions, people, log: vault, rows: receiptRows(table, clock), state: logState(table, clock), index: logIndex(table, vault) },
  store: openVault(requiredVariable(VARIABLES.RECEIPT_BUCKET)),
  evidence: sealedEvidence(table, clock),
  signer: receiptSigner(),
};

const files = exportFiles();

/** Makes the export and says how it ended; only a failure of the world is thrown, and tried again. */
export async function exported(wanted: LogExport): Promise<LogExport> {
  try {
    const { bytes, extension, contentType, lines } = await makeExport({ log: vault, state: parts.state, people }, wanted);
    const file = `${wanted.id}/audit-${wanted.createdAt.slice(0, 10)}.${extension}`;
    await files.write(file, bytes, contentType);
    return { ...wanted, status: 'done', file, lines };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { ...wanted, status: 'failed', problem: `${error.message}${error.hint === undefined ? '' : `; ${error.hint}`}` };
  }
}

export const receipt = (requestId: string): Promise<Buffer | undefined> => makeReceipt(parts, requestId);
