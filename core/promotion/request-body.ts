/** The body of create, edit and preview. Unknown fields are refused: nobody sets a status, a tenant or an approver through it. */
import * as z from 'zod';
import { TAG_GRAMMAR } from '../registry/version.ts';
import { PRIORITIES } from './promotion.ts';
import { LEAST, visibleLength } from './visible-length.ts';

/** Names that stand in keys, tags and pages: plain ASCII, so that an approver sees what is signed. */
const NAME = /^[a-z][a-z0-9-]{0,38}$/;
/** Repository names may have path segments. */
const REPOSITORY = /^[a-z0-9]+(?:[._-][a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-][a-z0-9]+)*)*$/;
const LONGEST_NAME = 128;
const DIGEST = /^sha256:[a-f0-9]{64}$/;
/** C0 and C1 controls but line feed and tab, lone surrogates, and bidirectional overrides: none of them is text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]|\p{Cs}/u;

/** Long text of a person: normalized line ends and NFC, no characters that hide or reorder others. */
export function prose(least: number, longest = 20_000) {
  return z
    .string()
    .max(longest)
    .transform((text) => text.replaceAll('\r\n', '\n').normalize('NFC'))
    .refine((text) => !UNSAFE.test(text), 'must not hold control characters or direction overrides')
    .refine((text) => visibleLength(text) >= least, least === 1 ? 'must not be empty' : `must have at least ${least} visible characters`);
}

/** RFC 3339 with an offset and a date that exists. */
export const instant = z
  .string()
  .max(40)
  .refine(isInstant, { message: 'must be a date and time with an offset, e.g. 2026-11-20T09:30:00Z', params: { code: 'INVALID_DATE' } });

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

function isInstant(text: string): boolean {
  const match = RFC3339.exec(text);
  if (!match || Number.isNaN(Date.parse(text))) return false;
  const [, year, month, day] = match.map(Number);
  const date = new Date(Date.UTC(year!, month! - 1, day!));
  return date.getUTCMonth() === month! - 1 && date.getUTCDate() === day!;
}

/** A link that is shown, never fetched. */
const webAddress = z
  .string()
  .max(2_000)
  .refine((text) => {
    if (!URL.canParse(text) || /[\s\p{C}]/u.test(text)) return false;
    const url = new URL(text);
    return (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '' && url.password === '';
  }, 'must be a web address (https://…) without a password');

/** Name of an artifact: its repository. */
export const artifactName = z
  .string()
  .refine((name) => name.length <= LONGEST_NAME && REPOSITORY.test(name), {
    message: 'must be a repository name such as payment-api',
    params: { code: 'INVALID_REF' },
  })
  .meta({ maxLength: LONGEST_NAME, pattern: REPOSITORY.source });

/** A version as users write it: a tag or a digest. */
export const artifactVersion = z
  .string()
  .max(128)
  .refine((version) => TAG_GRAMMAR.test(version) || DIGEST.test(version), {
    message: 'must be a version tag such as 2.1.0 or a digest sha256:<64 lower-case hex digits>',
    params: { code: 'INVALID_REF' },
  });

export const targetSchema = z.strictObject({
  type: z.enum(['api', 'application', 'policy']),
  name: artifactName,
  version: artifactVersion,
  sourceEnvironment: z.string().regex(NAME).optional(),
  targetEnvironment: z.string().regex(NAME).optional(),
});

const textsSchema = z.strictObject({
  justification: prose(LEAST.justification),
  releaseNotes: prose(1),
  impactAssessment: z.enum(['low', 'medium', 'high', 'critical']),
  rollbackPlan: prose(1),
  scheduledDate: instant.nullish(),
  priority: z.enum(PRIORITIES).optional(),
});

const preChecksSchema = z.strictObject({
  stagingTestsPassed: z.boolean(),
  securityScanPassed: z.boolean(),
  performanceTestsPassed: z.boolean(),
  testEvidenceUrl: webAddress,
});

export const requestBodySchema = z.strictObject({
  /** `repair` copies a version again that is in the environment: what its registries lack, and nothing else. */
  kind: z.enum(['promote', 'repair']).optional(),
  target: targetSchema,
  request: textsSchema,
  preChecks: preChecksSchema,
  previewRef: z
    .string()
    .regex(/^pv-[0-9a-f]{32}$/)
    .optional(),
  registries: z.array(z.string().regex(NAME)).min(1).max(8).optional(),
});

export type RequestBody = z.infer<typeof requestBodySchema>;

/** Body of an edit: what is given replaces what is stored, field by field. */
export const editBodySchema = z.strictObject({
  ...requestBodySchema.omit({ kind: true }).partial().shape,
  target: targetSchema.partial().optional(),
  request: textsSchema.partial().optional(),
  preChecks: preChecksSchema.partial().optional(),
});

export type EditBody = z.infer<typeof editBodySchema>;
