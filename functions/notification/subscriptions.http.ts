/** `/v1/subscriptions`: who gets signed events over HTTP, what was delivered, and once more. */
import { randomBytes } from 'node:crypto';
import type * as z from 'zod';
import { kmsMacs } from '../../adapters/access/macs.ts';
import { checkedUrl } from '../../adapters/egress-address.ts';
import { deliveryRows } from '../../adapters/notification/delivery-rows.ts';
import { subscriptionRows } from '../../adapters/notification/subscription-rows.ts';
import { webhookSecret } from '../../adapters/notification/webhook-secrets.ts';
import { belongsToTenant, mayUse } from '../../core/access/membership.ts';
import { type Configuration, tenantsOf } from '../../core/environment/configuration.ts';
import { Fault, Refusal } from '../../core/errors.ts';
import { cloudEventOf } from '../../core/notification/cloud-event.ts';
import { type Delivery, deliveryId } from '../../core/notification/delivery.ts';
import { isEventName, nearestEventName } from '../../core/notification/event-name.ts';
import { ROTATION_SECONDS, type Subscription } from '../../core/notification/subscription.ts';
import { actingOf } from '../kit/acting.ts';
import { cursors } from '../kit/cursor.ts';
import type { Caller, HttpAnswer, HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { pageOf } from '../kit/page.ts';
import type { pageQuery } from '../kit/route.ts';
import { clock, table } from '../kit/state.ts';
import type { redeliverBody, subscriptionBody } from './routes.ts';

const subscriptions = subscriptionRows(table, clock);
const deliveries = deliveryRows(table);
const pages = cursors(kmsMacs(), clock);
const DEFAULT_LIMIT = 25;
/** Deliveries that one call begins again. */
const MOST_REPEATED = 25;

export const createSubscription: TwoPhaseHandler<string, z.infer<typeof subscriptionBody>> = {
  async find({ body, caller, configuration }) {
    const asked = (body as { tenant?: unknown } | null | undefined)?.tenant;
    const mine = tenantsOf(configuration).filter((tenant) => belongsToTenant(caller.membership, tenant));
    const tenant = typeof asked === 'string' ? asked : (mine.find((name) => mayManage(caller, name)) ?? mine[0]);
    if (tenant === undefined || !mine.includes(tenant)) throw new Refusal('NOT_FOUND', 'there is no such tenant');
    refuseOthers(caller, tenant);
    return tenant;
  },
  async handle(call, tenant) {
    const { body, caller, configuration } = call;
    const { url, description, events = ['*'], environments, artifacts, severity } = body;
    refuseAddress(url);
    refuseUnknownNames(body, configuration);
    const createdAt = clock.now().toISOString();
    const subscription: Subscription = {
      id: subscriptions.mintId(),
      tenant,
      url,
      events,
      secretVersion: 1,
      createdAt,
      createdBy: caller.actor.email,
      ...(description === undefined ? {} : { description }),
      ...(environments ? { environments } : {}),
      ...(artifacts ? { artifacts } : {}),
      ...(severity ? { severity } : {}),
    };
    const secret = await webhookSecret(subscription.id, 1);
    await subscriptions.add(subscription, actingOf(call), pingOf(subscription, call.origin));
    return withSecret(201, subscription, secret);
  },
};

export async function listSubscriptions(call: HttpCall<unknown, z.infer<typeof pageQuery>>): Promise<HttpAnswer> {
  const { caller, configuration, query } = call;
  const tenants = tenantsOf(configuration).filter((tenant) => mayManage(caller, tenant));
  const kept = (await Promise.all(tenants.map((tenant) => subscriptions.of(tenant)))).flat();
  const page = await pageOf(kept, ({ createdAt, id }) => `${createdAt}#${id}`, ['listSubscriptions', caller.actor.key], query);
  return { status: 200, body: { ...page, items: page.items.map(render) } };
}

/** What every route of one subscription finds first. */
async function find({ params, caller, configuration }: HttpCall<unknown, unknown>): Promise<Subscription> {
  const id = params['subscriptionId']!;
  for (const tenant of tenantsOf(configuration).filter((name) => belongsToTenant(caller.membership, name))) {
    const subscription = await subscriptions.get(tenant, id);
    if (!subscription) continue;
    refuseOthers(caller, tenant);
    return subscription;
  }
  throw notFound();
}

export const getSubscription: TwoPhaseHandler<Subscription> = {
  find,
  handle: async (_call, subscription) => ({ status: 200, body: render(subscription) }),
};

export const removeSubscription: TwoPhaseHandler<Subscription> = {
  find,
  async handle(call, subscription) {
    if (!(await subscriptions.remove(subscription, actingOf(call)))) throw notFound();
    return { status: 204 };
  },
};

/** A new secret; the old one signs beside it for a day, so that receivers may change at their leisure. */
export const rotateSubscription: TwoPhaseHandler<Subscription> = {
  find,
  async handle(call, subscription) {
    const secretVersion = subscription.secretVersion + 1;
    const formerSecretUntil = new Date(clock.now().getTime() + ROTATION_SECONDS * 1000).toISOString();
    const rotated: Subscription = { ...subscription, secretVersion, formerSecretUntil };
    const secret = await webhookSecret(subscription.id, secretVersion);
    if (!(await subscriptions.change(rotated, 'subscription.rotated', actingOf(call)))) throw changed();
    return withSecret(200, rotated, secret);
  },
};

/** Sends again after it was switched off, beginning with a ping. */
export const enableSubscription: TwoPhaseHandler<Subscription> = {
  find,
  async handle(call, subscription) {
    const { disabled, ...enabled } = subscription;
    if (!disabled) return { status: 200, body: render(subscription) };
    refuseAddress(enabled.url);
    const ping = pingOf(enabled, call.origin);
    if (!(await subscriptions.change(enabled, 'subscription.enabled', actingOf(call), ping))) throw changed();
    await subscriptions.succeeded(enabled.tenant!, enabled.id);
    return { status: 200, body: render(enabled) };
  },
};

export const listDeliveries: TwoPhaseHandler<Subscription, unknown, z.infer<typeof pageQuery>> = {
  find,
  async handle({ query, caller }, { id }) {
    const { limit = DEFAULT_LIMIT, cursor } = query;
    const scope = ['listDeliveries', id, caller.actor.key];
    const after = cursor === undefined ? undefined : await pages.read(scope, cursor);
    const page = await deliveries.page(id, limit, after);
    const next = page.more && page.deliveries.length > 0 ? { nextCursor: await pages.write(scope, page.deliveries.at(-1)!.id) } : {};
    return { status: 200, body: { items: page.deliveries.map(renderDelivery), ...next } };
  },
};

/** One delivery, or the newest that were given up. The event keeps its id: a receiver that has seen it knows it again. */
export const redeliver: TwoPhaseHandler<Subscription, z.infer<typeof redeliverBody>> = {
  find,
  async handle(call, subscription) {
    if (subscription.disabled)
      throw new Refusal('STATE_CONFLICT', 'this subscription is switched off', {
        hint: 'enable it first: greenlight subscription enable ID',
      });
    const { deliveryId: asked } = call.body;
    const found = asked === undefined ? await givenUp(subscription.id) : [await deliveries.get(subscription.id, asked)];
    const wanted = found.filter((delivery) => delivery !== undefined);
    if (asked !== undefined && wanted.length === 0) throw new Refusal('NOT_FOUND', 'there is no such delivery');
    const now = clock.now();
    // What is still on its way is sent anyway.
    const idle = wanted.filter(({ status }) => status !== 'pending');
    if (idle.length > 0) {
      const writes = idle.flatMap((delivery) => deliveries.repeat(subscription.tenant, delivery, now));
      if (!(await subscriptions.change(subscription, 'subscription.redelivered', actingOf(call), writes))) throw changed();
    }
    return { status: 202, body: { items: wanted.map(({ id }) => ({ id })) } };
  },
};

async function givenUp(subscription: string): Promise<Delivery[]> {
  const { deliveries: newest } = await deliveries.page(subscription, 100);
  return newest.filter(({ status }) => status === 'failed').slice(0, MOST_REPEATED);
}

function pingOf(subscription: Subscription, origin: string) {
  const now = clock.now();
  const eventId = `ping-${randomBytes(8).toString('hex')}`;
  const data = { subscription: subscription.id, tenant: subscription.tenant! };
  const event = cloudEventOf({ id: eventId, type: 'ping', severity: 'info', subject: subscription.id, time: now, data }, origin);
  const createdAt = now.toISOString();
  const id = deliveryId(createdAt, eventId);
  return deliveries.writesOf(subscription.tenant, {
    id,
    subscription: subscription.id,
    type: 'ping',
    eventId,
    body: JSON.stringify(event),
    createdAt,
  });
}

function mayManage({ membership }: Caller, tenant: string): boolean {
  return mayUse(membership, 'admin', tenant) || mayUse(membership, 'rollback', tenant);
}

function refuseOthers(caller: Caller, tenant: string): void {
  if (!mayManage(caller, tenant)) throw new Refusal('FORBIDDEN', `your roles do not include the verb "admin" or "rollback" in ${tenant}`);
}

/** Where nothing may ever be sent, nothing is kept. The name behind a host is looked up when something is sent. */
function refuseAddress(url: string): void {
  try {
    checkedUrl(url);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Refusal('INVALID_REQUEST', error.message, {
      hint: 'give a public https address, spelled plainly',
      errors: [{ path: '/url', message: error.message }],
    });
  }
}

function refuseUnknownNames({ events = [], environments = [] }: z.infer<typeof subscriptionBody>, configuration: Configuration): void {
  const errors = [
    ...events.flatMap((event, index) => {
      if (isEventName(event)) return [];
      const suggestion = nearestEventName(event);
      return [{ path: `/events/${index}`, message: `there is no event ${event}${suggestion ? `; did you mean ${suggestion}?` : ''}` }];
    }),
    ...environments.flatMap((name, index) =>
      Object.hasOwn(configuration.environments, name)
        ? []
        : [{ path: `/environments/${index}`, message: `there is no environment ${name}` }],
    ),
  ];
  if (errors.length > 0)
    throw new Refusal('INVALID_REQUEST', errors[0]!.message, { hint: 'docs/notifications.md lists the events', errors });
}

function notFound(): Refusal {
  return new Refusal('NOT_FOUND', 'there is no such subscription', { hint: 'receivers of the configuration file are changed there' });
}

function changed(): Refusal {
  return new Refusal('STATE_CONFLICT', 'the subscription was changed meanwhile', { hint: 'read it again' });
}

/** Kept for a day with the Idempotency-Key, the secret would lie in the table after all. */
function withSecret(status: number, subscription: Subscription, secret: string): HttpAnswer {
  const answer = { status, headers: { location: `/v1/subscriptions/${subscription.id}` } };
  const body = render(subscription);
  return { ...answer, body: { ...body, secret }, repeated: { ...answer, body: { ...body, secret: null } } };
}

function render({ id, tenant, url, description, events, environments, artifacts, severity, ...rest }: Subscription) {
  return {
    id,
    tenant: tenant ?? null,
    url,
    description: description ?? null,
    events,
    environments: environments ?? null,
    artifacts: artifacts ?? null,
    severity: severity ?? null,
    state: rest.disabled ? 'disabled' : 'active',
    disabledAt: rest.disabled?.at ?? null,
    disabledBecause: rest.disabled?.because ?? null,
    secretVersion: rest.secretVersion,
    formerSecretUntil: rest.formerSecretUntil ?? null,
    createdAt: rest.createdAt,
    createdBy: rest.createdBy,
  };
}

function renderDelivery({ id, type, eventId, status, createdAt, nextAt, attempts }: Delivery) {
  return { id, type, eventId, status, createdAt, nextAt: nextAt ?? null, attempts };
}
