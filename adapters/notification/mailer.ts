/** Mail through SES. One recipient per message: nobody sees who else was asked, and a link goes to one address only. */
import { SESClient, SendEmailCommand } from '@aws-sdk/client-ses';
import { type Html, html } from '../../core/notification/html.ts';
import { type Message, oneLine } from '../../core/notification/message.ts';
import { requiredVariable } from '../state/table.ts';

export interface Mail {
  to: string;
  from: string;
  message: Message;
  /** Where the recipient can act or look: an approval link, or the page address of the request. */
  link?: { label: string; url: string };
}

export interface Mailer {
  send(mail: Mail): Promise<void>;
}

export function mailer(client = new SESClient({ maxAttempts: 4 })): Mailer {
  return {
    async send({ to, from, message, link }) {
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
        }),
      );
    },
  };
}

function page(message: Message, link: Mail['link']): Html {
  const paragraphs = message.paragraphs.map((paragraph) => html`<p style="white-space:pre-line">${paragraph}</p>`);
  const button = link ? [html`<p><a href="${link.url}">${link.label}</a></p>`, html`<p style="word-break:break-all">${link.url}</p>`] : [];
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${message.subject}</title></head><body>${paragraphs}${button}</body></html>`;
}
