/** Pages of requests for a caller: whose rows are read is decided here, what is kept of them by each list. */
import { kmsMacs } from '../../adapters/access/macs.ts';
import { principalKey } from '../../core/access/identity.ts';
import { holdsVerb, type Membership, reachOf } from '../../core/access/membership.ts';
import { type Configuration, tenantsOf } from '../../core/environment/configuration.ts';
import type { Json } from '../../core/promotion/canonical-json.ts';
import type { PromotionPage, PromotionQuery } from '../../core/promotion/ports.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { cursors } from '../kit/cursor.ts';
import type { HttpCall } from '../kit/http.ts';
import { clock, promotions } from '../kit/state.ts';
import { renderSummary } from './render-request.ts';

const DEFAULT_LIMIT = 25;
/** Rows that one answer reads at most while it looks for those that fit; then the client comes back with the cursor. */
const MOST_READ = 1_000;
const pages = cursors(kmsMacs(), clock);

/** Tenants whose requests the member may read in the environment; in any when none is named. */
export function visibleTenants(membership: Membership, configuration: Configuration, environment?: string): string[] {
  if (!holdsVerb(membership, 'read', environment)) return [];
  if (membership.tenants !== 'all') return [...membership.tenants].sort();
  return tenantsOf(configuration);
}

export interface Listing {
  operation: string;
  /** Filters as the client gave them: a cursor holds for these only. */
  filters: Record<string, string | undefined>;
  query: Omit<PromotionQuery, 'environment' | 'tenants' | 'limit' | 'after'>;
  tenant?: string | undefined;
  limit: number | undefined;
  cursor: string | undefined;
  /** Keeps an item; what the store cannot filter. */
  keep?(promotion: Promotion): boolean | Promise<boolean>;
}

/** `{items, nextCursor?}` of one environment, newest first. Refusal BAD_CURSOR. */
export async function listRequests(call: HttpCall<unknown, unknown>, listing: Listing) {
  const { caller, configuration } = call;
  const environment = call.params['env']!;
  const tenants = visibleTenants(caller.membership, configuration, environment).filter(
    (tenant) => listing.tenant === undefined || tenant === listing.tenant,
  );
  const query = {
    ...listing.query,
    environment,
    tenants,
    ...(reachOf(caller.membership, environment) === 'own' ? { requesterKey: principalKey(caller.actor) } : {}),
  };
  const scope: Json = [listing.operation, environment, tenants, caller.actor.key, definedOf(listing.filters)];
  // Filters that exclude each other: there is nothing to read, and a cursor is held against them all the same.
  const isEmpty = listing.query.phases?.length === 0;
  const { promotions: kept, nextCursor } = await pageOf(listing, scope, async (limit, after) =>
    isEmpty ? { items: [] } : promotions.list({ ...query, limit, ...after }),
  );
  return { items: kept.map(renderSummary), ...(nextCursor === undefined ? {} : { nextCursor }) };
}

/** Requests of every environment that are not over, newest first. Refusal BAD_CURSOR. */
export function listOpenRequests(call: HttpCall<unknown, unknown>, listing: Omit<Listing, 'query' | 'tenant'>): Promise<RequestPage> {
  const { caller, configuration } = call;
  const tenants = visibleTenants(caller.membership, configuration);
  const scope: Json = [listing.operation, tenants, caller.actor.key, definedOf(listing.filters)];
  return pageOf(listing, scope, (limit, after) => promotions.listOpen({ tenants, limit, ...after }));
}

interface RequestPage {
  promotions: Promotion[];
  nextCursor?: string;
}

/** Reads on until enough are kept. The position is after the last item that was given out, not after the page that it came from. */
async function pageOf(
  { limit = DEFAULT_LIMIT, cursor, keep }: Pick<Listing, 'limit' | 'cursor' | 'keep'>,
  scope: Json,
  read: (limit: number, after: { after?: string }) => Promise<PromotionPage>,
): Promise<RequestPage> {
  let after = cursor === undefined ? undefined : await pages.read(scope, cursor);
  const kept: Promotion[] = [];
  for (let looked = 0; looked < MOST_READ && kept.length < limit; ) {
    const page = await read(Math.min(100, limit), after === undefined ? {} : { after });
    looked += Math.max(1, page.items.length);
    after = page.after;
    for (const [index, promotion] of page.items.entries()) {
      if (keep && !(await keep(promotion))) continue;
      kept.push(promotion);
      if (kept.length < limit) continue;
      const isLast = index === page.items.length - 1;
      if (!isLast) after = positionOf(promotion);
      break;
    }
    if (after === undefined) break;
  }
  return { promotions: kept, ...(after === undefined ? {} : { nextCursor: await pages.write(scope, after) }) };
}

function positionOf({ createdAt, id }: Promotion): string {
  return `${createdAt}#${id}`;
}

function definedOf(filters: Record<string, string | undefined>): Json {
  return Object.fromEntries(Object.entries(filters).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
