/** Routes of the feature audit: search, proofs, exports and receipts over the sealed log. */
import * as z from 'zod';
import { EXPORT_FORMATS } from '../../core/audit/export-format.ts';
import { instant } from '../../core/promotion/request-body.ts';
import { none, paging, REQUEST, type Route } from '../kit/route.ts';

export const auditQuery = z.strictObject({
  ...paging,
  artifact: z.string().max(128).optional(),
  environment: z.string().max(64).optional(),
  /** Address of a person of the configuration, or a pseudonym. */
  user: z.string().max(320).optional(),
  type: z.string().max(64).optional(),
  request: z.string().max(200).optional(),
  tenant: z.string().max(64).optional(),
  from: instant.optional(),
  to: instant.optional(),
});

export const exportBody = z.strictObject({
  format: z.enum(EXPORT_FORMATS),
  tenant: z.string().max(64).optional(),
  from: instant.optional(),
  to: instant.optional(),
});

export const AUDIT_ROUTES = [
  {
    method: 'GET',
    path: '/v1/audit',
    operation: 'searchAudit',
    group: 'audit',
    auth: 'bearer',
    verb: 'audit.read',
    summary: 'Searches the audit log, newest first',
    query: auditQuery,
    answers: { 200: 'AuditEventList' },
    tag: 'audit',
  },
  {
    method: 'GET',
    path: '/v1/audit/checkpoint',
    operation: 'auditCheckpoint',
    group: 'audit',
    auth: 'bearer',
    verb: 'audit.read',
    summary: 'The newest signed state of the audit log',
    query: none,
    answers: { 200: 'Checkpoint' },
    tag: 'audit',
  },
  {
    method: 'GET',
    path: '/v1/audit/{eventId}/proof',
    operation: 'proveEvent',
    group: 'audit',
    auth: 'bearer',
    verb: 'audit.read',
    names: 'event',
    summary: 'Proves that an event is in the log',
    query: none,
    answers: { 200: 'InclusionProof' },
    tag: 'audit',
  },
  {
    method: 'GET',
    path: `${REQUEST}/receipt`,
    operation: 'requestReceipt',
    group: 'audit',
    auth: 'bearer',
    verb: ['read', 'audit.read'],
    names: 'request',
    needsState: true,
    summary: 'The signed receipt of a finished rollout',
    query: none,
    answers: { 200: 'Receipt' },
    tag: 'audit',
  },
  {
    method: 'POST',
    path: '/v1/audit/exports',
    operation: 'exportAudit',
    group: 'audit',
    auth: 'bearer',
    verb: 'audit.export',
    names: 'tenant',
    summary: 'Asks for an export of the log, as NDJSON, CSV, bundle of a tenant, or tiles',
    body: exportBody,
    query: none,
    answers: { 202: 'ExportAccepted' },
    tag: 'audit',
  },
  {
    method: 'GET',
    path: '/v1/audit/exports/{exportId}',
    operation: 'getExport',
    group: 'audit',
    auth: 'bearer',
    verb: 'audit.export',
    names: 'export',
    summary: 'Whether an export of mine is there, and where',
    query: none,
    answers: { 200: 'LogExport' },
    tag: 'audit',
  },
] as const satisfies readonly Route[];
