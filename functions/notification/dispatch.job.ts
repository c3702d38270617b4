/**
 * Lambda `dispatch`: sends events to subscribers, and nothing else: it reads no request and holds no other secret. Woken when there is something to
 * send, and every minute. A receiver that does not answer keeps neither a promotion waiting nor, for longer than a run, another receiver.
 */

import { egress } from '../../adapters/egress.ts';
import { type DeliveryRows, deliveryRows, type Posting, type Settled } from '../../adapters/notification/delivery-rows.ts';
import { subscriptionRows } from '../../adapters/notification/subscription-rows.ts';
import { systemNotice } from '../../adapters/notification/system-alerts.ts';
import { webhookSecret } from '../../adapters/notification/webhook-secrets.ts';
import { resolveReference, resolveText } from '../../adapters/references.ts';
import { ENGINE } from '../../core/access/identity.ts';
import type { Configuration } from '../../core/environment/configuration.ts';
import { messageOf } from '../../core/errors.ts';
import { signMessage } from '../../core/gate/webhook-signature.ts';
import type { Delivery, DeliveryAttempt } from '../../core/notification/delivery.ts';
import { endsWith, isDelivered, pauseAfter, retryAfterOf, type Subscription } from '../../core/notification/subscription.ts';
import { log } from '../kit/log.ts';
import { clock, configuration, table } from '../kit/state.ts';

const deliveries: DeliveryRows = deliveryRows(table);
const subscriptions = subscriptionRows(table, clock);

/** The function ends after 120 s, an attempt after 10. */
const LIMIT_MS = 100_000;
const DEADLINE_MS = 10_000;
const LARGEST_ANSWER = 64 * 1024;
/** Receivers at once; each of them gets one event after the other. */
const AT_ONCE = 10;
/** Due deliveries that one run looks at. */
const MOST = 500;
const BY_ENGINE = { actor: ENGINE, auth: 'engine', channel: 'engine' } as const;

/** Where a delivery goes, and what signs it. */
interface Receiver {
  url: string;
  secrets: string[];
  subscription?: Subscription;
}

export async function handler(): Promise<{ delivered: number; failed: number }> {
  const end = performance.now() + LIMIT_MS;
  const config = await configuration();
  const queues = new Map<string, Posting[]>();
  let looked = 0;
  for await (const posting of deliveries.due(clock.now())) {
    const queue = queues.get(posting.subscription);
    if (queue) queue.push(posting);
    else queues.set(posting.subscription, [posting]);
    if (++looked >= MOST) break;
  }
  const count = { delivered: 0, failed: 0 };
  const waiting = [...queues.values()];
  const work = async () => {
    for (let queue = waiting.shift(); queue; queue = waiting.shift()) {
      for (const posting of queue) {
        if (performance.now() >= end) return;
        const isSent = await send(posting, config).catch((error: unknown) => {
          log.error('delivery not attempted', { delivery: posting.delivery, error });
          return false;
        });
        if (isSent === undefined) continue;
        count[isSent ? 'delivered' : 'failed']++;
        // Where one did not arrive the next would not either: what else is due there waits for the next run.
        if (!isSent) break;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return count;
}

/** One attempt. Undefined: there was nothing to send. */
async function send(posting: Posting, config: Configuration): Promise<boolean | undefined> {
  const delivery = await deliveries.get(posting.subscription, posting.delivery);
  const receiver = await receiverOf(posting, config);
  if (delivery?.status !== 'pending') {
    await deliveries.drop(posting);
    return undefined;
  }
  if (!receiver) {
    const attempt = { at: clock.now().toISOString(), milliseconds: 0, error: 'the subscription is switched off or gone' };
    await deliveries.settle(posting, delivery, attempt, { status: 'failed' });
    return undefined;
  }
  const { attempt, retryAfter } = await attemptOf(delivery, receiver);
  const isSent = attempt.status !== undefined && isDelivered(attempt.status);
  const pause = isSent || attempt.status === 410 ? undefined : pauseAfter(delivery.failures + 1, Math.random(), retryAfter);
  const outcome: Settled = isSent
    ? { status: 'delivered' }
    : pause === undefined
      ? { status: 'failed' }
      : { status: 'pending', nextAt: new Date(clock.now().getTime() + pause * 1000) };
  await deliveries.settle(posting, delivery, attempt, outcome);
  log.info('webhook', {
    delivery: delivery.id,
    subscription: delivery.subscription,
    type: delivery.type,
    ...attempt,
    outcome: outcome.status,
  });
  if (receiver.subscription) await remember(receiver.subscription, attempt, isSent);
  return isSent;
}

async function attemptOf(
  { body, eventId }: Delivery,
  { url, secrets }: Receiver,
): Promise<{ attempt: DeliveryAttempt; retryAfter: number }> {
  const now = clock.now();
  const started = performance.now();
  const done = (outcome: Pick<DeliveryAttempt, 'status' | 'error'>) => ({
    at: now.toISOString(),
    milliseconds: Math.round(performance.now() - started),
    ...outcome,
  });
  try {
    const bytes = Buffer.from(body);
    const signed = secrets.map((secret) => signMessage(secret, eventId, now, bytes));
    const headers = {
      'content-type': 'application/cloudevents+json',
      accept: '*/*',
      ...signed[0]!,
      'webhook-signature': signed.map((each) => each['webhook-signature']).join(' '),
    };
    // No redirects: where one leads, nobody has agreed to send anything.
    const answer = await egress.request({ method: 'POST', url, headers, body: bytes, deadlineMs: DEADLINE_MS, maxBytes: LARGEST_ANSWER });
    return { attempt: done({ status: answer.status }), retryAfter: retryAfterOf(answer.headers['retry-after']) };
  } catch (error) {
    return { attempt: done({ error: messageOf(error).slice(0, 200) }), retryAfter: 0 };
  }
}

async function receiverOf({ tenant, subscription: id }: Posting, config: Configuration): Promise<Receiver | undefined> {
  if (tenant === undefined) {
    const webhook = config.notifications.webhooks.find(({ name }) => name === id);
    return webhook && { url: await resolveText(webhook.url), secrets: [await resolveReference(webhook.secret)] };
  }
  const subscription = await subscriptions.get(tenant, id);
  if (!subscription || subscription.disabled) return undefined;
  const { secretVersion, formerSecretUntil, url } = subscription;
  const isFormerGood = formerSecretUntil !== undefined && formerSecretUntil > clock.now().toISOString();
  const versions = isFormerGood ? [secretVersion, secretVersion - 1] : [secretVersion];
  return { url, secrets: await Promise.all(versions.map((version) => webhookSecret(id, version))), subscription };
}

/** Keeps since when nothing arrives, and switches off what is gone for good: its tenant's administrators are told. */
async function remember(subscription: Subscription, { status }: DeliveryAttempt, isSent: boolean): Promise<void> {
  const tenant = subscription.tenant!;
  if (isSent) return subscriptions.succeeded(tenant, subscription.id);
  const now = clock.now();
  const because = endsWith(status, await subscriptions.failed(tenant, subscription.id, now), now);
  if (because === undefined) return;
  const disabled = { ...subscription, disabled: { at: now.toISOString(), because } };
  const { host } = new URL(subscription.url);
  const data = { reason: `${host} gets no events any more: ${because}`, tenant, subscription: subscription.id };
  const notice = systemNotice(`sys:subscription:${subscription.id}`, { type: 'subscription.disabled', data }, now);
  await subscriptions.change(disabled, 'subscription.disabled', BY_ENGINE, [notice]);
}
