/** Errors on the wire: RFC 9457 problems. Refusals and faults speak for themselves; anything else is a bug and shows its request id only. */
import { Fault, type FaultCode, REFUSALS, Refusal, type RefusalCode } from '../../core/errors.ts';
import type { HttpAnswer } from './http.ts';
import { log } from './log.ts';
import { FAILURES, type ProblemCode } from './problem-codes.ts';

/** Faults that say what is wrong with the artifact itself. */
const REFUSED_CONTENT: Partial<Record<FaultCode, RefusalCode>> = {
  MANIFEST_INVALID: 'AMBIGUOUS_MANIFEST',
  DIGEST_MISMATCH: 'AMBIGUOUS_MANIFEST',
  LIMIT: 'LIMIT',
};

/** What helps against any refusal of that code, where none of its own is given. */
const HINTS: Partial<Record<RefusalCode, string>> = {
  // The same for what is not there and what is another tenant's.
  NOT_FOUND: 'check how it is written; what belongs to another tenant is not shown',
  FORBIDDEN: '`greenlight whoami` (GET /v1/me) says what you may do where; who may change the configuration gives roles',
};

/** Seconds after which a client may ask again when a dependency was away. */
const RETRY_AFTER_FAULT = 2;

/** Status of a code. */
export function statusOf(code: ProblemCode): number {
  return code in FAILURES ? FAILURES[code as keyof typeof FAILURES] : REFUSALS[code as RefusalCode];
}

/** Answer to anything thrown. Nothing of the request is repeated in it. */
export function problem(error: unknown, requestId: string): HttpAnswer {
  if (error instanceof Refusal) {
    const hint = error.hint ?? HINTS[error.code];
    return {
      ...render(error.code, error.message, requestId, {
        ...(hint === undefined ? {} : { hint }),
        ...(error.errors === undefined ? {} : { errors: error.errors }),
      }),
      headers: { ...error.headers, ...(error.retryAfter === undefined ? {} : { 'retry-after': String(error.retryAfter) }) },
    };
  }
  if (error instanceof Fault) {
    log.warn('dependency away', { requestId, error });
    const refusal = REFUSED_CONTENT[error.code];
    if (refusal)
      return render(refusal, error.message, requestId, {
        hint: error.hint ?? 'push the artifact again; what the registry holds cannot be promoted',
      });
    // Whatever a registry or cluster does wrong is its fault, not the caller's and not ours.
    const code = error.code === 'AUDIT_UNAVAILABLE' ? 'AUDIT_UNAVAILABLE' : 'UNAVAILABLE';
    const hint = error.hint ?? 'try again in a moment; an Idempotency-Key makes that safe';
    return { ...render(code, error.message, requestId, { hint }), headers: { 'retry-after': String(RETRY_AFTER_FAULT) } };
  }
  log.error('request failed', { requestId, error });
  const detail = 'something went wrong on our side; the log knows it by the request id';
  return render('INTERNAL', detail, requestId, {});
}

function render(code: ProblemCode, detail: string, requestId: string, more: object): HttpAnswer {
  const status = statusOf(code);
  const words = code.toLowerCase().replaceAll('_', ' ');
  const title = `${words[0]!.toUpperCase()}${words.slice(1)}`;
  return {
    status,
    contentType: 'application/problem+json',
    body: { type: `/docs#${code}`, title, status, code, detail, ...more, requestId },
  };
}
