/** Writes the immutable tag `<version>-<env>` at every target registry that holds the artifact. */
import { engineChange } from '../../core/promotion/engine-change.ts';
import type { Plan } from '../../core/promotion/plan.ts';
import { changing } from '../../core/promotion/ports.ts';
import { requiredAre, withFailure, withRegistry } from '../../core/registry/copy-record.ts';
import type { RegistryWriter } from '../../core/registry/ports.ts';
import { environmentTag } from '../../core/registry/version.ts';
import { halting } from '../environment/halting.ts';
import { promotions } from '../kit/state.ts';
import type { NextStep, RunEvent } from '../kit/task.ts';
import { overRegistries, recordOf, registryNamed, throwRequired } from './each-registry.ts';
import { heldPromotion, wayOf } from './held-promotion.ts';

/** Word in the history that says that this task is done. */
const TAGGED = 'tagged';

/** Task `tag`. Fault TAG_IMMUTABLE when the tag names another digest already in a required registry. */
export function tag(writer: RegistryWriter) {
  return async (event: RunEvent): Promise<NextStep> => {
    const held = await heldPromotion(event);
    if (!held) return wayOf(event);
    const { plan } = held;
    const record = await recordOf(held);
    // Nothing is tagged or run before it was read back in every registry that counts.
    if (!requiredAre(record, 'verified', 'tagged')) return { next: 'copy' };
    // A rollback returns to what has its tag since it was promoted, or never had one because it was adopted.
    if (plan.kind === 'rollback') return nextAfterTag(plan);
    const halted = await halting(held.promotion);
    if (halted) return halted;
    const name = environmentTag(plan.version, plan.to);
    const { results, faults } = await overRegistries(record, ['verified', 'tagged'], async (registry) =>
      writer.tagOnce(await registryNamed(registry), plan.artifact, name, plan.digest),
    );
    throwRequired(record, faults);
    await changing(
      () => heldPromotion(event),
      async (now) => {
        if (!now || (await isTagged(now.promotion.id))) return;
        let copy = await recordOf(now);
        for (const registry of results.keys()) {
          const fault = faults.get(registry);
          copy = fault ? withFailure(copy, registry, fault) : withRegistry(copy, registry, { status: 'tagged' });
        }
        const registries = copy.registries.filter(({ status }) => status === 'tagged').map((entry) => entry.name);
        await promotions.commit(
          engineChange(now.promotion, { ...now.promotion, copy }, { type: 'tag.written', action: TAGGED, data: { tag: name, registries } }),
        );
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
