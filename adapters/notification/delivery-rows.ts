/** Events on their way to subscribers: what is to be sent and when, and what became of it. */
import type { Delivery, DeliveryAttempt } from '../../core/notification/delivery.ts';
import { deliveriesKey, POSTING } from '../state/keys.ts';
import { type Item, type Table, type Write, WriteConflict } from '../state/table.ts';

/** What a receiver got, and may get again, for a month. */
const KEEP_SECONDS = 30 * 86_400;
/** Attempts that are kept; one that is sent again and again must not outgrow its row. */
const MOST_ATTEMPTS = 30;
const PAGE = 50;

/** A row that says when a delivery is due. Sorted by that instant. */
export interface Posting {
  sort: string;
  dueAt: string;
  /** Absent: a receiver of the configuration. */
  tenant?: string;
  subscription: string;
  delivery: string;
}

export interface DeliveryRows {
  /** Makes a delivery that is due at once. Done before: nothing happens. */
  add(tenant: string | undefined, delivery: NewDelivery): Promise<void>;
  /** The writes of that, for a transaction with other things. */
  writesOf(tenant: string | undefined, delivery: NewDelivery): Write[];
  get(subscription: string, id: string): Promise<Delivery | undefined>;
  /** Newest first. `after` is the id of the last one of the page before. */
  page(subscription: string, limit: number, after?: string): Promise<{ deliveries: Delivery[]; more: boolean }>;
  /** Due by `now`, oldest first. */
  due(now: Date): AsyncGenerator<Posting>;
  /** Keeps the outcome of an attempt; with `nextAt` it is tried again then. False when somebody else was faster. */
  settle(posting: Posting, delivery: Delivery, attempt: DeliveryAttempt, outcome: Settled): Promise<boolean>;
  /** Takes a posting away that has nothing to send. */
  drop(posting: Posting): Promise<void>;
  /** Due again at once, with the attempts of a new delivery. The write may be part of a transaction. */
  repeat(tenant: string | undefined, delivery: Delivery, now: Date): Write[];
}

export type NewDelivery = Pick<Delivery, 'id' | 'subscription' | 'type' | 'eventId' | 'body' | 'createdAt'>;
export type Settled = { status: 'delivered' | 'failed' } | { status: 'pending'; nextAt: Date };

const postingSort = (dueAt: string, subscription: string, delivery: string) => `${dueAt}#${subscription}#${delivery}`;

export function deliveryRows(table: Table): DeliveryRows {
  const ttlOf = (at: string) => Math.ceil(Date.parse(at) / 1000) + KEEP_SECONDS;
  const postingOf = (tenant: string | undefined, subscription: string, delivery: string, dueAt: string): Item => ({
    PK: POSTING,
    SK: postingSort(dueAt, subscription, delivery),
    dueAt,
    subscription,
    delivery,
    ...(tenant === undefined ? {} : { tenant }),
  });
  const rows: DeliveryRows = {
    async add(tenant, delivery) {
      try {
        await table.transact(rows.writesOf(tenant, delivery));
      } catch (error) {
        if (!(error instanceof WriteConflict && error.isRefused)) throw error;
      }
    },
    writesOf(tenant, draft) {
      const delivery: Delivery = { ...draft, status: 'pending', attempts: [], failures: 0, nextAt: draft.createdAt };
      return [
        {
          put: { PK: deliveriesKey(draft.subscription), SK: draft.id, ttl: ttlOf(draft.createdAt), body: delivery },
          condition: { expression: 'attribute_not_exists(PK)' },
        },
        { put: postingOf(tenant, draft.subscription, draft.id, draft.createdAt) },
      ];
    },
    async get(subscription, id) {
      return (await table.get(deliveriesKey(subscription), id))?.['body'] as Delivery | undefined;
    },
    async page(subscription, limit, after) {
      const pk = deliveriesKey(subscription);
      const page = await table.query({ pk, descending: true, limit, ...(after === undefined ? {} : { startKey: { PK: pk, SK: after } }) });
      return { deliveries: page.items.map(({ body }) => body as Delivery), more: page.lastKey !== undefined };
    },
    async *due(now) {
      const until = now.toISOString();
      let startKey: Item | undefined;
      do {
        const page = await table.query({ pk: POSTING, limit: PAGE, ...(startKey ? { startKey } : {}) });
        for (const { SK, dueAt, tenant, subscription, delivery } of page.items as Record<string, string>[]) {
          if (dueAt! > until) return;
          yield { sort: SK!, dueAt: dueAt!, subscription: subscription!, delivery: delivery!, ...(tenant === undefined ? {} : { tenant }) };
        }
        startKey = page.lastKey;
      } while (startKey);
    },
    async settle(posting, before, attempt, outcome) {
      const { nextAt: _due, ...rest } = before;
      const failures = outcome.status === 'delivered' ? 0 : before.failures + 1;
      const attempts = [...before.attempts, attempt].slice(-MOST_ATTEMPTS);
      const nextAt = outcome.status === 'pending' ? outcome.nextAt.toISOString() : undefined;
      const body: Delivery = { ...rest, status: outcome.status, attempts, failures, ...(nextAt === undefined ? {} : { nextAt }) };
      try {
        await table.transact([
          { put: { PK: deliveriesKey(before.subscription), SK: before.id, ttl: ttlOf(before.createdAt), body } },
          { remove: { pk: POSTING, sk: posting.sort }, condition: { expression: 'attribute_exists(PK)' } },
          ...(nextAt === undefined ? [] : [{ put: postingOf(posting.tenant, before.subscription, before.id, nextAt) }]),
        ]);
        return true;
      } catch (error) {
        if (error instanceof WriteConflict) return false;
        throw error;
      }
    },
    async drop(posting) {
      await table.remove(POSTING, posting.sort);
    },
    repeat(tenant, delivery, now) {
      const nextAt = now.toISOString();
      const body: Delivery = { ...delivery, status: 'pending', failures: 0, nextAt };
      return [
        { put: { PK: deliveriesKey(delivery.subscription), SK: delivery.id, ttl: ttlOf(delivery.createdAt), body } },
        { put: postingOf(tenant, delivery.subscription, delivery.id, nextAt) },
      ];
    },
  };
  return rows;
}
