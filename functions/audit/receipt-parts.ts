/** What receipts are made of and with; loaded when there is one to be made. */
import { openVault } from '../../adapters/audit/audit-vault.ts';
import { logState } from '../../adapters/audit/log-head.ts';
import { logIndex } from '../../adapters/audit/log-index.ts';
import { makeReceipt, type ReceiptParts } from '../../adapters/audit/receipt-maker.ts';
import { receiptRows } from '../../adapters/audit/receipt-rows.ts';
import { receiptSigner } from '../../adapters/audit/receipt-signer.ts';
import { sealedEvidence } from '../../adapters/audit/sealed-evidence.ts';
import { requiredVariable } from '../../adapters/state/table.ts';
import { VARIABLES } from '../../core/environment/variables.ts';
import { clock, people, promotions, table } from '../kit/state.ts';

const vault = openVault();
const parts: ReceiptParts = {
  ...{ promotions, people, log: vault, rows: receiptRows(table, clock), state: logState(table, clock), index: logIndex(table, vault) },
  store: openVault(requiredVariable(VARIABLES.RECEIPT_BUCKET)),
  evidence: sealedEvidence(table, clock),
  signer: receiptSigner(),
};

export const receipt = (requestId: string): Promise<Buffer | undefined> => makeReceipt(parts, requestId);
