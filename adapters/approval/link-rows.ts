/** Rows of approval links: whether one was used or revoked. The token itself is not stored. */
import type { LinkRow } from '../../core/approval/link-standing.ts';
import { linkKey } from '../state/keys.ts';
import type { Table } from '../state/table.ts';

export interface LinkRows {
  /** A link that may decide, or with a decision, one that only shows it and takes it back. */
  issue(row: Pick<LinkRow, 'id' | 'requestId' | 'approver' | 'planHash' | 'expiresAt' | 'decision'>): Promise<void>;
  get(id: string): Promise<LinkRow | undefined>;
  /** Remembers the browser in which a person decided, by the hash of its page nonce. */
  remember(id: string, browser: string): Promise<void>;
}

const SORT = 'LINK';
/** Rows outlive their link by a month, so that an old mail still gets a sentence instead of "unknown". */
const KEEP_SECONDS = 30 * 86_400;

export function linkRows(table: Table): LinkRows {
  return {
    async issue(row) {
      const ttl = Math.ceil(Date.parse(row.expiresAt) / 1000) + KEEP_SECONDS;
      const state = row.decision === undefined ? 'issued' : 'used';
      await table.put({ PK: linkKey(row.id), SK: SORT, ttl, ...row, state }, { expression: 'attribute_not_exists(PK)' });
    },
    async get(id) {
      const item = await table.get(linkKey(id), SORT);
      return item ? (item as unknown as LinkRow) : undefined;
    },
    async remember(id, browser) {
      await table.update({
        update: { pk: linkKey(id), sk: SORT },
        expression: 'SET browser = :browser',
        values: { ':browser': browser },
        condition: { expression: 'attribute_exists(PK)' },
      });
    },
  };
}
