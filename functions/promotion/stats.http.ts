/** `GET /v1/requests/{env}/stats`: counts of what the caller may see. Days and weeks (from Monday) are UTC. */
import { isOwnRequest, reachOf } from '../../core/access/membership.ts';
import { type Phase, stateOf } from '../../core/promotion/phase.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { clock, promotions } from '../kit/state.ts';
import { visibleTenants } from './list-requests.ts';

/** The phases that count for anything: the others are not read. */
const COUNTED: readonly Phase[] = [
  'requested',
  'validating',
  'blocked',
  'pending_approval',
  'approved',
  'promoting',
  'succeeded',
  'rolling_back',
  'rolled_back',
  'failed',
  'rejected',
];

export async function stats(call: HttpCall): Promise<HttpAnswer> {
  const { caller, configuration } = call;
  const environment = call.params['env']!;
  const seesOwn = reachOf(caller.membership, environment) === 'own';
  const now = clock.now();
  const today = now.toISOString().slice(0, 10);
  const monday = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() - ((now.getUTCDay() + 6) % 7))).toISOString();
  const counts = { pending: 0, approvedToday: 0, rejectedToday: 0, deployedThisWeek: 0 };
  for await (const promotion of everyRequest(environment, visibleTenants(caller.membership, configuration, environment))) {
    if (seesOwn && !isOwnRequest(promotion, caller.actor)) continue;
    if (stateOf(promotion.phase) === 'pending') counts.pending++;
    if (promotion.approvedAt?.startsWith(today)) counts.approvedToday++;
    if (promotion.rejectedAt?.startsWith(today)) counts.rejectedToday++;
    if (promotion.phase === 'succeeded' && (promotion.deployedAt ?? '') >= monday) counts.deployedThisWeek++;
  }
  return { status: 200, body: counts };
}

async function* everyRequest(environment: string, tenants: string[]): AsyncGenerator<Promotion> {
  let after: string | undefined;
  do {
    const page = await promotions.list({ environment, tenants, phases: COUNTED, limit: 100, ...(after === undefined ? {} : { after }) });
    yield* page.items;
    after = page.after;
  } while (after !== undefined);
}
