/** Which promotions get a receipt. Apart from the receipt itself, which few functions carry. */
import type { Promotion } from '../promotion/promotion.ts';

/** Of the manifest that carries a receipt at a registry: copies leave it behind (adapters/registry/source-closure.ts). */
export const RECEIPT_ARTIFACT = 'application/vnd.greenlight.receipt.v1+json';

/** Event by which the log vouches for the key that signs receipts, and its pseudo request. */
export const KEY_DECLARED = 'receipt.key_declared';
export const RECEIPTS_REQUEST = 'sys:receipts';

/** Phases that a rollout ends in. */
const ENDS: ReadonlySet<Promotion['phase']> = new Set<Promotion['phase']>(['succeeded', 'rolled_back', 'failed']);

/** A receipt speaks of what was done: who never had the environment has changed nothing, and gets none. */
export function hasReceipt({ phase, fence }: Pick<Promotion, 'phase' | 'fence'>): boolean {
  return fence !== undefined && ENDS.has(phase);
}
