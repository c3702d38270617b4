/** Mail through SES. One recipient per message: nobody sees who else was asked, and a link goes to one address only. */
import { SESClient, SendEmailCommand } from '@aws-sdk/client-ses';
import { type Html, html } from '../../core/notification/html.ts';
import { type Message, oneLine } from '../../core/notification/message.ts';
import { requiredVariable } from '../state/table.ts';

/** Name of the tag that lib/event-plane.ts filters the events by. */
const REQUEST_TAG = 'greenlight-request';
/** Value of the tag where no request is behind a mail: its address is remembered all the same when it comes back. */
const NO_REQUEST = 'none';

export interface Mail {
  to: string;
  from: string;
  /** Request whose people must know when this mail does not arrive; absent where there is none, and in the mail that tells them. */
  requestId?: string;
  message: Message;
  /** Where the recipient can act or look: an approval link, or the page address of the request. */
  link?: { label: string; url: string };
}

export interface Mailer {
  send(mail: Mail): Promise<void>;
}

export function mailer(client = new SESClient({ maxAttempts: 4 })): Mailer {
  return {
    async send({ to, from, requestId, message, link }) {
      const charset = (data: string) => ({ Data: data, Charset: 'UTF-8' });
      const text = [...message.paragraphs, ...(link ? [`${link.label}:\n${link.url}`] : [])].join('\n\n');
      await client.send(
        new SendEmailCommand({
          Source: from,
          Destination: { ToAddresses: [oneLine(to)] },
          // SES encodes the subject; a line break in it would still be a second header in other hands.
          Message: {
            Subject: charset(oneLine(message.subject)),
            Body: { Text: charset(`${text}\n`), Html: charset(page(message, link).markup) },
          },
          ConfigurationSetName: requiredVariable('MAIL_CONFIGURATION_SET'),
          Tags: [{ Name: REQUEST_TAG, Value: requestId ?? NO_REQUEST }],
        }),
      );
    },
  };
}

/** What SES says of a mail that did not arrive. */
export interface ReturnedMail {
  /** Absent: no request is behind it, or it told of a mail that did not arrive. */
  requestId?: string;
  /** SES's id of the mail: the same event may come twice. */
  messageId: string;
  addresses: string[];
  /** One sentence. */
  why: string;
  /** The addresses take no mail of ours any more; false: this one mail did not arrive. */
  isFinal: boolean;
}

interface SesEvent {
  source?: string;
  detail?: {
    eventType?: string;
    mail?: { messageId?: string; destination?: string[]; tags?: Record<string, string[]> };
    bounce?: { bounceType?: string; bouncedRecipients?: { emailAddress: string }[] };
    complaint?: { complainedRecipients?: { emailAddress: string }[] };
    reject?: { reason?: string };
  };
}

/** The mail that an event tells of; undefined for anything else that a function is called with. */
export function returnedMail(event: unknown): ReturnedMail | undefined {
  const { source, detail } = (event ?? {}) as SesEvent;
  const tag = detail?.mail?.tags?.[REQUEST_TAG]?.[0];
  if (source !== 'aws.ses' || !detail?.mail || tag === undefined) return undefined;
  const { mail, bounce, complaint, reject } = detail;
  const recipients = bounce?.bouncedRecipients ?? complaint?.complainedRecipients;
  return {
    ...(tag === NO_REQUEST ? {} : { requestId: tag }),
    isFinal: bounce?.bounceType === 'Permanent' || complaint !== undefined,
    messageId: mail.messageId ?? '',
    addresses: recipients?.map(({ emailAddress }) => emailAddress) ?? mail.destination ?? [],
    why: bounce
      ? `the address does not take mail (${bounce.bounceType ?? 'bounced'})`
      : complaint
        ? 'the recipient has called our mail unwanted'
        : `it was not sent (${reject?.reason ?? 'rejected'})`,
  };
}

function page(message: Message, link: Mail['link']): Html {
  const paragraphs = message.paragraphs.map((paragraph) => html`<p style="white-space:pre-line">${paragraph}</p>`);
  const button = link ? [html`<p><a href="${link.url}">${link.label}</a></p>`, html`<p style="word-break:break-all">${link.url}</p>`] : [];
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${message.subject}</title></head><body>${paragraphs}${button}</body></html>`;
}
