/** Input against the schema of its route; what does not fit becomes one refusal that names every field. */
import type * as z from 'zod';
import { type FieldError, Refusal, type RefusalCode } from '../../core/errors.ts';

/** Names of unknown fields come from the caller: only plain ones are repeated in the answer. */
const PLAIN = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
const MOST_ERRORS = 50;

/** `place` is `body` (errors are JSON pointers) or `query` (errors are `?name`). Refusals: INVALID_REQUEST, UNKNOWN_FIELD, or the code that a rule of the schema names. */
export function checkSchema(schema: z.ZodType, input: unknown, place: 'body' | 'query'): unknown {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const { issues } = result.error;
  const errors = issues.flatMap((issue) => fieldErrors(issue, place)).slice(0, MOST_ERRORS);
  const unknown = issues.some((issue) => issue.code === 'unrecognized_keys');
  const code = unknown ? 'UNKNOWN_FIELD' : (issues.map(codeOf).find((found) => found !== undefined) ?? 'INVALID_REQUEST');
  const what = place === 'body' ? 'the body' : 'the query';
  throw new Refusal(code, unknown ? `${what} holds a field that this route does not have` : `${what} does not fit the schema`, {
    hint: 'compare with /openapi.json; `errors` lists every field',
    errors,
  });
}

function codeOf(issue: z.core.$ZodIssue): RefusalCode | undefined {
  if (issue.code !== 'custom') return undefined;
  const code: unknown = issue.params?.['code'];
  return code === 'INVALID_DATE' || code === 'INVALID_REF' ? code : undefined;
}

function fieldErrors(issue: z.core.$ZodIssue, place: 'body' | 'query'): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: PLAIN.test(key) ? pointer([...issue.path, key], place) : pointer(issue.path, place),
      message: 'unknown field',
    }));
  }
  return [{ path: pointer(issue.path, place), message: issue.message }];
}

function pointer(path: readonly PropertyKey[], place: 'body' | 'query'): string {
  if (place === 'query') return `?${path.map(String).join('.')}`;
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
