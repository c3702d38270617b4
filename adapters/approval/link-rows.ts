/** Rows of approval links: whether one was used or revoked. The token itself is not stored. */
import { linkKey } from '../state/keys.ts';
import type { Table } from '../state/table.ts';

export interface LinkRow {
  id: string;
  requestId: string;
  approver: string;
  planHash: string;
  state: 'issued' | 'used' | 'revoked';
  /** ISO; always compared: TTL deletes late. */
  expiresAt: string;
  usedAt?: string;
  decision?: 'approve' | 'reject';
}

export interface LinkRows {
  issue(row: Omit<LinkRow, 'state'>): Promise<void>;
  get(id: string): Promise<LinkRow | undefined>;
  /** Marks it as revoked: "this was not me". */
  revoke(id: string): Promise<void>;
}

const SORT = 'LINK';
/** Rows outlive their link by a month, so that an old mail still gets a sentence instead of "unknown". */
const KEEP_SECONDS = 30 * 86_400;

export function linkRows(table: Table): LinkRows {
  return {
    async issue(row) {
      const ttl = Math.ceil(Date.parse(row.expiresAt) / 1000) + KEEP_SECONDS;
      await table.put({ PK: linkKey(row.id), SK: SORT, ttl, ...row, state: 'issued' }, { expression: 'attribute_not_exists(PK)' });
    },
    async get(id) {
      const item = await table.get(linkKey(id), SORT);
      return item ? (item as unknown as LinkRow) : undefined;
    },
    async revoke(id) {
      await table.update({
        update: { pk: linkKey(id), sk: SORT },
        expression: 'SET #state = :revoked',
        names: { '#state': 'state' },
        values: { ':revoked': 'revoked' },
        condition: { expression: 'attribute_exists(PK)' },
      });
    },
  };
}
