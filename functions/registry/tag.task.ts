/** Writes the immutable tag `<version>-<env>` at every target registry. */
import { engineChange } from '../../core/promotion/engine-change.ts';
import type { Plan } from '../../core/promotion/plan.ts';
import { changing } from '../../core/promotion/ports.ts';
import type { RegistryWriter } from '../../core/registry/ports.ts';
import { environmentTag } from '../../core/registry/version.ts';
import { promotions } from '../kit/state.ts';
import type { NextStep, RunEvent } from '../kit/task.ts';
import { registryNamed } from './copy.task.ts';
import { heldPromotion, wayOf } from './held-promotion.ts';

/** Word in the history that says that this task is done. */
const TAGGED = 'tagged';

/** Task `tag`. Fault TAG_IMMUTABLE when the tag names another digest already. */
export function tag(writer: RegistryWriter) {
  return async (event: RunEvent): Promise<NextStep> => {
    const held = await heldPromotion(event);
    if (!held) return wayOf(event);
    const { plan } = held;
    // A rollback returns to what has its tag since it was promoted, or never had one because it was adopted.
    if (plan.kind === 'rollback') return nextAfterTag(plan);
    const name = environmentTag(plan.version, plan.to);
    for (const target of plan.registries.targets) await writer.tagOnce(await registryNamed(target), plan.artifact, name, plan.digest);
    await changing(
      () => heldPromotion(event),
      async (now) => {
        if (!now || (await isTagged(now.promotion.id))) return;
        await promotions.commit(engineChange(now.promotion, now.promotion, { type: 'tag.written', action: TAGGED, data: { tag: name } }));
      },
    );
    return nextAfterTag(plan);
  };
}

async function isTagged(requestId: string): Promise<boolean> {
  return (await promotions.history(requestId)).some((entry) => entry.action === TAGGED);
}

function nextAfterTag(plan: Plan): NextStep {
  return { next: plan.rollout.strategy === 'none' ? 'finish' : 'roll-out' };
}
