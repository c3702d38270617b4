/** Where an event goes: what `notifications.events` of the configuration says about its channels, its weight, and who else hears of it. */
import type { Configuration, NotificationChannel, NotificationRoute, PersonConfiguration } from '../environment/configuration.ts';
import type { NoticeType } from '../promotion/change.ts';
import { isNamed, type Occurrence } from './event-name.ts';
import type { Severity } from './message.ts';

export const CHANNELS = ['email', 'slack', 'webhooks'] as const satisfies readonly NotificationChannel[];

/** Where it happened; absent: nowhere in particular. */
export interface Happening extends Occurrence {
  environment?: string | undefined;
  artifact?: string | undefined;
}

/** About security, or a task of who gets it: always told, whatever is configured or muted. */
const ALWAYS: ReadonlySet<NoticeType> = new Set([
  'security.alert',
  'environment.alert',
  'waiver.granted',
  'review.overdue',
  'approval.escalated',
  'notification.failed',
]);

/** Whether an event of that type is told whatever anybody has muted. */
export function isAlwaysTold(type: NoticeType): boolean {
  return ALWAYS.has(type);
}

/** Routes that an event takes. */
export function routesOf(routes: readonly NotificationRoute[], happening: Happening): NotificationRoute[] {
  return routes.filter(
    ({ event, environments }) =>
      isNamed(event, happening) &&
      (environments === undefined || (happening.environment !== undefined && environments.includes(happening.environment))),
  );
}

/** The last route that says one decides. What must always be told never weighs less than it does by itself. */
export function severityOf(usual: Severity, taken: readonly NotificationRoute[], { type }: Occurrence): Severity {
  const severity = taken.findLast((route) => route.severity !== undefined)?.severity ?? usual;
  return ALWAYS.has(type) && WEIGHT[severity] < WEIGHT[usual] ? usual : severity;
}

const WEIGHT: Readonly<Record<Severity, number>> = { info: 0, warning: 1, critical: 2 };

export function isAtLeast(severity: Severity, least: Severity): boolean {
  return WEIGHT[severity] >= WEIGHT[least];
}

/** Channels that the routes leave open: all of them unless each route that an event takes names some. */
export function channelsOf(taken: readonly NotificationRoute[]): ReadonlySet<NotificationChannel> {
  if (taken.length === 0 || taken.some(({ channels }) => channels === undefined)) return new Set(CHANNELS);
  return new Set(taken.flatMap(({ channels = [] }) => channels));
}

export interface NamedRecipients {
  mail: { email: string; team?: string }[];
  /** Ids of members of Slack, and words that are nobody here: both are named in the message. */
  slack: { members: string[]; words: string[] };
}

/** Whom the routes name: addresses, `@team`, and `@person` by what stands before the at sign of the address. */
export function recipientsOf(configuration: Configuration, taken: readonly NotificationRoute[]): NamedRecipients {
  const named: NamedRecipients = { mail: [], slack: { members: [], words: [] } };
  for (const recipient of new Set(taken.flatMap(({ recipients }) => recipients))) {
    if (!recipient.startsWith('@')) {
      named.mail.push({ email: recipient });
      continue;
    }
    const found = peopleBehind(configuration, recipient.slice(1));
    if (!found) named.slack.words.push(recipient);
    for (const { email, slack } of found?.people ?? []) {
      named.mail.push({ email, ...(found!.team === undefined ? {} : { team: found!.team }) });
      if (slack !== undefined) named.slack.members.push(slack);
    }
  }
  return named;
}

/** The members of a team, or a person; undefined when the word is neither. Machines and who has left read nothing. */
export function peopleBehind(
  { teams, people }: Pick<Configuration, 'teams' | 'people'>,
  word: string,
): { team?: string; people: PersonConfiguration[] } | undefined {
  const readers = people.filter(({ disabled, owner }) => !disabled && owner === undefined);
  if (teams.includes(word)) return { team: word, people: readers.filter((person) => person.teams.includes(word)) };
  const found = readers.filter(({ email }) => email.split('@')[0] === word);
  return found.length === 1 ? { people: found } : undefined;
}
