/** Reading the sealed log: search, proofs, exports, receipts. The only HTTP group that reads the log's bucket. */
import { auditCheckpoint } from './audit/checkpoint.http.ts';
import { searchAudit } from './audit/search.http.ts';
import { httpHandler } from './kit/http-handler.ts';

export const handler = httpHandler('audit', { searchAudit, auditCheckpoint });
