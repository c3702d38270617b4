/** Ends a promotion well: moves `latest-<env>`, records what the environment holds, frees it, and wakes who waits for it. */
import { Fault } from '../../core/errors.ts';
import { repaired, succeed } from '../../core/promotion/finish.ts';
import { changing } from '../../core/promotion/ports.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import type { RegistryWriter } from '../../core/registry/ports.ts';
import { latestTag } from '../../core/registry/version.ts';
import { log } from '../kit/log.ts';
import { clock, environments, promotions } from '../kit/state.ts';
import type { NextStep, RunEvent } from '../kit/task.ts';
import { overRegistries, recordOf, registryNamed, throwRequired } from './each-registry.ts';
import { type HeldPromotion, heldPromotion } from './held-promotion.ts';
import { putReceipt, type ReceiptSource } from './put-receipt.ts';

function endOf({ promotion, environment }: HeldPromotion) {
  const at = clock.now().toISOString();
  return promotion.kind === 'repair' ? repaired(promotion, at) : succeed(promotion, at, environment);
}

/**
 * Task `finish`. Repeated after a crash it writes no second event, but wakes the waiters again. Fault ABORTED when an abort came first: then the tag
 * names again what the environment holds.
 */
export function finish(writer: RegistryWriter, receipts: ReceiptSource) {
  return async (event: RunEvent): Promise<NextStep> => {
    const held = await heldPromotion(event);
    if (held) {
      const { plan } = held;
      const record = await recordOf(held);
      // A repaired version that runs no more keeps its own tag only.
      const isLatest = plan.kind !== 'repair' || held.environment.current?.digest === plan.digest;
      const { faults } = await overRegistries(isLatest ? record : { registries: [] }, ['verified', 'tagged'], async (registry) =>
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
    if (promotion?.attempt === event.attempt && promotion.phase === 'rolling_back') await moveBack(writer, promotion);
    if (promotion?.attempt === event.attempt && promotion.phase === 'succeeded') {
      // Before the next in line is woken: nothing else writes beside the image meanwhile.
      await putReceipt(writer, receipts, promotion);
      await environments.wakeWaiters(promotion.to, promotion.artifact);
    }
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
  if (current) {
    const record = await recordOf({ promotion, plan: plan! });
    const { faults } = await overRegistries(record, ['verified', 'tagged'], async (registry) =>
      writer.moveTag(await registryNamed(registry), promotion.artifact, latestTag(promotion.to), current.digest),
    );
    throwRequired(record, faults);
  }
  throw new Fault('ABORTED', `${promotion.id} was aborted before it ended`);
}
