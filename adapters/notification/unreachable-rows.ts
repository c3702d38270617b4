/** Addresses that mail has come back from: nothing is sent there for a while, because mail that bounces costs a sender its name. */
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import { unreachableKey } from '../state/keys.ts';
import type { Table } from '../state/table.ts';

const SORT = 'MAIL';
/** Then it is tried again: a mailbox may have been full, or made meanwhile. */
const KEEP_SECONDS = 7 * 86_400;

export interface UnreachableRows {
  mark(address: string, why: string, now: Date): Promise<void>;
  /** Why nothing is sent there; undefined where mail goes. */
  why(address: string, now: Date): Promise<string | undefined>;
}

export function unreachableRows(table: Table): UnreachableRows {
  const keyOf = (address: string) => unreachableKey(sha256Hex(address.toLowerCase()));
  return {
    async mark(address, why, now) {
      await table.put({ PK: keyOf(address), SK: SORT, why, ttl: Math.ceil(now.getTime() / 1000) + KEEP_SECONDS });
    },
    async why(address, now) {
      const row = await table.get(keyOf(address), SORT);
      return row && (row['ttl'] as number) * 1000 > now.getTime() ? (row['why'] as string) : undefined;
    },
  };
}
