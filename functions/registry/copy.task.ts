/** Copies the approved digest into every registry of the target environment, as much as fits the deadline. */
import { realNow } from '../../adapters/registry/registry-writer.ts';
import type { RegistryConfiguration } from '../../core/environment/configuration.ts';
import { Fault } from '../../core/errors.ts';
import { engineChange } from '../../core/promotion/engine-change.ts';
import { firstStep } from '../../core/promotion/plan.ts';
import { changing } from '../../core/promotion/ports.ts';
import type { CopyProgress, RegistryWriter } from '../../core/registry/ports.ts';
import { configuration, promotions } from '../kit/state.ts';
import type { NextStep, RunEvent } from '../kit/task.ts';
import { heldPromotion, wayOf } from './held-promotion.ts';

/** Of the function's 900 s, 300 s are left for the blobs that are under way when the deadline comes. */
const DEADLINE_SECONDS = 600;

/** Task `copy`. `seconds` of real time are spent before it re-enters. Faults of the writer, PLAN_CHANGED, LOCK_LOST. */
export function copy(writer: RegistryWriter, seconds = DEADLINE_SECONDS) {
  return async (event: RunEvent): Promise<NextStep> => {
    const deadline = realNow() + seconds * 1000;
    const held = await heldPromotion(event);
    if (!held) return wayOf(event);
    const { plan, promotion } = held;
    // A crash after the event was written: the copy is done and recorded.
    if (promotion.step !== firstStep(plan)) return { next: 'tag' };
    const source = await registryNamed(plan.registries.source);
    const copied: CopyProgress[] = [];
    for (const name of plan.registries.targets) {
      const progress = await writer.copy(source, await registryNamed(name), plan.artifact, plan.digest, deadline);
      if (!progress.done) return { next: 'copy' };
      copied.push(progress);
    }
    await changing(
      () => heldPromotion(event),
      async (now) => {
        if (now?.promotion.step === firstStep(plan)) await promotions.commit(copyFinished(now.promotion, copied));
      },
    );
    return { next: 'tag' };
  };
}

function copyFinished(promotion: Parameters<typeof engineChange>[0], copied: readonly CopyProgress[]) {
  const bytes = copied.reduce((total, progress) => total + (progress.copiedBytes ?? 0), 0);
  return engineChange(
    promotion,
    { ...promotion, step: 'tagging' },
    {
      type: 'copy.finished',
      action: 'copied',
      data: {
        closureRoot: copied[0]?.closureRoot ?? null,
        manifests: copied[0]?.manifests ?? 0,
        blobs: copied[0]?.blobs ?? 0,
        registries: copied.length,
        bytes,
      },
    },
  );
}

/** The registry that the approved plan names. Fault PLAN_CHANGED when the configuration has lost it. */
export async function registryNamed(name: string): Promise<RegistryConfiguration> {
  const registry = (await configuration()).registries[name];
  if (!registry) throw new Fault('PLAN_CHANGED', `the configuration no longer has the registry ${name} of the approved plan`);
  return registry;
}
