/** Shapes of what the feature notification answers. */
import * as z from 'zod';
import { instant, listOf } from '../kit/answer.ts';

const severity = z.enum(['info', 'warning', 'critical']);

const subscription = z
  .strictObject({
    id: z.string(),
    tenant: z.string().nullable(),
    url: z.string(),
    description: z.string().nullable(),
    events: z.array(z.string()),
    environments: z.array(z.string()).nullable().meta({ description: 'null: all of them' }),
    artifacts: z.array(z.string()).nullable().meta({ description: 'null: all of them' }),
    severity: severity.nullable().meta({ description: 'the least that is sent; null: everything' }),
    state: z.enum(['active', 'disabled']),
    disabledAt: instant.nullable(),
    disabledBecause: z.string().nullable(),
    secretVersion: z.int(),
    formerSecretUntil: instant.nullable(),
    createdAt: instant,
    createdBy: z.string(),
  })
  .meta({ id: 'Subscription' });

const newSubscription = subscription.extend({ secret: z.string().nullable() }).meta({
  id: 'NewSubscription',
  description: '`secret` is shown once: a repeated request with the same Idempotency-Key answers null',
});

const delivery = z
  .strictObject({
    id: z.string(),
    type: z.string(),
    eventId: z.string().meta({ description: 'the webhook-id of every attempt' }),
    status: z.enum(['pending', 'delivered', 'failed']).meta({ description: 'failed: given up, until it is sent again by hand' }),
    createdAt: instant,
    nextAt: instant.nullable(),
    attempts: z.array(z.strictObject({ at: instant, milliseconds: z.int(), status: z.int().optional(), error: z.string().optional() })),
  })
  .meta({ id: 'Delivery' });

const mute = z
  .strictObject({
    id: z.string(),
    event: z.string(),
    team: z.string().nullable().meta({ description: 'null: mine alone' }),
    environment: z.string().nullable(),
    until: instant.nullable(),
    createdAt: instant,
    createdBy: z.string(),
  })
  .meta({ id: 'Mute' });

export const NOTIFICATION_ANSWERS = {
  Subscription: subscription,
  NewSubscription: newSubscription,
  SubscriptionList: listOf(subscription).meta({ id: 'SubscriptionList' }),
  DeliveryList: listOf(delivery).meta({ id: 'DeliveryList' }),
  Redelivered: z.strictObject({ items: z.array(z.strictObject({ id: z.string() })) }).meta({ id: 'Redelivered' }),
  Mute: mute,
  MuteList: listOf(mute).meta({ id: 'MuteList' }),
} as const;
