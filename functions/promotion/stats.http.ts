/** `GET /v1/requests/{env}/stats`: counts of what the caller may see. Days and weeks (from Monday) are UTC. */
import { isOwnRequest, reachOf } from '../../core/access/membership.ts';
import { isFinal, PHASES, type Phase, stateOf } from '../../core/promotion/phase.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { clock, promotions } from '../kit/state.ts';
import { visibleTenants } from './list-requests.ts';

/** What is not over, whenever it was requested. */
const OPEN: readonly Phase[] = PHASES.filter((phase) => !isFinal(phase));
/**
 * What has ended this week was requested at most so long ago, unless it was scheduled further ahead: an approval takes 30 days at most, and a wait
 * timer 30 more. So what is read does not grow with all that ever was.
 */
const LONGEST_LIFE_DAYS = 62;

export async function stats(call: HttpCall): Promise<HttpAnswer> {
  const { caller, configuration } = call;
  const environment = call.params['env']!;
  const seesOwn = reachOf(caller.membership, environment) === 'own';
  const now = clock.now();
  const today = now.toISOString().slice(0, 10);
  const monday = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() - ((now.getUTCDay() + 6) % 7))).toISOString();
  const counts = { pending: 0, approvedToday: 0, rejectedToday: 0, deployedThisWeek: 0 };
  const since = new Date(now.getTime() - LONGEST_LIFE_DAYS * 86_400_000).toISOString();
  for await (const promotion of everyRequest(environment, visibleTenants(caller.membership, configuration, environment), since)) {
    if (seesOwn && !isOwnRequest(promotion, caller.actor)) continue;
    if (stateOf(promotion.phase) === 'pending') counts.pending++;
    if (promotion.approvedAt?.startsWith(today)) counts.approvedToday++;
    if (promotion.rejectedAt?.startsWith(today)) counts.rejectedToday++;
    if (promotion.phase === 'succeeded' && (promotion.deployedAt ?? '') >= monday) counts.deployedThisWeek++;
  }
  return { status: 200, body: counts };
}

async function* everyRequest(environment: string, tenants: string[], since: string): AsyncGenerator<Promotion> {
  for (const phases of [OPEN, undefined]) {
    let after: string | undefined;
    do {
      const page = await promotions.list({
        environment,
        tenants,
        ...(phases ? { phases } : {}),
        limit: 100,
        ...(after === undefined ? {} : { after }),
      });
      const isRecent = ({ createdAt, phase }: Promotion) => phases !== undefined || (createdAt >= since && isFinal(phase));
      yield* page.items.filter(isRecent);
      const last = page.items.at(-1);
      after = phases === undefined && last && last.createdAt < since ? undefined : page.after;
    } while (after !== undefined);
  }
}
