/** `GET /v1/requests/{env}/stats`: counts of what the caller may see. Days and weeks (from Monday) are UTC. */
import { principalKey } from '../../core/access/identity.ts';
import { isOwnRequest, reachOf } from '../../core/access/membership.ts';
import { isFinal, PHASES, type Phase, stateOf } from '../../core/promotion/phase.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { clock, promotions } from '../kit/state.ts';
import { visibleTenants } from './list-requests.ts';

/** What is not over, whenever it was requested. */
const OPEN: readonly Phase[] = PHASES.filter((phase) => !isFinal(phase));

export async function stats({ caller, configuration, params }: HttpCall): Promise<HttpAnswer> {
  const environment = params['env']!;
  const seesOwn = reachOf(caller.membership, environment) === 'own';
  const tenants = visibleTenants(caller.membership, configuration, environment);
  const now = clock.now();
  const today = now.toISOString().slice(0, 10);
  const monday = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() - ((now.getUTCDay() + 6) % 7))).toISOString();
  const counts = { pending: 0, approvedToday: 0, rejectedToday: 0, deployedThisWeek: 0 };
  for await (const promotion of openRequests(environment, tenants)) {
    if (stateOf(promotion.phase) === 'pending' && (!seesOwn || isOwnRequest(promotion, caller.actor))) counts.pending++;
  }
  // Today is never before Monday.
  for (const outcome of await promotions.outcomes({ environment, tenants, since: monday })) {
    if (seesOwn && outcome.requesterKey !== principalKey(caller.actor)) continue;
    if (outcome.approvedAt?.startsWith(today)) counts.approvedToday++;
    if (outcome.rejectedAt?.startsWith(today)) counts.rejectedToday++;
    if (outcome.phase === 'succeeded' && (outcome.deployedAt ?? '') >= monday) counts.deployedThisWeek++;
  }
  return { status: 200, body: counts };
}

async function* openRequests(environment: string, tenants: string[]): AsyncGenerator<Promotion> {
  let after: string | undefined;
  do {
    const page = await promotions.list({
      environment,
      tenants,
      phases: OPEN,
      limit: 100,
      ...(after === undefined ? {} : { after }),
    });
    yield* page.items;
    after = page.after;
  } while (after !== undefined);
}
