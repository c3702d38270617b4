/** Rows of reviews: few, all in one partition, kept as long as the table lives. */
import type { Review } from '../../core/gate/review.ts';
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import type { Acting } from '../../core/promotion/create.ts';
import { outboxWrite } from '../audit/outbox.ts';
import { REVIEWS } from '../state/keys.ts';
import { type Item, type Table, type Write, WriteConflict } from '../state/table.ts';

export interface ReviewRows {
  all(): Promise<Review[]>;
  get(id: string): Promise<Review | undefined>;
  /** Remembers that people were told that it is overdue. False when that was done, or when it is closed. */
  remind(id: string, at: Date): Promise<boolean>;
  /** Stores `closed` with its audit event. False when somebody has closed it before. */
  close(closed: Review, acting: Acting, at: Date): Promise<boolean>;
}

/** A reserved word of DynamoDB. */
const CLOSED = { '#closed': 'closed' };

export function reviewRows(table: Table): ReviewRows {
  return {
    async all() {
      return (await table.all({ pk: REVIEWS })).map(reviewOf);
    },
    async get(id) {
      const item = await table.get(REVIEWS, id);
      return item && reviewOf(item);
    },
    remind: (id, at) =>
      happened(
        table.transact([
          {
            update: { pk: REVIEWS, sk: id },
            expression: 'SET remindedAt = :at',
            values: { ':at': at.toISOString() },
            condition: {
              expression: 'attribute_exists(PK) AND attribute_not_exists(#closed) AND attribute_not_exists(remindedAt)',
              names: CLOSED,
            },
          },
        ]),
      ),
    async close(closed, acting, at) {
      const { id, tenant, requestId, gate } = closed;
      const { outcome, finding } = closed.closed!;
      const event = outboxWrite({
        rid: `sys:review:${id}`,
        seq: 1,
        prev: '',
        tenant,
        at,
        event: { type: 'review.closed', ...acting, data: { request: requestId, gate, outcome, findingSha256: sha256Hex(finding) } },
      });
      const write: Write = {
        update: { pk: REVIEWS, sk: id },
        expression: 'SET #closed = :closed',
        names: CLOSED,
        values: { ':closed': closed.closed },
        condition: { expression: 'attribute_exists(PK) AND attribute_not_exists(#closed)', names: CLOSED },
      };
      return happened(table.transact([write, event.write]));
    },
  };
}

function reviewOf({ body, closed, remindedAt }: Item): Review {
  return {
    ...(body as Review),
    ...(closed ? { closed: closed as Review['closed'] & object } : {}),
    ...(remindedAt ? { remindedAt: remindedAt as string } : {}),
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
