/** Answers that a client has already are not sent again. */
import { createHash } from 'node:crypto';
import type { HttpAnswer } from './http.ts';

/**
 * 304 for a client that has this representation. Weak, and over the whole answer: what the caller may do can change without a write, so no version of a
 * row says whether anything is new.
 */
export function conditional(ifNoneMatch: string | undefined, answer: HttpAnswer): HttpAnswer {
  const content = JSON.stringify([answer.contentType, answer.body]);
  const etag = `W/"${createHash('sha256').update(content).digest('base64url').slice(0, 27)}"`;
  const headers = { ...answer.headers, etag, vary: 'Accept, Authorization, Cookie' };
  const known = (ifNoneMatch ?? '').split(',').map((part) => part.trim());
  if (known.includes('*') || known.includes(etag)) return { status: 304, headers };
  return { ...answer, headers };
}
