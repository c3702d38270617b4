/** Ends a promotion well: moves `latest-<env>`, records what the environment holds, frees it, and wakes who waits for it. */
import { succeed } from '../../core/promotion/finish.ts';
import { changing } from '../../core/promotion/ports.ts';
import type { RegistryWriter } from '../../core/registry/ports.ts';
import { latestTag } from '../../core/registry/version.ts';
import { clock, environments, promotions } from '../kit/state.ts';
import type { NextStep, RunEvent } from '../kit/task.ts';
import { registryNamed } from './copy.task.ts';
import { heldPromotion } from './held-promotion.ts';

/** Task `finish`. Repeated after a crash it writes no second event, but wakes the waiters again. */
export function finish(writer: RegistryWriter) {
  return async (event: RunEvent): Promise<NextStep> => {
    const held = await heldPromotion(event);
    if (held) {
      const { plan } = held;
      for (const target of plan.registries.targets) {
        await writer.moveTag(await registryNamed(target), plan.artifact, latestTag(plan.to), plan.digest);
      }
      await changing(
        () => heldPromotion(event),
        async (now) => {
          if (now) await promotions.commit(succeed(now.promotion, clock.now().toISOString(), now.environment));
        },
      );
    }
    const promotion = await promotions.head(event.requestId);
    if (promotion?.phase === 'succeeded') await environments.wakeWaiters(promotion.to, promotion.artifact);
    return { next: 'end' };
  };
}
