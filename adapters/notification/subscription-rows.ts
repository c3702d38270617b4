/** Subscriptions in DynamoDB, by tenant. Every change goes with its audit event in one transaction. */
import { randomBytes } from 'node:crypto';
import { Refusal } from '../../core/errors.ts';
import { MOST_SUBSCRIPTIONS, type Subscription } from '../../core/notification/subscription.ts';
import type { EventDraft, EventType } from '../../core/promotion/change.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import { outboxWrite } from '../audit/outbox.ts';
import { subscriptionKey } from '../state/keys.ts';
import { type Item, type Table, type Write, WriteConflict } from '../state/table.ts';

type By = Pick<EventDraft, 'actor' | 'auth' | 'channel'>;

export interface SubscriptionRows {
  /** `sub-<16 hexadecimal digits>`. */
  mintId(): string;
  of(tenant: string): Promise<Subscription[]>;
  get(tenant: string, id: string): Promise<Subscription | undefined>;
  /** Refusal LIMIT. `more` goes into the same transaction. */
  add(subscription: Subscription, by: By, more: readonly Write[]): Promise<void>;
  /** Puts `after` in the place of what was read. False when it is gone, or was changed meanwhile. */
  change(after: Subscription, type: EventType, by: By, more?: readonly Write[]): Promise<boolean>;
  remove(subscription: Subscription, by: By): Promise<boolean>;
  /** Since when nothing has reached it; the first failure since its last success. */
  failed(tenant: string, id: string, now: Date): Promise<string>;
  succeeded(tenant: string, id: string): Promise<void>;
}

export function subscriptionRows(table: Table, clock: Clock): SubscriptionRows {
  const eventOf = (subscription: Subscription, before: Item | undefined, type: EventType, by: By) =>
    outboxWrite({
      rid: `sys:subscription:${subscription.id}`,
      seq: Number(before?.['seq'] ?? 0) + 1,
      prev: (before?.['lastLine'] as string | undefined) ?? '',
      tenant: subscription.tenant!,
      at: clock.now(),
      // The address may carry what is not for the log: its host says where things go.
      event: {
        type,
        ...by,
        data: { host: new URL(subscription.url).host, events: subscription.events, secret: subscription.secretVersion },
      },
    });
  const rowOf = (subscription: Subscription, before: Item | undefined, lastLine: string): Item => ({
    PK: subscriptionKey(subscription.tenant!),
    SK: subscription.id,
    seq: Number(before?.['seq'] ?? 0) + 1,
    lastLine,
    body: subscription,
  });
  const rows: SubscriptionRows = {
    mintId: () => `sub-${randomBytes(8).toString('hex')}`,
    async of(tenant) {
      return (await table.all({ pk: subscriptionKey(tenant) })).map(({ body }) => body as Subscription);
    },
    async get(tenant, id) {
      return (await table.get(subscriptionKey(tenant), id))?.['body'] as Subscription | undefined;
    },
    async add(subscription, by, more) {
      if ((await rows.of(subscription.tenant!)).length >= MOST_SUBSCRIPTIONS)
        throw new Refusal('LIMIT', `${subscription.tenant} has ${MOST_SUBSCRIPTIONS} subscriptions already`, {
          hint: 'remove one that nobody needs any more',
        });
      const event = eventOf(subscription, undefined, 'subscription.created', by);
      await table.transact([
        { put: rowOf(subscription, undefined, event.lastLine), condition: { expression: 'attribute_not_exists(PK)' } },
        event.write,
        ...more,
      ]);
    },
    async change(after, type, by, more = []) {
      const before = await table.get(subscriptionKey(after.tenant!), after.id);
      if (!before) return false;
      const event = eventOf(after, before, type, by);
      return committed([
        { put: rowOf(after, before, event.lastLine), condition: { expression: 'seq = :seq', values: { ':seq': before['seq'] } } },
        event.write,
        ...more,
      ]);
    },
    async remove(subscription, by) {
      const pk = subscriptionKey(subscription.tenant!);
      const before = await table.get(pk, subscription.id);
      if (!before) return false;
      const event = eventOf(subscription, before, 'subscription.removed', by);
      return committed([
        { remove: { pk, sk: subscription.id }, condition: { expression: 'seq = :seq', values: { ':seq': before['seq'] } } },
        event.write,
      ]);
    },
    async failed(tenant, id, now) {
      const at = now.toISOString();
      try {
        const row = await table.update({
          update: { pk: subscriptionKey(tenant), sk: id },
          expression: 'SET failingSince = if_not_exists(failingSince, :now)',
          values: { ':now': at },
          condition: { expression: 'attribute_exists(PK)' },
        });
        return row['failingSince'] as string;
      } catch (error) {
        // It was removed meanwhile.
        if (error instanceof WriteConflict) return at;
        throw error;
      }
    },
    async succeeded(tenant, id) {
      const row = await table.get(subscriptionKey(tenant), id);
      if (row?.['failingSince'] === undefined) return;
      await table.update({
        update: { pk: subscriptionKey(tenant), sk: id },
        expression: 'REMOVE failingSince',
        condition: { expression: 'attribute_exists(PK)' },
      });
    },
  };
  return rows;

  async function committed(writes: Write[]): Promise<boolean> {
    try {
      await table.transact(writes);
      return true;
    } catch (error) {
      if (error instanceof WriteConflict) return false;
      throw error;
    }
  }
}
