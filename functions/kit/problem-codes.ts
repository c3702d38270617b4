/** Codes of problems on the wire that are no refusals, with their status. The functions and the OpenAPI document share them. */
import type { RefusalCode } from '../../core/errors.ts';

export const FAILURES = { UNAVAILABLE: 503, AUDIT_UNAVAILABLE: 503, INTERNAL: 500 } as const;
export type ProblemCode = RefusalCode | keyof typeof FAILURES;
