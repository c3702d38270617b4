/** Rows of reviews: few, all in one partition, kept as long as the table lives. */
import type { Review } from '../../core/gate/review.ts';
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import type { Acting } from '../../core/promotion/create.ts';
import { outboxWrite } from '../audit/outbox.ts';
import { REVIEWS } from '../state/keys.ts';
import { type Table, type Write, WriteConflict } from '../state/table.ts';

export interface ReviewRows {
  all(): Promise<Review[]>;
  get(id: string): Promise<Review | undefined>;
  /** Remembers that people were told that it is overdue. False when it has changed since it was read. */
  replace(before: Review, after: Review): Promise<boolean>;
  /** Closes it, with its audit event. False when it has changed since it was read. */
  close(before: Review, after: Review, acting: Acting, at: Date): Promise<boolean>;
}

export function reviewRows(table: Table): ReviewRows {
  const write = (before: Review, after: Review): Write => ({
    put: { PK: REVIEWS, SK: after.id, tenant: after.tenant, body: after },
    condition: { expression: 'body = :before', values: { ':before': before } },
  });
  return {
    async all() {
      return (await table.all({ pk: REVIEWS })).map((item) => item['body'] as Review);
    },
    async get(id) {
      return (await table.get(REVIEWS, id))?.['body'] as Review | undefined;
    },
    replace: (before, after) => happened(table.transact([write(before, after)])),
    async close(before, after, acting, at) {
      const { outcome, finding } = after.closed!;
      const { id, tenant, requestId, gate } = after;
      const event = outboxWrite({
        rid: `sys:review:${id}`,
        seq: 1,
        prev: '',
        tenant,
        at,
        event: { type: 'review.closed', ...acting, data: { request: requestId, gate, outcome, findingSha256: sha256Hex(finding) } },
      });
      return happened(table.transact([write(before, after), event.write]));
    },
  };
}

async function happened(writing: Promise<void>): Promise<boolean> {
  try {
    await writing;
    return true;
  } catch (error) {
    if (error instanceof WriteConflict) return false;
    throw error;
  }
}
