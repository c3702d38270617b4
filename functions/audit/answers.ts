/** Shapes of what the feature audit answers. */
import * as z from 'zod';
import { EXPORT_FORMATS } from '../../core/audit/export-format.ts';
import { proofFile } from '../../core/audit/proof-file.ts';
import { instant, listOf } from '../kit/answer.ts';

const event = z
  .strictObject({
    index: z.int().meta({ description: 'Place in the log, from 0' }),
    id: z.string(),
    type: z.string(),
    at: instant,
    tenant: z.string(),
    requestId: z.string().meta({ description: 'Request, or a pseudo request such as `sys:log`' }),
    actor: z.strictObject({
      id: z.string().meta({ description: 'Pseudonym, as the log holds it' }),
      email: z.string().nullable().meta({ description: 'From the erasable directory: null when nobody is known, or no more' }),
      name: z.string().nullable(),
      auth: z.string(),
      channel: z.string(),
    }),
    artifact: z.string().nullable(),
    digest: z.string().nullable(),
    from: z.string().nullable(),
    environment: z.string().nullable(),
    planHash: z.string().nullable(),
    summary: z.string(),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'AuditEvent' });

export const AUDIT_ANSWERS = {
  AuditEventList: listOf(event).meta({ id: 'AuditEventList' }),
  Checkpoint: z
    .strictObject({
      origin: z.string(),
      size: z.int(),
      root: z.string().meta({ description: 'base64' }),
      checkpoint: z.string().nullable().meta({ description: 'The C2SP signed note; null before anything was sealed' }),
    })
    .meta({ id: 'Checkpoint' }),
  ExportAccepted: z.strictObject({ exportId: z.string() }).meta({ id: 'ExportAccepted' }),
  LogExport: z
    .strictObject({
      exportId: z.string(),
      format: z.enum(EXPORT_FORMATS),
      status: z.enum(['pending', 'done', 'failed']),
      createdAt: instant,
      lines: z.int().optional(),
      problem: z.string().optional(),
      url: z.string().nullable().meta({ description: 'Whoever has it gets the file until `urlExpiresAt`; null until it is there' }),
      urlExpiresAt: instant.optional(),
    })
    .meta({ id: 'LogExport' }),
  InclusionProof: proofFile.meta({ id: 'InclusionProof', description: 'What `greenlight audit verify-proof` reads' }),
  Receipt: z
    .strictObject({
      payloadType: z.literal('application/vnd.in-toto+json'),
      payload: z.string().meta({ description: 'base64 of the in-toto statement' }),
      signatures: z.array(z.strictObject({ keyid: z.string(), sig: z.string() })),
    })
    .meta({ id: 'Receipt', description: 'DSSE envelope; what `greenlight verify-receipt` reads' }),
} as const;
