/** Reads a list of the API to its end. */
import type { ApiClient } from './client.ts';

/** Pages of 100 that are read at most: a server that never ends its list does not hold us. */
const MOST_PAGES = 100;

export async function everyPage<Item>(client: ApiClient, path: string, query: Record<string, string | undefined> = {}): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const page = await client.get<{ items: Item[]; nextCursor?: string }>(path, { ...query, cursor, limit: '100' });
    items.push(...page.items);
    cursor = page.nextCursor;
    if (cursor === undefined) break;
  }
  return items;
}
