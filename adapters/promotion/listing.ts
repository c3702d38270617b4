/** Lists of requests out of the three indexes of their heads. What they cost does not grow with all that ever was. */
import { isFinal } from '../../core/promotion/phase.ts';
import type { OpenQuery, Outcome, OutcomeQuery, PromotionPage, PromotionQuery } from '../../core/promotion/ports.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { HEAD, LISTING_INDEX, listingKey, OPEN_INDEX, OUTCOMES_INDEX, openKey, requestKey } from '../state/keys.ts';
import type { Item, Page, Table } from '../state/table.ts';

/** Sorts after every instant. */
const END_OF_TIME = '9';

/** Page of heads over the tenants' listings, newest first. Tenants are few; each is one index query. */
export async function list(table: Table, query: PromotionQuery): Promise<PromotionPage> {
  if (query.phases?.length === 0) return { items: [] };
  const conditions: string[] = [];
  const names: Record<string, string> = {};
  const values: Record<string, unknown> = {};
  const equals = (attribute: string, value: string | undefined) => {
    if (value === undefined) return;
    names[`#${attribute}`] = attribute;
    values[`:${attribute}`] = value;
    conditions.push(`#${attribute} = :${attribute}`);
  };
  equals('requesterKey', query.requesterKey);
  equals('requesterEmail', query.requesterEmail);
  equals('artifact', query.artifact);
  if (query.phases) {
    names['#phase'] = 'phase';
    const placeholders = query.phases.map((phase, index) => {
      values[`:phase${index}`] = phase;
      return `:phase${index}`;
    });
    conditions.push(`#phase IN (${placeholders.join(', ')})`);
  }
  // What is not over is looked for among what is not over: among everything that ever was it would be found the later, the more there is.
  const isOpen = query.phases?.every((phase) => !isFinal(phase)) === true;
  if (isOpen) {
    names['#listing'] = 'GPK';
    conditions.push('#listing = :listing');
  }
  const filter = conditions.length > 0 ? { expression: conditions.join(' AND '), names, values } : undefined;
  return newestOf(query.tenants, query.limit, query.after, (tenant, startKey, limit) =>
    table.query({
      ...(isOpen ? { pk: openKey(tenant), index: OPEN_INDEX } : { pk: listingKey(query.environment, tenant), index: LISTING_INDEX }),
      descending: true,
      limit,
      ...(filter
        ? { filter: isOpen ? { ...filter, values: { ...values, ':listing': listingKey(query.environment, tenant) } } : filter }
        : {}),
      ...(startKey ? { startKey: { ...placeIn(isOpen, query.environment, tenant, startKey.position), ...startKey.item } } : {}),
    }),
  );
}

function placeIn(isOpen: boolean, environment: string, tenant: string, position: string): Item {
  return isOpen ? { OPK: openKey(tenant), OSK: position } : { GPK: listingKey(environment, tenant), GSK: position };
}

/** The same over the index that holds only what is not over: it stays as small as the work in progress. */
export async function listOpen(table: Table, query: OpenQuery): Promise<PromotionPage> {
  return newestOf(query.tenants, query.limit, query.after, (tenant, startKey, limit) =>
    table.query({
      pk: openKey(tenant),
      index: OPEN_INDEX,
      descending: true,
      limit,
      ...(startKey ? { startKey: { OPK: openKey(tenant), OSK: startKey.position, ...startKey.item } } : {}),
    }),
  );
}

/** Place in an index after a request, which need not be of the tenant that is read. */
interface StartKey {
  position: string;
  item: Item;
}

/** Merges the tenants' newest heads into one page. A filter may leave pages nearly empty, so each tenant is read until it has given enough. */
async function newestOf(
  tenants: readonly string[],
  limit: number,
  after: string | undefined,
  read: (tenant: string, startKey: StartKey | undefined, limit: number) => Promise<Page>,
): Promise<PromotionPage> {
  const found: Promotion[] = [];
  for (const tenant of tenants) {
    let startKey = after === undefined ? undefined : startKeyOf(after);
    let wanted = limit + 1;
    do {
      const page = await read(tenant, startKey, Math.max(wanted, 25));
      const heads = page.items.map((item) => item['body'] as Promotion);
      found.push(...heads);
      wanted -= heads.length;
      startKey = page.lastKey ? { position: String(page.lastKey['GSK'] ?? page.lastKey['OSK']), item: keyOf(page.lastKey) } : undefined;
    } while (startKey && wanted > 0);
  }
  found.sort((left, right) => (positionOf(left) < positionOf(right) ? 1 : -1));
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, ...(found.length > limit && last ? { after: positionOf(last) } : {}) };
}

/** What was decided on or deployed since a time. Tenants are few; each is one index query. */
export async function outcomes(table: Table, { environment, tenants, since }: OutcomeQuery): Promise<Outcome[]> {
  const query = (tenant: string) =>
    table.all({ pk: listingKey(environment, tenant), index: OUTCOMES_INDEX, between: [since, END_OF_TIME] });
  return (await Promise.all(tenants.map(query))).flat() as unknown as Outcome[];
}

/** Place of a head in the indexes LISTING and OPEN. */
export function positionOf({ createdAt, id }: Pick<Promotion, 'createdAt' | 'id'>): string {
  return `${createdAt}#${id}`;
}

function keyOf({ PK, SK }: Item): Item {
  return { PK, SK };
}

function startKeyOf(after: string): StartKey {
  const id = after.slice(after.indexOf('#') + 1);
  return { position: after, item: { PK: requestKey(id), SK: HEAD } };
}
