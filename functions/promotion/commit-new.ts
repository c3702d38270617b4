/** Stores a request that did not exist before. */
import type { PromotionChange } from '../../core/promotion/change.ts';
import { changing } from '../../core/promotion/ports.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { promotions } from '../kit/state.ts';

/** Requests for the same digest meet on its pin: tried again, unless its deletion is decided. Refusal ARTIFACT_DELETING. */
export function commitNew(change: PromotionChange): Promise<Promotion> {
  return changing(
    async () => change,
    (wanted) => promotions.commit(wanted),
  );
}
