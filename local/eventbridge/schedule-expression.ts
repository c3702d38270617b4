/**
 * Schedule expressions of EventBridge: `rate(5 minutes)`, `cron(0 10 ? * MON-FRI *)`, `at(2027-01-31T08:00:00)`. Cron is AWS's dialect of six fields;
 * croner computes on the wall clock (as if it were UTC), and the wall clock is mapped to instants here: a time that a zone's spring change skips is
 * skipped, one that its autumn change repeats fires once, as EventBridge Scheduler documents.
 */
import { Cron } from 'croner';
import { toCronerPattern } from './cron-dialect.ts';

/** Answers the first due instant after `after` (both in ms since the epoch), or undefined when there is none. `phase` anchors a rate. */
export type NextDue = (after: number, phase: number) => number | undefined;

export interface ParsedSchedule {
  kind: 'rate' | 'cron' | 'at';
  next: NextDue;
}

/** The expression is not valid; `message` says why in the service's words. */
export class InvalidSchedule extends Error {
  override readonly name = 'InvalidSchedule';
}

const UNIT_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };
/** Skipped wall times in a row after which a cron expression counts as never due: a zone skips at most one time a day, once a year. */
const MOST_SKIPS = 400;

/** Reads an expression; `timezone` is an IANA name and only counts for cron and at. Throws InvalidSchedule. */
export function parseSchedule(expression: string, timezone = 'UTC'): ParsedSchedule {
  const [, kind, inner] = /^(rate|cron|at)\((.*)\)$/.exec(expression.trim()) ?? [];
  if (kind === 'rate') return { kind, next: rate(inner!) };
  if (kind !== 'cron' && kind !== 'at') throw new InvalidSchedule('Parameter ScheduleExpression is not valid.');
  const zone = zoneOf(timezone);
  if (kind === 'at') return { kind, next: once(inner!, zone) };
  return { kind, next: cron(inner!, zone) };
}

function rate(inner: string): NextDue {
  const [, count, unit, plural] = /^([1-9]\d{0,5}) (minute|hour|day)(s?)$/.exec(inner) ?? [];
  if (!unit || (Number(count) === 1) === (plural === 's')) throw new InvalidSchedule('Parameter ScheduleExpression is not valid.');
  const period = Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS];
  return (after, phase) => (after < phase ? phase + period : phase + (Math.floor((after - phase) / period) + 1) * period);
}

function once(inner: string, zone: Intl.DateTimeFormat): NextDue {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$/.test(inner) || Number.isNaN(Date.parse(`${inner}Z`))) {
    throw new InvalidSchedule('Invalid Schedule Expression at(...).');
  }
  const due = instantOf(Date.parse(`${inner}Z`), zone);
  return (after) => (due !== undefined && due > after ? due : undefined);
}

function cron(inner: string, zone: Intl.DateTimeFormat): NextDue {
  let walls: Cron;
  try {
    walls = new Cron(toCronerPattern(inner), { paused: true, timezone: 'UTC' });
  } catch (error) {
    throw new InvalidSchedule(`Parameter ScheduleExpression is not valid. ${(error as Error).message}`);
  }
  return (after) => {
    const now = wallOf(after, zone);
    // A repeated hour shows an earlier wall time after a later one: near a change of the clock, start before it and take what lies after `after`.
    const steady = now - after === wallOf(after - UNIT_MS.day, zone) - (after - UNIT_MS.day);
    let wall = steady ? now - 1 : now - UNIT_MS.day;
    for (let skips = 0; skips < MOST_SKIPS; ) {
      const following = walls.nextRun(new Date(wall));
      if (!following) return undefined;
      wall = following.getTime();
      const instant = instantOf(wall, zone);
      if (instant !== undefined && instant > after) return instant;
      if (wall > now + UNIT_MS.day) skips++;
    }
    return undefined;
  };
}

function zoneOf(timezone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
  } catch {
    throw new InvalidSchedule(`Invalid time zone ${timezone}.`);
  }
}

/** Wall clock of an instant in a zone, as the milliseconds it would have if it were UTC. */
function wallOf(instant: number, zone: Intl.DateTimeFormat): number {
  const part: Record<string, number> = {};
  for (const { type, value } of zone.formatToParts(instant)) part[type] = Number(value);
  return Date.UTC(part['year']!, part['month']! - 1, part['day'], part['hour'], part['minute'], part['second']);
}

/** First instant at which a zone's clock shows `wall`; undefined when a change of the clock skips it. */
function instantOf(wall: number, zone: Intl.DateTimeFormat): number | undefined {
  const candidates = [-UNIT_MS.day, UNIT_MS.day].map((shift) => wall - (wallOf(wall + shift, zone) - (wall + shift)));
  const found = candidates.filter((instant) => wallOf(instant, zone) === wall);
  return found.length > 0 ? Math.min(...found) : undefined;
}
