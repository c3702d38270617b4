/** Notices that belong to no request: alerts, clean-ups, changes of versions and of the configuration. */
import { publishEvent } from '../../adapters/notification/bus.ts';
import type { NoticeRow } from '../../adapters/notification/notice-rows.ts';
import { requiredVariable } from '../../adapters/state/table.ts';
import { type Configuration, tenantsOf } from '../../core/environment/configuration.ts';
import { administratorsOf, type Recipient } from '../../core/notification/audience.ts';
import type { OutgoingEvent } from '../../core/notification/cloud-event.ts';
import { systemMessage, usualSeverity } from '../../core/notification/message.ts';
import { isAlwaysTold } from '../../core/notification/route.ts';
import { noticeMessage } from '../../core/notification/slack-message.ts';
import { mail, NoticeDelivery, type RunFacts } from './notice-delivery.ts';

export async function deliverSystem(notice: NoticeRow, run: RunFacts): Promise<string[]> {
  const { type, data } = notice;
  const word = (name: string) => (typeof data[name] === 'string' ? data[name] : undefined);
  const tenant = word('tenant');
  const place = { environment: word('environment'), artifact: word('artifact'), tenant };
  const delivery = new NoticeDelivery(notice, run, place, usualSeverity(type));
  const { configuration, named } = delivery;
  const origin = requiredVariable('API_ORIGIN');
  const { severity } = delivery.happening;
  const event: OutgoingEvent = { id: notice.row, type, severity, subject: notice.requestId, time: new Date(notice.at), data };
  await delivery.once('bus', () => publishEvent(event, origin));
  await delivery.webhooks(event);
  const message = { ...systemMessage(notice, notice.at), severity };
  const page = { label: 'Open Greenlight', url: `${origin}/docs` };
  await delivery.slack(async () => noticeMessage(message, page.url, { label: page.label, ...named.slack }));
  const recipients = audienceOf(notice, configuration, tenant, named.mail);
  await delivery.mail(recipients, ({ email }) => mail.send({ to: email, from: configuration.notifications.from, message, link: page }));
  return delivery.problems;
}

/** Administrators hear of what somebody must act on; of everything else, who is named for it. */
function audienceOf({ type, to = [] }: NoticeRow, configuration: Configuration, tenant: string | undefined, named: readonly Recipient[]) {
  const needsHands = isAlwaysTold(type) || type === 'subscription.disabled';
  const tenants = tenant === undefined ? tenantsOf(configuration) : [tenant];
  const administrators = needsHands ? tenants.flatMap((name) => administratorsOf(configuration, name)) : [];
  const all: Recipient[] = [...[...administrators, ...to].map((email) => ({ email })), ...named];
  return [...new Map(all.map((recipient) => [recipient.email.toLowerCase(), recipient])).values()];
}
