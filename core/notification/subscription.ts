/** Who gets signed events over HTTP: what a subscription wants, when a delivery is tried again, and when one is given up. */
import { isNamed } from './event-name.ts';
import type { Severity } from './message.ts';
import { type Happening, isAtLeast } from './route.ts';

export interface Subscription {
  id: string;
  /** Whose events it gets; absent: everybody's, as only the configuration may say. */
  tenant?: string;
  url: string;
  description?: string;
  /** Names of events; at least one. */
  events: string[];
  environments?: string[];
  artifacts?: string[];
  /** The least that is sent. */
  severity?: Severity;
  /** Which of its secrets is the present one, counted from 1. */
  secretVersion: number;
  /** Until then the secret before it signs as well. */
  formerSecretUntil?: string;
  createdAt: string;
  createdBy: string;
  /** Nothing is sent any more, and why. */
  disabled?: { at: string; because: string };
}

/** Subscriptions of a tenant at most. */
export const MOST_SUBSCRIPTIONS = 50;
/** How long the old secret signs beside the new one. */
export const ROTATION_SECONDS = 24 * 3_600;

export function wants(
  {
    tenant,
    events,
    environments,
    artifacts,
    severity,
    disabled,
  }: Omit<Subscription, 'id' | 'url' | 'secretVersion' | 'createdAt' | 'createdBy'>,
  happening: Happening & { severity: Severity; tenant?: string | undefined },
): boolean {
  if (disabled || (tenant !== undefined && tenant !== happening.tenant)) return false;
  const isOf = (named: readonly string[] | undefined, name: string | undefined) =>
    named === undefined || (name !== undefined && named.includes(name));
  return (
    events.some((event) => isNamed(event, happening)) &&
    isOf(environments, happening.environment) &&
    isOf(artifacts, happening.artifact) &&
    isAtLeast(happening.severity, severity ?? 'info')
  );
}

/** Seconds before each repetition: two and a half days in all. */
const PAUSES: readonly number[] = [5, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000];
/** What a receiver may ask for itself. */
const LONGEST_RETRY_AFTER = 6 * 3_600;
/** After so long without a success nobody reads there any more. */
const DISABLED_AFTER_SECONDS = 5 * 86_400;

/**
 * Seconds until a delivery is tried again after `attempts` failures; undefined: it is given up. `random` from 0 to 1 spreads what has failed together.
 * `retryAfter` is what the receiver asked for.
 */
export function pauseAfter(attempts: number, random: number, retryAfter = 0): number | undefined {
  const pause = PAUSES[attempts - 1];
  if (pause === undefined) return undefined;
  return Math.max(pause * (0.8 + 0.4 * random), Math.min(retryAfter, LONGEST_RETRY_AFTER));
}

/** Seconds that an answer asks to be left alone; 0 for anything that is not a number of seconds. `header` is attacker-controlled. */
export function retryAfterOf(header: string | undefined): number {
  return /^\d{1,6}$/.test(header ?? '') ? Number(header) : 0;
}

/** Whether a subscription ends with this failure, and why. `failingSince`: the first failure since its last success. */
export function endsWith(status: number | undefined, failingSince: string, now: Date): string | undefined {
  if (status === 410) return 'the receiver answered 410 Gone';
  const seconds = (now.getTime() - Date.parse(failingSince)) / 1000;
  return seconds >= DISABLED_AFTER_SECONDS ? `nothing has been delivered for ${Math.floor(seconds / 86_400)} days` : undefined;
}

/** Only these say that the receiver has it. A redirect is followed nowhere: it is a failure. */
export function isDelivered(status: number): boolean {
  return status >= 200 && status <= 299;
}
