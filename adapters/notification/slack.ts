/** Slack through an incoming webhook. Foreign text goes into plain_text blocks, which Slack does not parse. */

import { Fault } from '../../core/errors.ts';
import { type Message, oneLine } from '../../core/notification/message.ts';
import { egress } from '../egress.ts';

/** Slack's own limit of a plain_text block. */
const LONGEST_TEXT = 3_000;
const MARK = { info: ':information_source:', warning: ':warning:', critical: ':rotating_light:' } as const;

/** Sends one message. `webhook` is a secret; it never appears in an error. */
export async function sendToSlack(webhook: string, message: Message, page: { label: string; url: string }): Promise<void> {
  const plain = (text: string) => ({ type: 'plain_text', emoji: false, text: text.slice(0, LONGEST_TEXT) });
  const body = JSON.stringify({
    text: `${MARK[message.severity]} ${escapeSlack(oneLine(message.subject))}`.slice(0, LONGEST_TEXT),
    blocks: [
      { type: 'header', text: plain(oneLine(message.subject).slice(0, 150)) },
      ...message.paragraphs.map((paragraph) => ({ type: 'section', text: plain(paragraph) })),
      { type: 'actions', elements: [{ type: 'button', text: plain(page.label), url: page.url }] },
    ],
  });
  const answer = await egress.request({
    method: 'POST',
    url: webhook,
    headers: { 'content-type': 'application/json' },
    body,
    deadlineMs: 10_000,
  });
  if (answer.status >= 500 || answer.status === 429) throw new Fault('UNAVAILABLE', `Slack answered ${answer.status}`);
  if (answer.status >= 300) throw new Fault('EGRESS_REFUSED', `Slack refused the message with ${answer.status}`);
}

/** Slack's markup begins with these three characters only. */
export function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
