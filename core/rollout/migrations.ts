/** Changes of stored data that a version declares: the label `greenlight.dev/migrations` of its image, a JSON array. Whoever builds the image writes it. */
import * as z from 'zod';
import type { Migration } from './impact.ts';

export const MIGRATIONS_LABEL = 'greenlight.dev/migrations';

const declaration = z
  .array(
    z.strictObject({
      kind: z.enum(['create_table', 'add_column', 'create_index', 'alter_table', 'drop_table', 'drop_column', 'data', 'other']),
      // It stands in reports and pages: plain words, no line breaks.
      name: z.string().regex(/^[\w][\w .:/-]{0,127}$/),
      reversible: z.boolean(),
    }),
  )
  .max(200);

/** The migrations of a version, or why they cannot be read. A version without the label declares none. */
export function migrationsOf(version: string, labels: Readonly<Record<string, string>>): { migrations: Migration[] } | { why: string } {
  const text = Object.hasOwn(labels, MIGRATIONS_LABEL) ? labels[MIGRATIONS_LABEL]! : '[]';
  const parsed = declaration.safeParse(parse(text));
  if (!parsed.success) return { why: `the label ${MIGRATIONS_LABEL} of its image is not as it should be` };
  return { migrations: parsed.data.map((migration) => ({ version, ...migration })) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
