/** One spelling per value, so that equal plans have equal hashes. */
import { hash } from 'node:crypto';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

/** JSON with sorted keys and without undefined members. Numbers must be finite; strings are taken as they are. */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(',')}]`;
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError('a number that is not finite has no canonical form');
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value as Record<string, Json | undefined>)
    .filter(([, member]) => member !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member as Json)}`);
  return `{${members.join(',')}}`;
}

/** Lower-case hex SHA-256. */
export function sha256Hex(bytes: string | Uint8Array): string {
  return hash('sha256', bytes, 'hex');
}

/** Hash of a value by its canonical form, as `sha256:<hex>`. */
export function contentHash(value: Json): string {
  return `sha256:${sha256Hex(canonicalJson(value))}`;
}
