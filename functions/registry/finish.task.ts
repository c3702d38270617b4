/** Ends a promotion well: moves `latest-<env>`, records what the environment holds, frees it, and wakes who waits for it. */
import { Fault } from '../../core/errors.ts';
import { succeed } from '../../core/promotion/finish.ts';
import { changing } from '../../core/promotion/ports.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import type { RegistryWriter } from '../../core/registry/ports.ts';
import { latestTag } from '../../core/registry/version.ts';
import { clock, environments, promotions } from '../kit/state.ts';
import type { NextStep, RunEvent } from '../kit/task.ts';
import { registryNamed } from './copy.task.ts';
import { heldPromotion } from './held-promotion.ts';

/**
 * Task `finish`. Repeated after a crash it writes no second event, but wakes the waiters again. Fault ABORTED when an abort came first: then the tag
 * names again what the environment holds.
 */
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
    if (promotion?.attempt === event.attempt && promotion.phase === 'rolling_back') await moveBack(writer, promotion);
    if (promotion?.phase === 'succeeded') await environments.wakeWaiters(promotion.to, promotion.artifact);
    return { next: 'end' };
  };
}

/** An abort that won against the end may have come when the tag was moved already. */
async function moveBack(writer: RegistryWriter, promotion: Promotion): Promise<never> {
  const [plan, environment] = await Promise.all([
    promotions.plan(promotion.id, promotion.planHash),
    environments.get(promotion.to, promotion.artifact),
  ]);
  const { current } = environment ?? {};
  for (const target of current ? plan!.registries.targets : []) {
    await writer.moveTag(await registryNamed(target), promotion.artifact, latestTag(promotion.to), current!.digest);
  }
  throw new Fault('ABORTED', `${promotion.id} was aborted before it ended`);
}
