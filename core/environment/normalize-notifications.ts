/** Notifications of the file: channels, where each event goes, and receivers of signed events. Seed 001's block loads as it stands. */
import { isEventName, nearestEventName } from '../notification/event-name.ts';
import { CHANNELS, peopleBehind } from '../notification/route.ts';
import type {
  Configuration,
  ConfiguredWebhook,
  NotificationConfiguration,
  NotificationRoute,
  SlackConfiguration,
} from './configuration.ts';
import type { ConfigurationFile } from './configuration-schema.ts';
import { nearestHint } from './nearest-word.ts';
import { isAddress } from './normalize-gates.ts';
import type { Refuse } from './refuse.ts';

type FileNotifications = NonNullable<ConfigurationFile['notifications']>;

/** Secret of configured receivers that name none: the stack makes it, operators read it in Secrets Manager. */
const WEBHOOK_SECRET = 'secret:greenlight/webhook-signing';

export interface NotificationInput {
  file: ConfigurationFile;
  complete: boolean;
  slack: SlackConfiguration | undefined;
  known: Pick<Configuration, 'teams' | 'people' | 'environments'>;
  refuse: Refuse;
  warnings: string[];
}

export function normalizeNotifications(input: NotificationInput): NotificationConfiguration {
  const { file, slack } = input;
  const { notifications } = file;
  const email = notifications?.channels?.email;
  const webhooks = webhooksOf(input);
  const routes = routesOf(input, webhooks.length > 0);
  return {
    from: notifications?.from ?? email?.from ?? 'greenlight@example.com',
    ...(email?.enabled === false ? { mail: false as const } : {}),
    ...(slack ? { slack } : {}),
    webhooks,
    routes,
  };
}

function routesOf(input: NotificationInput, hasWebhooks: boolean): NotificationRoute[] {
  const { file, complete, slack, known, refuse, warnings } = input;
  const email = file.notifications?.channels?.email;
  return Object.entries(file.notifications?.events ?? {}).flatMap(([event, written]) => {
    const at = ['notifications', 'events', event] as const;
    if (!isEventName(event)) refuse(at, `there is no event ${event}`, suggested(nearestEventName(event)));
    return [written].flat().map(({ channels, severity, recipients = [], environments }): NotificationRoute => {
      refuseUnknownEnvironments(environments, [...at, 'environments'], input);
      const closed = CHANNELS.filter((channel) => (channel === 'slack' && !slack) || (channel === 'email' && email?.enabled === false));
      for (const channel of (channels ?? []).filter((name) => closed.includes(name)))
        warnings.push(`notifications.events.${event} names ${channel}, which is not configured or is switched off`);
      if (channels?.includes('webhooks') && !hasWebhooks)
        warnings.push(`notifications.events.${event} names webhooks; only subscriptions made by REST or the command line get it`);
      for (const recipient of complete ? recipients.filter((name) => name.startsWith('@')) : [])
        if (!peopleBehind(known, recipient.slice(1)))
          warnings.push(`notifications.events.${event}: ${recipient} is no team and no person here, so it is only named in Slack`);
      for (const recipient of recipients)
        if (!/^(@[\w.-]{1,63}|[^\s@]+@[^\s@]+)$/.test(recipient))
          refuse([...at, 'recipients'], `"${recipient}" is nobody`, 'write an address, @team or @person');
      return {
        event,
        recipients,
        ...(channels ? { channels } : {}),
        ...(severity ? { severity } : {}),
        ...(environments ? { environments } : {}),
      };
    });
  });
}

function webhooksOf(input: NotificationInput): ConfiguredWebhook[] {
  const written = [input.file.notifications?.channels?.webhooks ?? []].flat();
  const names = new Set<string>();
  return written.flatMap((webhook, index): ConfiguredWebhook[] => {
    const at = ['notifications', 'channels', 'webhooks', index] as const;
    const { name = index === 0 ? 'config' : `config-${index + 1}`, url, secret, events = ['*'], environments, severity } = webhook;
    if (webhook.enabled === false) return [];
    if (names.has(name)) input.refuse([...at, 'name'], `two webhooks have the name ${name}`);
    names.add(name);
    if (url === undefined) return input.refuse(at, 'a webhook needs url', 'write url: https://…') ?? [];
    if (!isAddress(url) && !url.startsWith('secret:'))
      input.refuse([...at, 'url'], `"${url}" is not an https address`, 'write https://…, or ssm:/name for an address kept elsewhere');
    for (const event of events)
      if (!isEventName(event)) input.refuse([...at, 'events'], `there is no event ${event}`, suggested(nearestEventName(event)));
    refuseUnknownEnvironments(environments, [...at, 'environments'], input);
    return [
      {
        name,
        url,
        secret: secret ?? WEBHOOK_SECRET,
        events,
        ...(environments ? { environments } : {}),
        ...(severity ? { severity } : {}),
      },
    ];
  });
}

function refuseUnknownEnvironments(
  names: readonly string[] | undefined,
  at: readonly PropertyKey[],
  { complete, known, refuse }: NotificationInput,
): void {
  const environments = Object.keys(known.environments);
  for (const name of complete ? (names ?? []) : [])
    if (!environments.includes(name)) refuse(at, `there is no environment ${name}`, nearestHint(name, environments));
}

/** Secrets never stand in the file; what the stack cannot do is said instead of ignored. */
export function noticeSecrets(notifications: FileNotifications | undefined, refuse: Refuse, warnings: string[]): void {
  const channels = notifications?.channels;
  const at = ['notifications', 'channels'] as const;
  if (channels?.email?.smtp_server !== undefined)
    warnings.push('notifications.channels.email.smtp_server is ignored: mail goes out through SES');
  const places: [string, string, string | undefined][] = [
    ['slack', 'webhook_url', channels?.slack?.webhook_url],
    ...[channels?.webhooks ?? []].flat().map(({ url }): [string, string, string | undefined] => ['webhooks', 'url', url]),
  ];
  for (const [channel, key, value] of places) {
    if (value === undefined || /^(secret|ssm):/.test(value) || !isSecret(channel, value)) continue;
    refuse(
      [...at, channel, key],
      'a secret must not stand in the file',
      `keep it in Secrets Manager and write ${key}: secret:greenlight/${channel}`,
    );
  }
}

/** A Slack webhook URL is a credential as a whole; seed 001 abbreviates it with dots, which holds none. Other URLs are when they carry one. */
function isSecret(channel: string, value: string): boolean {
  if (value.endsWith('...')) return false;
  if (channel === 'slack') return true;
  return !URL.canParse(value) || new URL(value).username !== '' || /[?&](token|key|secret|sig)=/i.test(value);
}

function suggested(word: string | undefined): string | undefined {
  return word === undefined ? undefined : `did you mean "${word}"?`;
}
