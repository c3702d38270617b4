/** Failed sign-ins in the log: one event a minute and kind, with numbers only. Who tried, from where and with what stands nowhere. */
import type { EventDraft } from '../promotion/change.ts';
import { ENGINE } from './identity.ts';

/** What did not hold: a bearer or session of a person, an API token, a mailed link, a signature of a hook. */
export const FAILURE_KINDS = ['signin', 'token', 'link', 'hook'] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

/** Failures that a source may have in a minute before it is told to wait. */
export const FAILURES_PER_MINUTE = 60;
/** Beyond that a source costs one more write for so many failures. */
const STEP = 64;
const MINUTE_MS = 60_000;
/** A minute is closed so long after its end: no function that counts in it runs longer. */
const GRACE_MS = MINUTE_MS;

export interface FailureCount {
  kind: FailureKind;
  /** Minutes since 1970. */
  minute: number;
  count: number;
  /** Different addresses. */
  sources: number;
}

export const minuteOf = (at: Date): number => Math.floor(at.getTime() / MINUTE_MS);

/** Milliseconds from `at` until its minute ends. */
export const untilNextMinute = (at: Date): number => (minuteOf(at) + 1) * MINUTE_MS - at.getTime();

/** What the n-th failure of a source adds to the count of its minute: one, and beyond the limit nothing, until a whole step is full. */
export function countedBy(nth: number): number {
  if (nth <= FAILURES_PER_MINUTE) return 1;
  return (nth - FAILURES_PER_MINUTE) % STEP === 0 ? STEP : 0;
}

export function isClosed(minute: number, now: Date): boolean {
  return now.getTime() >= (minute + 1) * MINUTE_MS + GRACE_MS;
}

/** Pseudo request of a kind: its events are chained, so that one that is missing shows. */
export const requestOfFailures = (kind: FailureKind): `sys:failures:${FailureKind}` => `sys:failures:${kind}`;

export function eventOfFailures({ kind, minute, count, sources }: FailureCount): Omit<EventDraft, 'history'> {
  const data = { kind, minute: new Date(minute * MINUTE_MS).toISOString(), count, sources };
  return { type: 'signin.failures', actor: ENGINE, auth: 'engine', channel: 'schedule', data };
}

/** Reads a counter row; undefined for what no function of ours has written. */
export function failureCountOf({ SK, failures, sources }: Readonly<Record<string, unknown>>): FailureCount | undefined {
  const [, digits, name] = /^(\d{10})#([a-z]+)$/.exec(String(SK)) ?? [];
  const kind = FAILURE_KINDS.find((known) => known === name);
  if (!kind || !isCount(failures) || !isCount(sources)) return undefined;
  return { kind, minute: Number(digits), count: failures, sources };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
