/** Slack over HTTP: the incoming webhook that messages go to, and the address of one click where its message can be changed. */

import { Fault } from '../../core/errors.ts';
import type { SlackMessage } from '../../core/notification/slack-message.ts';
import { egress } from '../egress.ts';
import { checkedUrl } from '../egress-address.ts';

/** The only origin that Slack answers clicks at. */
const RESPONSES = 'https://hooks.slack.com';
/** Slack waits 3 s for the answer to a click; the decision has been made by then, and this must not keep it waiting. */
const RESPONSE_DEADLINE_MS = 1_500;

/** Sends one message. `webhook` is a secret; it never appears in an error. */
export function sendToSlack(webhook: string, message: SlackMessage): Promise<void> {
  return post(webhook, message, 10_000);
}

/** A message in place of the one that was clicked, or a text that only who clicked sees. */
export type SlackResponse =
  | (SlackMessage & { replace_original: true })
  | { response_type: 'ephemeral'; replace_original: false; text: string };

/**
 * Answers a click where Slack said (`responseUrl` is from the payload). Fault EGRESS_REFUSED without a request for any other origin than Slack's own,
 * unless whoever deploys allows it.
 */
export async function respondToClick(responseUrl: string, response: SlackResponse): Promise<void> {
  const { url, allowed } = checkedUrl(responseUrl);
  if (url.origin !== RESPONSES && !allowed) throw new Fault('EGRESS_REFUSED', 'the address for responses is not at Slack');
  await post(responseUrl, response, RESPONSE_DEADLINE_MS);
}

async function post(url: string, body: object, deadlineMs: number): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const answer = await egress.request({ method: 'POST', url, headers, body: JSON.stringify(body), deadlineMs });
  if (answer.status >= 500 || answer.status === 429) throw new Fault('UNAVAILABLE', `Slack answered ${answer.status}`);
  if (answer.status >= 300) throw new Fault('EGRESS_REFUSED', `Slack refused the message with ${answer.status}`);
}
