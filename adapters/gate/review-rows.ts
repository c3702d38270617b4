/** Rows of reviews: few, all in one partition, kept as long as the table lives. */
import type { Review } from '../../core/gate/review.ts';
import { REVIEWS } from '../state/keys.ts';
import { type Table, WriteConflict } from '../state/table.ts';

export interface ReviewRows {
  all(): Promise<Review[]>;
  get(id: string): Promise<Review | undefined>;
  /** Replaces `before`, if nobody has changed it since. False when somebody has. */
  replace(before: Review, after: Review): Promise<boolean>;
}

export function reviewRows(table: Table): ReviewRows {
  return {
    async all() {
      return (await table.all({ pk: REVIEWS })).map((item) => item['body'] as Review);
    },
    async get(id) {
      return (await table.get(REVIEWS, id))?.['body'] as Review | undefined;
    },
    async replace(before, after) {
      try {
        await table.put(
          { PK: REVIEWS, SK: after.id, tenant: after.tenant, body: after },
          { expression: 'body = :before', values: { ':before': before } },
        );
        return true;
      } catch (error) {
        if (error instanceof WriteConflict) return false;
        throw error;
      }
    },
  };
}
