/** Reads queries and forms: names that come twice are refused, because two readers would take different ones. */
import { Refusal } from '../../core/errors.ts';

/** Parameters of an `application/x-www-form-urlencoded` text (attacker-controlled). Refusal: AMBIGUOUS_PARAMETER. */
export function readForm(text: string): Record<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(text)) {
    if (found.has(name))
      throw new Refusal('AMBIGUOUS_PARAMETER', 'a parameter is given more than once', { hint: 'send every parameter once' });
    found.set(name, value);
  }
  // No prototype: a parameter may be called `__proto__`.
  return Object.assign(Object.create(null) as Record<string, string>, Object.fromEntries(found));
}
