/** Ends a promotion well: moves `latest-<env>`, records what the environment holds, frees it, and wakes who waits for it. */
import { repaired, succeed } from '../../core/promotion/finish.ts';
import { changing } from '../../core/promotion/ports.ts';
import type { RegistryWriter } from '../../core/registry/ports.ts';
import { latestTag } from '../../core/registry/version.ts';
import { log } from '../kit/log.ts';
import { clock, environments, promotions } from '../kit/state.ts';
import type { NextStep, RunEvent } from '../kit/task.ts';
import { overRegistries, recordOf, registryNamed, throwRequired } from './each-registry.ts';
import { type HeldPromotion, heldPromotion } from './held-promotion.ts';

function endOf({ promotion, environment }: HeldPromotion) {
  const at = clock.now().toISOString();
  return promotion.kind === 'repair' ? repaired(promotion, at) : succeed(promotion, at, environment.current);
}

/** Task `finish`. Repeated after a crash it writes no second event, but wakes the waiters again. */
export function finish(writer: RegistryWriter) {
  return async (event: RunEvent): Promise<NextStep> => {
    const held = await heldPromotion(event);
    if (held) {
      const { plan } = held;
      const record = await recordOf(held);
      // A repaired version that runs no more keeps its own tag only.
      const isLatest = plan.kind !== 'repair' || held.environment.current?.digest === plan.digest;
      const { faults } = await overRegistries(isLatest ? record : { registries: [] }, ['tagged'], async (registry) =>
        writer.moveTag(await registryNamed(registry), plan.artifact, latestTag(plan.to), plan.digest),
      );
      throwRequired(record, faults);
      for (const [registry, error] of faults) log.warn('latest tag not moved', { requestId: event.requestId, registry, error });
      await changing(
        () => heldPromotion(event),
        async (now) => {
          if (now) await promotions.commit(endOf(now));
        },
      );
    }
    const promotion = await promotions.head(event.requestId);
    if (promotion?.phase === 'succeeded') await environments.wakeWaiters(promotion.to, promotion.artifact);
    return { next: 'end' };
  };
}
