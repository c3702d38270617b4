/** Pages of lists that are small enough to be read whole. Their cursors hold for the list and its reader, like those of long lists. */
import { kmsMacs } from '../../adapters/access/macs.ts';
import type { Json } from '../../core/promotion/canonical-json.ts';
import { cursors } from './cursor.ts';
import { clock } from './state.ts';

const DEFAULT_LIMIT = 25;
const pages = cursors(kmsMacs(), clock);

export interface PageOf<Item> {
  items: Item[];
  nextCursor?: string;
}

/** `scope` is everything that decides which items there are. The newest come first; `positionOf` must be unique. Refusal BAD_CURSOR. */
export async function pageOf<Item>(
  listed: readonly Item[],
  positionOf: (item: Item) => string,
  scope: Json,
  { limit = DEFAULT_LIMIT, cursor }: { limit?: number | undefined; cursor?: string | undefined },
): Promise<PageOf<Item>> {
  const after = cursor === undefined ? undefined : await pages.read(scope, cursor);
  const rest = listed
    .filter((item) => after === undefined || positionOf(item) < after)
    .toSorted((left, right) => (positionOf(left) < positionOf(right) ? 1 : -1));
  const items = rest.slice(0, limit);
  return { items, ...(rest.length > items.length ? { nextCursor: await pages.write(scope, positionOf(items.at(-1)!)) } : {}) };
}
