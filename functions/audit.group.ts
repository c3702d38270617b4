/**
 * Reading the sealed log: search, proofs, exports, receipts. The only HTTP group that reads the log's bucket, with a client that is large: nothing is
 * loaded before it is asked for.
 */
import { httpHandler } from './kit/http-handler.ts';
import { lazily } from './kit/lazily.ts';

export const handler = httpHandler('audit', {
  searchAudit: lazily(async () => (await import('./audit/search.http.ts')).searchAudit),
  auditCheckpoint: lazily(async () => (await import('./audit/checkpoint.http.ts')).auditCheckpoint),
  proveEvent: lazily(async () => (await import('./audit/prove.http.ts')).proveEvent),
  exportAudit: lazily(async () => (await import('./audit/export.http.ts')).exportAudit),
  getExport: lazily(async () => (await import('./audit/export.http.ts')).getExport),
  requestReceipt: lazily(async () => (await import('./audit/receipt.http.ts')).requestReceipt),
});
