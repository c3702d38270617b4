/** What the handlers of the log share: its head, its search rows, and whose events a caller may read. */
import { openVault } from '../../adapters/audit/audit-vault.ts';
import { logState } from '../../adapters/audit/log-head.ts';
import { logIndex } from '../../adapters/audit/log-index.ts';
import type { Membership } from '../../core/access/membership.ts';
import type { Tree } from '../../core/audit/merkle.ts';
import { clock, table } from '../kit/state.ts';

export const vault = openVault();
export const state = logState(table, clock);
export const index = logIndex(table, vault);

/** Real time that one call gives to search rows that are still to be written: 5 s are some 10,000 events. */
const CATCH_UP_MS = 5_000;

export interface SignedHead {
  size: number;
  checkpoint: string;
  tree: Tree;
}

/** The newest signed state; what is sealed is findable once this has answered, unless there is more than one call can do. */
export async function signedHead(limitMs = CATCH_UP_MS): Promise<SignedHead | undefined> {
  const head = await state.head();
  if (!head) return undefined;
  const end = performance.now() + limitMs;
  await index.catchUp(head.tree.size, () => performance.now() < end);
  return { size: head.tree.size, checkpoint: head.checkpoint, tree: head.tree };
}

/** Tenants whose events the caller may see at all, oldest names first. The empty one holds events of the log itself: for who sees every tenant. */
export async function tenantsFor({ tenants }: Membership): Promise<string[]> {
  return tenants === 'all' ? (await index.tenants()).sort() : [...tenants].sort();
}
