/** Lambda `reconcile`: every minute, repairs what a crash, a lost record or the mere passing of time left undone. */
import { expired } from '../../core/promotion/begin.ts';
import { PHASES, type Phase } from '../../core/promotion/phase.ts';
import { changing, type PromotionPage } from '../../core/promotion/ports.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { log } from '../kit/log.ts';
import { clock, configuration, environments, promotions, wakes } from '../kit/state.ts';

const MAY_EXPIRE: ReadonlySet<Phase> = new Set(['validating', 'blocked', 'pending_approval', 'approved']);
const LIVE: readonly Phase[] = PHASES.filter((phase) => MAY_EXPIRE.has(phase) || phase === 'requested');

/** Expires what is over time and wakes runs whose reason to wait is gone. Every step is a condition on the row, so two jobs at once are safe. */
export async function handler(): Promise<{ expired: number; woken: number }> {
  let expiredCount = 0;
  let woken = 0;
  for await (const promotion of livePromotions()) {
    try {
      if (MAY_EXPIRE.has(promotion.phase) && clock.now().toISOString() >= promotion.expiresAt) {
        if (await expire(promotion.id)) expiredCount++;
      } else if (await sleepsInVain(promotion)) {
        await wakes.add({ kind: 'resume', requestId: promotion.id, attempt: promotion.attempt, wait: 'turn' });
        woken++;
      }
    } catch (error) {
      log.error('reconcile failed', { requestId: promotion.id, error });
    }
  }
  return { expired: expiredCount, woken };
}

async function* livePromotions(): AsyncGenerator<Promotion> {
  const config = await configuration();
  const tenants = [...new Set(Object.values(config.artifacts).map((artifact) => artifact.tenant))];
  for (const environment of config.path) {
    let after: string | undefined;
    do {
      const page: PromotionPage = await promotions.list({
        environment,
        tenants,
        phases: LIVE,
        limit: 100,
        ...(after === undefined ? {} : { after }),
      });
      yield* page.items;
      after = page.after;
    } while (after !== undefined);
  }
}

/** False when somebody decided at the same instant: exactly one of the two wins. */
function expire(id: string): Promise<boolean> {
  return changing(
    () => promotions.head(id),
    async (promotion) => {
      if (!promotion || !MAY_EXPIRE.has(promotion.phase) || clock.now().toISOString() < promotion.expiresAt) return false;
      await promotions.commit(expired(promotion));
      return true;
    },
  );
}

/** Approved, but what it waits for has happened: the date has come, the environment is free. */
async function sleepsInVain(promotion: Promotion): Promise<boolean> {
  if (promotion.phase !== 'approved') return false;
  if (promotion.waitingOn === 'schedule') return promotion.scheduledDate !== null && clock.now().toISOString() >= promotion.scheduledDate;
  if (promotion.waitingOn !== 'lock') return false;
  const environment = await environments.get(promotion.to, promotion.artifact);
  return environment?.holder === undefined;
}
