/** Hands events to those who subscribe to them: rows, which `dispatch` works off. Nobody is waited for here. */
import { deliveryRows } from '../../adapters/notification/delivery-rows.ts';
import { subscriptionRows } from '../../adapters/notification/subscription-rows.ts';
import { requiredVariable } from '../../adapters/state/table.ts';
import type { Configuration } from '../../core/environment/configuration.ts';
import { cloudEventOf, type OutgoingEvent } from '../../core/notification/cloud-event.ts';
import { deliveryId } from '../../core/notification/delivery.ts';
import type { Severity } from '../../core/notification/message.ts';
import type { Happening } from '../../core/notification/route.ts';
import { type Subscription, wants } from '../../core/notification/subscription.ts';
import { clock, table } from '../kit/state.ts';

const subscriptions = subscriptionRows(table, clock);
const deliveries = deliveryRows(table);

/** `known` keeps the subscriptions of a tenant for the run. Done before: nothing happens. */
export async function handToSubscribers(
  event: OutgoingEvent,
  happening: Happening & { severity: Severity; tenant?: string | undefined },
  configuration: Configuration,
  known: Map<string, Promise<Subscription[]>>,
): Promise<void> {
  const { tenant } = happening;
  if (tenant !== undefined && !known.has(tenant)) known.set(tenant, subscriptions.of(tenant));
  const subscribed = tenant === undefined ? [] : await known.get(tenant)!;
  const wanting: { id: string; tenant?: string }[] = [
    ...configuration.notifications.webhooks.filter((webhook) => wants(webhook, happening)).map(({ name: id }) => ({ id })),
    ...subscribed.filter((subscription) => wants(subscription, happening)).map(({ id }) => ({ id, tenant: tenant! })),
  ];
  if (wanting.length === 0) return;
  const body = JSON.stringify(cloudEventOf(event, requiredVariable('API_ORIGIN')));
  const { type, id: eventId } = event;
  const createdAt = event.time.toISOString();
  for (const { id: subscription, tenant: owner } of wanting)
    await deliveries.add(owner, { id: deliveryId(createdAt, eventId), subscription, type, eventId, body, createdAt });
}
