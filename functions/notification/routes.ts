/** Subscriptions to events, and what is not to be told. */
import * as z from 'zod';
import { artifactName, instant, prose } from '../../core/promotion/request-body.ts';
import { none, pageQuery, type Route } from '../kit/route.ts';

const eventName = z.string().min(1).max(64);
const environment = z.string().min(1).max(64);

/** Without `events` everything is sent. Environments and artifacts leave out what happens elsewhere; `severity` is the least that is sent. */
export const subscriptionBody = z.strictObject({
  url: z.string().min(1).max(2_000),
  description: prose(0, 200).optional(),
  events: z.array(eventName).min(1).max(50).optional(),
  environments: z.array(environment).min(1).max(20).optional(),
  artifacts: z.array(artifactName).min(1).max(50).optional(),
  severity: z.enum(['info', 'warning', 'critical']).optional(),
  tenant: z.string().min(1).max(64).optional(),
});
export const redeliverBody = z.strictObject({ deliveryId: z.string().min(1).max(200).optional() });
export const muteBody = z.strictObject({
  event: eventName,
  team: z.string().min(1).max(64).optional(),
  environment: environment.optional(),
  until: instant.optional(),
});

const SUBSCRIPTION = '/v1/subscriptions/{subscriptionId}';
/** Who runs a tenant also says where its events go. */
const RUNS = ['admin', 'rollback'] as const;
const ofOne = { group: 'operate', auth: 'bearer', verb: RUNS, names: 'subscription', tag: 'notifications' } as const;

export const NOTIFICATION_ROUTES = [
  {
    method: 'POST',
    path: '/v1/subscriptions',
    operation: 'createSubscription',
    group: 'operate',
    auth: 'bearer',
    verb: RUNS,
    names: 'tenant',
    summary: 'Sends events of a tenant to an address, signed; the secret is shown once, and a ping is sent',
    body: subscriptionBody,
    query: none,
    answers: { 201: 'NewSubscription' },
    tag: 'notifications',
  },
  {
    method: 'GET',
    path: '/v1/subscriptions',
    operation: 'listSubscriptions',
    group: 'operate',
    auth: 'bearer',
    verb: RUNS,
    summary: 'Lists the subscriptions of my tenants',
    query: pageQuery,
    answers: { 200: 'SubscriptionList' },
    tag: 'notifications',
  },
  {
    ...ofOne,
    method: 'GET',
    path: SUBSCRIPTION,
    operation: 'getSubscription',
    summary: 'Shows a subscription, without its secret',
    query: none,
    answers: { 200: 'Subscription' },
  },
  {
    ...ofOne,
    method: 'DELETE',
    path: SUBSCRIPTION,
    operation: 'removeSubscription',
    summary: 'Ends a subscription',
    body: none,
    bodyOptional: true,
    query: none,
    answers: { 204: 'Nothing' },
  },
  {
    ...ofOne,
    method: 'POST',
    path: `${SUBSCRIPTION}/rotate`,
    operation: 'rotateSubscription',
    summary: 'Makes a new secret, shown once; the old one signs beside it for 24 hours',
    body: none,
    bodyOptional: true,
    query: none,
    answers: { 200: 'NewSubscription' },
  },
  {
    ...ofOne,
    method: 'POST',
    path: `${SUBSCRIPTION}/enable`,
    operation: 'enableSubscription',
    summary: 'Sends again after a subscription was switched off',
    body: none,
    bodyOptional: true,
    query: none,
    answers: { 200: 'Subscription' },
  },
  {
    ...ofOne,
    method: 'GET',
    path: `${SUBSCRIPTION}/deliveries`,
    operation: 'listDeliveries',
    summary: 'Lists what was sent in the last 30 days, with every attempt, newest first',
    query: pageQuery,
    answers: { 200: 'DeliveryList' },
  },
  {
    ...ofOne,
    method: 'POST',
    path: `${SUBSCRIPTION}/redeliver`,
    operation: 'redeliver',
    summary: 'Sends a delivery again, or without `deliveryId` the newest 25 that were given up',
    body: redeliverBody,
    bodyOptional: true,
    query: none,
    answers: { 202: 'Redelivered' },
  },
  {
    method: 'POST',
    path: '/v1/mutes',
    operation: 'createMute',
    group: 'operate',
    auth: 'bearer',
    signedIn: true,
    people: true,
    summary: 'Spares me, or a team of mine, of an event; tasks and what is critical are told all the same',
    body: muteBody,
    query: none,
    answers: { 201: 'Mute' },
    tag: 'notifications',
  },
  {
    method: 'GET',
    path: '/v1/mutes',
    operation: 'listMutes',
    group: 'operate',
    auth: 'bearer',
    signedIn: true,
    people: true,
    summary: 'Lists what I have muted, and what my teams have',
    query: pageQuery,
    answers: { 200: 'MuteList' },
    tag: 'notifications',
  },
  {
    method: 'DELETE',
    path: '/v1/mutes/{muteId}',
    operation: 'removeMute',
    group: 'operate',
    auth: 'bearer',
    signedIn: true,
    people: true,
    names: 'mute',
    summary: 'Tells of it again',
    body: none,
    bodyOptional: true,
    query: none,
    answers: { 204: 'Nothing' },
    tag: 'notifications',
  },
] as const satisfies readonly Route[];
