/** Pages of requests for a caller: whose rows are read is decided here, what is kept of them by each list. */
import { kmsMacs } from '../../adapters/access/macs.ts';
import { holdsVerb, type Membership, reachOf } from '../../core/access/membership.ts';
import { type Configuration, tenantsOf } from '../../core/environment/configuration.ts';
import type { Json } from '../../core/promotion/canonical-json.ts';
import type { PromotionQuery } from '../../core/promotion/ports.ts';
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

/** `{items, nextCursor?}`, newest first. Refusal BAD_CURSOR. */
export async function listRequests(call: HttpCall<unknown, unknown>, listing: Listing) {
  const { caller, configuration } = call;
  const environment = call.params['env']!;
  const tenants = visibleTenants(caller.membership, configuration, environment).filter(
    (tenant) => listing.tenant === undefined || tenant === listing.tenant,
  );
  const scope: Json = [listing.operation, environment, tenants, caller.actor.key, definedOf(listing.filters)];
  const limit = listing.limit ?? DEFAULT_LIMIT;
  // Filters that exclude each other: there is nothing to read.
  if (listing.query.phases?.length === 0) return { items: [] };
  let after = listing.cursor === undefined ? undefined : await pages.read(scope, listing.cursor);
  const query: PromotionQuery = {
    ...listing.query,
    environment,
    tenants,
    limit: Math.min(100, limit),
    ...(reachOf(caller.membership, environment) === 'own' ? { requesterKey: caller.actor.key } : {}),
  };
  const kept: Promotion[] = [];
  for (let read = 0; read < MOST_READ && kept.length < limit; ) {
    const page = await promotions.list({ ...query, ...(after === undefined ? {} : { after }) });
    read += Math.max(1, page.items.length);
    after = page.after;
    for (const [index, promotion] of page.items.entries()) {
      if (listing.keep && !(await listing.keep(promotion))) continue;
      kept.push(promotion);
      if (kept.length < limit) continue;
      const isLast = index === page.items.length - 1;
      // The position is after the last item that was given out, not after the page that it came from.
      if (!isLast) after = positionOf(promotion);
      break;
    }
    if (after === undefined) break;
  }
  return { items: kept.map(renderSummary), ...(after === undefined ? {} : { nextCursor: await pages.write(scope, after) }) };
}

function positionOf({ createdAt, id }: Promotion): string {
  return `${createdAt}#${id}`;
}

function definedOf(filters: Record<string, string | undefined>): Json {
  return Object.fromEntries(Object.entries(filters).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
