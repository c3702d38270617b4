/** Shapes of what the feature registry answers. */
import * as z from 'zod';
import { digest, registryRole } from '../kit/answer.ts';

const copyReport = z
  .strictObject({
    environment: z.string(),
    artifact: z.string(),
    version: z.string(),
    digest,
    complete: z.boolean(),
    registries: z.array(
      z.strictObject({
        name: z.string(),
        role: registryRole,
        required: z.boolean(),
        complete: z.boolean(),
        sourceRoot: digest.optional(),
        targetRoot: digest.optional(),
        manifests: z.int().optional(),
        blobs: z.int().optional(),
        missing: z.array(
          z.strictObject({
            kind: z.enum(['manifest', 'blob', 'tag', 'referrer']),
            digest,
            size: z.int().optional(),
            tag: z.string().optional(),
            subject: digest.optional(),
            reason: z.enum(['absent', 'different']),
          }),
        ),
        failure: z.strictObject({ code: z.string(), message: z.string() }).optional(),
      }),
    ),
  })
  .meta({ id: 'CopyReport', description: 'What each registry of an environment has of a version, compared with the source part by part' });

export const REGISTRY_ANSWERS = {
  CopyReport: copyReport,
} as const;
