/** One notice on its way out: channels, each served once, and what all of them share. */
import { mailer } from '../../adapters/notification/mailer.ts';
import { muteRows } from '../../adapters/notification/mute-rows.ts';
import { type NoticeRow, noticeRows } from '../../adapters/notification/notice-rows.ts';
import { sendToSlack } from '../../adapters/notification/slack.ts';
import { unreachableRows } from '../../adapters/notification/unreachable-rows.ts';
import { resolveReference } from '../../adapters/references.ts';
import type { Configuration, NotificationChannel, NotificationRoute } from '../../core/environment/configuration.ts';
import { messageOf as errorText } from '../../core/errors.ts';
import type { Recipient } from '../../core/notification/audience.ts';
import type { OutgoingEvent } from '../../core/notification/cloud-event.ts';
import type { Severity } from '../../core/notification/message.ts';
import { isMuted, type Mute } from '../../core/notification/mute.ts';
import { channelsOf, type Happening, isAlwaysTold, recipientsOf, routesOf, severityOf } from '../../core/notification/route.ts';
import type { SlackMessage } from '../../core/notification/slack-message.ts';
import type { Subscription } from '../../core/notification/subscription.ts';
import { clock, table } from '../kit/state.ts';

export const notices = noticeRows(table);
export const mail = mailer();
export const unreachable = unreachableRows(table);
const mutes = muteRows(table, clock);

/** What holds for a whole run: read once. */
export interface RunFacts {
  configuration: Configuration;
  mutes: readonly Mute[];
  /** Subscriptions by tenant, as far as they were needed. */
  subscriptions: Map<string, Promise<Subscription[]>>;
}

export async function runFacts(configuration: Configuration): Promise<RunFacts> {
  return { configuration, mutes: await mutes.all(), subscriptions: new Map() };
}

export class NoticeDelivery {
  readonly notice: NoticeRow;
  readonly problems: string[] = [];
  readonly happening: Happening & { severity: Severity; tenant?: string | undefined };
  readonly #run: RunFacts;
  readonly #routes: NotificationRoute[];
  readonly #channels: ReadonlySet<NotificationChannel>;

  constructor(
    notice: NoticeRow,
    run: RunFacts,
    place: Omit<Happening, 'type' | 'data'> & { tenant?: string | undefined },
    usual: Severity,
  ) {
    const happening = { type: notice.type, data: notice.data, ...place };
    this.notice = notice;
    this.#run = run;
    this.#routes = routesOf(run.configuration.notifications.routes, happening);
    this.#channels = channelsOf(this.#routes);
    this.happening = { ...happening, severity: severityOf(usual, this.#routes, happening) };
  }

  get configuration(): Configuration {
    return this.#run.configuration;
  }

  /** Whom the configuration names for it. */
  get named() {
    return recipientsOf(this.configuration, this.#routes);
  }

  /** Sends on one channel unless it has been done; what fails there keeps no other waiting. */
  async once(channel: string, send: () => Promise<void>): Promise<void> {
    try {
      if (await notices.wasSent(this.notice, channel)) return;
      await send();
      await notices.markSent(this.notice, channel);
    } catch (error) {
      this.problems.push(`${channel.split(':')[0]}: ${errorText(error)}`);
    }
  }

  /** Whether somebody gets a mail: muting and closed channels spare nobody a task, nor what is critical. */
  reaches({ email, approverKey, team }: Recipient): boolean {
    const isTask = approverKey !== undefined;
    const isOpen = this.#channels.has('email') && this.configuration.notifications.mail !== false;
    if (!isOpen && !isTask && this.happening.severity !== 'critical' && !isAlwaysTold(this.notice.type)) return false;
    return !isMuted({ email, isTask, team }, this.happening, this.#run.mutes, clock.now().toISOString());
  }

  /** Sends mail to everybody it reaches; an address that mail has come back from is left in peace. */
  async mail(recipients: readonly Recipient[], send: (recipient: Recipient) => Promise<void>): Promise<void> {
    for (const recipient of recipients.filter((each) => this.reaches(each))) {
      await this.once(`mail:${recipient.email}`, async () => {
        const why = await unreachable.why(recipient.email, clock.now());
        if (why === undefined) await send(recipient);
        // What was asked of them does not reach them: `explain` says so. News wait until their mailbox takes mail again.
        else if (recipient.approverKey !== undefined) await notices.markUnreached(this.notice, `${recipient.email} takes no mail: ${why}`);
      });
    }
  }

  async slack(message: () => Promise<SlackMessage>): Promise<void> {
    const webhook = this.configuration.notifications.slack?.webhook;
    if (webhook && (this.#channels.has('slack') || isAlwaysTold(this.notice.type)))
      await this.once('slack', async () => sendToSlack(await resolveReference(webhook), await message()));
  }

  /** Hands the event to everybody who subscribes to it; `dispatch` sends it. */
  async webhooks(event: OutgoingEvent): Promise<void> {
    if (!this.#channels.has('webhooks')) return;
    await this.once('webhooks', async () => {
      const { handToSubscribers } = await import('./subscribers.ts');
      await handToSubscribers(event, this.happening, this.configuration, this.#run.subscriptions);
    });
  }
}
