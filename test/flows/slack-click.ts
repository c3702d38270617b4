/** A person who clicks a button of a Slack message: the payload as Slack makes it, signed with the secret of the app as Slack signs it. */
import { createHmac, randomBytes } from 'node:crypto';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { clientSettings } from '../../local/demo/aws-clients.ts';
import type { Answer, FlowCloud } from './cloud.ts';

/** As greenlight.yaml names them. */
export const APP = 'A0GREENLIGHT';
export const TEAM = 'T0GREENLIGHT';
export const MEMBERS = { dev: 'U0DEV', cpi: 'U0CPI', lead: 'U0LEAD', security: 'U0SECURITY' } as const;

export interface SlackButton {
  type: 'button';
  action_id: string;
  text: { text: string };
  value?: string;
  url?: string;
  confirm?: { title: { text: string }; text: { text: string }; confirm: { text: string }; deny: { text: string } };
}

export interface SlackPost {
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: blocks have as many shapes as types
  blocks: any[];
}

export function buttonsOf({ blocks }: SlackPost): SlackButton[] {
  return blocks.flatMap((block) => (block.type === 'actions' ? block.elements : []));
}

/** The newest message that asks for a decision on the request; by default one with buttons that decide. */
export function askedInSlack(cloud: FlowCloud, id: string, { deciding = true, after = 0 } = {}): Promise<SlackPost> {
  return cloud.until(`a Slack message about ${id}`, async () => {
    const messages = ((await cloud.slack()) as SlackPost[]).slice(after);
    return messages.findLast(
      (message) =>
        message.text.includes(`[${id}]`) &&
        message.text.includes('approval is asked') &&
        buttonsOf(message).some(({ value }) => value !== undefined) === deciding,
    );
  });
}

export async function signingSecret({ endpoints }: Pick<FlowCloud, 'endpoints'>): Promise<string> {
  const client = new SecretsManagerClient(clientSettings({ ...endpoints, region: 'eu-central-1' }));
  try {
    return (await client.send(new GetSecretValueCommand({ SecretId: 'greenlight/slack-signing-secret' }))).SecretString!;
  } finally {
    client.destroy();
  }
}

export interface ClickOptions {
  /** Slack's id of who clicks; by default lead's. */
  user?: string;
  button?: 'approve' | 'reject' | 'open';
  /** What stands in the text field. */
  reason?: string;
  /** Value of the button, if it is not the message's. */
  value?: string;
  /** Members of the payload that are others. */
  payload?: Record<string, unknown>;
  signing?: SigningOptions;
}

export interface SigningOptions {
  secret?: string;
  /** Seconds by which the time stamp lies behind. */
  age?: number;
  version?: string;
  headers?: Record<string, string | undefined>;
}

/** What Slack sends for a click: a new trigger, an address for the answer that nobody can guess. */
export function payloadOf(cloud: Pick<FlowCloud, 'endpoints'>, message: SlackPost, options: ClickOptions = {}): Record<string, unknown> {
  const { user = MEMBERS.lead, button = 'approve', reason = null, value, payload = {} } = options;
  const clicked = buttonsOf(message).find(({ action_id }) => action_id === button) ?? { type: 'button', action_id: button };
  return {
    type: 'block_actions',
    user: { id: user, username: 'lee', name: 'lee', team_id: TEAM },
    api_app_id: APP,
    token: 'deprecated',
    container: { type: 'message', message_ts: '1795000000.000100', channel_id: 'C0DEPLOY', is_ephemeral: false },
    trigger_id: `12345.67890.${randomBytes(8).toString('hex')}`,
    team: { id: TEAM, domain: 'greenlight' },
    enterprise: null,
    is_enterprise_install: false,
    channel: { id: 'C0DEPLOY', name: 'platform-deployments' },
    message: { ...message, type: 'message', subtype: 'bot_message', ts: '1795000000.000100' },
    state: { values: { reason: { reason: { type: 'plain_text_input', value: reason } } } },
    response_url: `${cloud.endpoints.slack}/actions/T000/${randomBytes(8).toString('hex')}`,
    actions: [{ ...clicked, ...(value !== undefined && { value }), block_id: 'b1', action_ts: '1795000001.000200' }],
    ...payload,
  };
}

export const formOf = (payload: unknown): string => new URLSearchParams({ payload: JSON.stringify(payload) }).toString();

/** Headers of a body that Slack has signed just now. */
export async function signed(cloud: FlowCloud, body: string, options: SigningOptions = {}): Promise<Record<string, string>> {
  const { secret = await signingSecret(cloud), age = 0, version = 'v0', headers = {} } = options;
  const timestamp = String(Math.floor((await cloud.now()).getTime() / 1000) - age);
  const mac = createHmac('sha256', secret).update(`${version}:${timestamp}:${body}`).digest('hex');
  const all = {
    'content-type': 'application/x-www-form-urlencoded',
    'user-agent': 'Slackbot 1.0 (+https://api.slack.com/robots)',
    'x-slack-request-timestamp': timestamp,
    'x-slack-signature': `${version}=${mac}`,
    ...headers,
  };
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

export async function deliver(cloud: FlowCloud, body: string, headers: Record<string, string>): Promise<Answer> {
  return cloud.api('POST', '/v1/slack/interactions', { body, headers });
}

/** Clicks, and answers what Slack gets. */
export async function click(cloud: FlowCloud, message: SlackPost, options: ClickOptions = {}): Promise<Answer> {
  const body = formOf(payloadOf(cloud, message, options));
  return deliver(cloud, body, await signed(cloud, body, options.signing));
}
