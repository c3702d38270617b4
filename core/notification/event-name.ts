/** Names of what is told: the canonical ones, and those of the two seeds, which anybody may use who subscribes, routes or mutes. */
import { nearest } from '../environment/nearest-word.ts';
import type { NoticeDraft, NoticeType } from '../promotion/change.ts';

/** Every event that may be told, by its canonical name. */
export const EVENT_NAMES = [
  'promotion.requested',
  'promotion.blocked',
  'gate.finished',
  'approval.requested',
  'approval.reminder',
  'approval.escalated',
  'approval.decided',
  'approval.closed',
  'promotion.started',
  'rollout.step',
  'promotion.succeeded',
  'promotion.failed',
  'rollback.started',
  'rollback.finished',
  'waiver.granted',
  'review.overdue',
  'gc.planned',
  'gc.deleted',
  'lifecycle.changed',
  'config.changed',
  'notification.failed',
  'subscription.disabled',
  'environment.alert',
  'security.alert',
] as const satisfies readonly NoticeType[];

/** What a name is compared with. */
export type Occurrence = Pick<NoticeDraft, 'type' | 'data'>;

interface Meaning {
  type: NoticeType;
  /** What the event must say besides; absent: nothing. */
  when?: (data: NoticeDraft['data']) => boolean;
}

const outcome = (...words: string[]): Meaning => ({
  type: 'approval.closed',
  when: ({ outcome: word }) => words.includes(String(word)),
});
/** A promotion fails in one of two ways: it is taken back, which succeeds, or it ends where it stood. */
const FAILED: readonly Meaning[] = [
  { type: 'promotion.failed' },
  { type: 'rollback.finished', when: (data) => data['restored'] !== undefined },
];
const SUCCEEDED: readonly Meaning[] = [
  { type: 'promotion.succeeded' },
  { type: 'rollback.finished', when: (data) => data['restored'] === undefined },
];

/** Names of the seeds, hyphens for underscores: 000's bus events and mail templates, 001's notifications. */
const ALIASES: Readonly<Record<string, readonly Meaning[]>> = {
  'request-created': [{ type: 'promotion.requested' }],
  'request-approved': [outcome('approved')],
  'request-rejected': [outcome('rejected')],
  'deployment-started': [{ type: 'promotion.started' }],
  'deployment-succeeded': SUCCEEDED,
  'deployment-failed': FAILED,
  'promotion-requested': [{ type: 'promotion.requested' }],
  'promotion-approved': [outcome('approved')],
  'promotion-denied': [outcome('rejected')],
  'promotion-started': [{ type: 'promotion.started' }],
  'promotion-succeeded': SUCCEEDED,
  'promotion-failed': FAILED,
  'approval-requested': [{ type: 'approval.requested' }],
};

const KNOWN: ReadonlySet<string> = new Set(EVENT_NAMES);
const FAMILIES: ReadonlySet<string> = new Set(EVENT_NAMES.map((name) => `${name.split('.')[0]}.*`));

/** `promotion_failed` and `promotion-failed` are one name; `promotion.failed` is the canonical one. */
function aliasOf(name: string): string {
  return name.replaceAll('_', '-');
}

/** Whether there is an event of that name: a canonical one, a family (`gc.*`), `*`, or one of the seeds'. */
export function isEventName(name: string): boolean {
  return name === '*' || KNOWN.has(name) || FAMILIES.has(name) || Object.hasOwn(ALIASES, aliasOf(name));
}

/** The name that was most likely meant. */
export function nearestEventName(name: string): string | undefined {
  return nearest(
    name.replaceAll('.', '_'),
    [...EVENT_NAMES, ...Object.keys(ALIASES)].map((known) => known.replaceAll('.', '_')),
  )?.replace(/^([a-z]+)_([a-z]+)$/, (known, family: string, word: string) =>
    KNOWN.has(`${family}.${word}`) ? `${family}.${word}` : known,
  );
}

/** Whether an event goes by that name. */
export function isNamed(name: string, { type, data }: Occurrence): boolean {
  if (name === '*' || name === type) return true;
  if (FAMILIES.has(name)) return type.startsWith(name.slice(0, -1));
  const alias = aliasOf(name);
  return Object.hasOwn(ALIASES, alias) && ALIASES[alias]!.some((meaning) => meaning.type === type && (meaning.when?.(data) ?? true));
}

/** The seeds' names of an event, for who filters the bus by them. */
export function aliasesOf(occurrence: Occurrence): string[] {
  return Object.keys(ALIASES).filter((alias) => isNamed(alias, occurrence));
}

/** Every type of event that a name may stand for. */
export function typesNamed(name: string): NoticeType[] {
  if (name === '*') return [...EVENT_NAMES];
  const alias = aliasOf(name);
  if (Object.hasOwn(ALIASES, alias)) return [...new Set(ALIASES[alias]!.map(({ type }) => type))];
  return EVENT_NAMES.filter((type) => type === name || (FAMILIES.has(name) && type.startsWith(name.slice(0, -1))));
}
