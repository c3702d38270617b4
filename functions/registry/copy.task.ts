/** Copies the approved digest into every registry of the plan, as much as fits the deadline, and reads it back there. */
import { realNow } from '../../adapters/registry/registry-writer.ts';
import { Fault } from '../../core/errors.ts';
import type { PromotionChange } from '../../core/promotion/change.ts';
import { isCopying, missingAt, type Pass, type ReadBack, recordPass, recordReadBack } from '../../core/promotion/copy-change.ts';
import { changing } from '../../core/promotion/ports.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import type { CopyComparison } from '../../core/registry/copy-comparison.ts';
import type { CopyRecord } from '../../core/registry/copy-record.ts';
import type { RegistryReader, RegistryWriter } from '../../core/registry/ports.ts';
import { halting } from '../environment/halting.ts';
import { promotions } from '../kit/state.ts';
import type { NextStep, RunEvent } from '../kit/task.ts';
import { overRegistries, recordOf, registryNamed, throwRequired } from './each-registry.ts';
import { heldPromotion, wayOf } from './held-promotion.ts';

/** Of the function's 900 s, 300 s are left for the parts that are under way when the deadline comes, and for their retries. */
const DEADLINE_SECONDS = 600;

export interface CopyWorld {
  writer: Pick<RegistryWriter, 'copy'>;
  reader: Pick<RegistryReader, 'compare'>;
  /** Seconds of real time before it re-enters. */
  seconds?: number;
}

/**
 * Task `copy`: the steps `copying` and `verifying_copy`. A registry that fails keeps no other from its copy; a required one fails the task once all
 * were tried, with its own fault. What a registry has is not sent again. Faults of the writer, PLAN_CHANGED, LOCK_LOST.
 */
export function copy({ writer, reader, seconds = DEADLINE_SECONDS }: CopyWorld) {
  return async (event: RunEvent): Promise<NextStep> => {
    const deadline = realNow() + seconds * 1000;
    const held = await heldPromotion(event);
    if (!held) return wayOf(event);
    // A crash after the last event was written: the copy is done and recorded.
    if (!isCopying(held.promotion)) return { next: 'tag' };
    const halted = await halting(held.promotion);
    if (halted) return halted;
    const { artifact, digest, registries } = held.plan;
    const source = await registryNamed(registries.source);

    const passes = await overRegistries<Pass>(await recordOf(held), ['pending', 'failed'], async (name) => {
      const { done, copiedBytes = 0 } = await writer.copy(source, await registryNamed(name), artifact, digest, deadline, event.requestId);
      return { bytes: copiedBytes, done };
    });
    const copied = await commit(event, (promotion, record) => recordPass(promotion, record, passes.results));
    if (!copied) return wayOf(event);
    throwRequired(copied, passes.faults);
    if ([...passes.results.values()].some((pass) => 'done' in pass && !pass.done)) return { next: 'copy' };

    const readBacks = await overRegistries<ReadBack>(copied, ['copied'], async (name) => {
      const comparison = await reader.compare(source, await registryNamed(name), artifact, digest);
      if (!comparison.complete) throw incomplete(name, comparison);
      return { comparison };
    });
    const verified = await commit(event, (promotion, record) => recordReadBack(promotion, record, readBacks.results));
    if (!verified) return wayOf(event);
    throwRequired(verified, readBacks.faults);
    return { next: 'tag' };
  };
}

function incomplete(name: string, comparison: CopyComparison): Fault {
  return new Fault('DIGEST_MISMATCH', missingAt(name, comparison), {
    hint: 'nothing was tagged; check the target registry, then request it again',
  });
}

/** Writes what `change` makes of the record, if anything; answers the record as it is then, or undefined when the run owns the promotion no more. */
async function commit(
  event: RunEvent,
  change: (promotion: Promotion, record: CopyRecord) => PromotionChange | undefined,
): Promise<CopyRecord | undefined> {
  return changing(
    () => heldPromotion(event),
    async (held) => {
      if (!held) return undefined;
      const record = await recordOf(held);
      const next = isCopying(held.promotion) ? change(held.promotion, record) : undefined;
      return next ? ((await promotions.commit(next)).copy ?? record) : record;
    },
  );
}
