/** Mail through SES. One recipient per message: nobody sees who else was asked, and a link goes to one address only. */
import { SESClient, SendEmailCommand } from '@aws-sdk/client-ses';
import { type Html, html } from '../../core/notification/html.ts';
import { type Message, oneLine, type Severity } from '../../core/notification/message.ts';
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

const COLOURS: Readonly<Record<Severity, string>> = { info: '#1f6feb', warning: '#9a6700', critical: '#cf222e' };
/** A line that says one fact: what it is, and what it is worth. */
const FACT = /^([A-Z][A-Za-z ]{1,30}): (.+)$/;

/**
 * For every mail client: styles at the elements, nothing from elsewhere, no script, no picture. What cannot show HTML shows the text, which says the
 * same.
 */
function page(message: Message, link: Mail['link']): Html {
  const colour = COLOURS[message.severity];
  const button = link
    ? [
        html`<p style="margin:24px 0"><a href="${link.url}" style="background:${colour};color:#ffffff;padding:10px 18px;border-radius:6px;text-decoration:none;display:inline-block">${link.label}</a></p>`,
        html`<p style="font-size:12px;color:#57606a;word-break:break-all">${link.url}</p>`,
      ]
    : [];
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${message.subject}</title></head><body style="margin:0;padding:24px;background:#ffffff;color:#1f2328;font:15px/1.5 -apple-system,Segoe UI,Helvetica,Arial,sans-serif"><div style="max-width:640px;margin:0 auto;border-top:4px solid ${colour};padding-top:16px"><h1 style="font-size:18px;margin:0 0 16px">${message.subject}</h1>${message.paragraphs.map(paragraphOf)}${button}<p style="font-size:12px;color:#57606a;border-top:1px solid #d0d7de;padding-top:12px">${message.severity} · sent by Greenlight · greenlight mute spares you of news</p></div></body></html>`;
}

/** Facts in a table, everything else as it stands. */
function paragraphOf(paragraph: string): Html {
  const lines = paragraph.split('\n');
  if (lines.length < 2 || !lines.some((line) => FACT.test(line))) return html`<p style="white-space:pre-line">${paragraph}</p>`;
  const rows = lines.map((line) => {
    const [, name, value] = FACT.exec(line) ?? [];
    if (name === undefined || value === undefined) return html`<tr><td colspan="2" style="padding:2px 0">${line}</td></tr>`;
    return html`<tr><th align="left" valign="top" style="padding:2px 16px 2px 0;font-weight:600;white-space:nowrap">${name}</th><td style="padding:2px 0;word-break:break-word">${value}</td></tr>`;
  });
  return html`<table role="presentation" cellpadding="0" cellspacing="0" style="border-collapse:collapse;margin:0 0 16px">${rows}</table>`;
}
