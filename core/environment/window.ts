/**
 * When promotions may begin or go on in an environment. Windows are written in local time, as people mean them; here they become instants.
 *
 * Where the clock is put forward or back, a local time does not exist or exists twice. In doubt an environment is closed: a deny window takes in both
 * readings, an allow window neither. So a freeze has no hole, and two windows that meet on the clock meet in time.
 */
import * as library from 'rrule';

/** Node sees the package as one default export, the bundler sees its parts. */
const packaged: object = library;
const { RRule } = ('default' in packaged ? packaged.default : packaged) as Pick<typeof library, 'RRule'>;

export interface WindowConfiguration {
  name: string;
  /** Deny wins over allow. An environment that has allow windows is closed outside of them. */
  kind: 'allow' | 'deny';
  /** Local time of the first one, `YYYY-MM-DDTHH:MM`. */
  start: string;
  /** How long it lasts on the clock: from 22:00 for 8 hours is until 06:00, whatever the night. */
  minutes: number;
  /** RFC 5545 recurrence without DTSTART; absent: once. */
  repeat?: string;
  /** IANA time zone. */
  zone: string;
}

export interface WindowState {
  open: boolean;
  /** Windows that close it now; for an environment outside all of its allow windows none. */
  closedBy: string[];
  /** ISO; the next instant at which it is open, this one if it is. Undefined: not within the horizon. */
  opens?: string;
}

interface Interval {
  from: number;
  to: number;
}

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;
/** How far ahead the next opening is looked for, further where it is not near. Whoever closes an environment for over a year has switched promotions off. */
const HORIZONS_DAYS = [8, 60, 400];
/** Offsets from UTC change by less than this. */
const MARGIN = DAY;

/** Whether the windows let a promotion go on at `now`, and when they do. */
export function windowState(windows: readonly WindowConfiguration[], now: Date): WindowState {
  const at = now.getTime();
  const allows = windows.filter(({ kind }) => kind === 'allow');
  // Most questions are answered by today; only what is closed is looked at further ahead.
  const near = new Map(windows.map((window) => [window, intervalsOf(window, at, at)]));
  const closedBy = windows.filter((window) => window.kind === 'deny' && near.get(window)!.some((each) => holds(each, at)));
  const isAllowed = allows.length === 0 || allows.some((window) => near.get(window)!.some((each) => holds(each, at)));
  if (closedBy.length === 0 && isAllowed) return { open: true, closedBy: [], opens: now.toISOString() };
  const opens = HORIZONS_DAYS.reduce<number | undefined>((found, days) => found ?? nextOpen(windows, at, at + days * DAY), undefined);
  return {
    open: false,
    closedBy: closedBy.map(({ name }) => name),
    ...(opens === undefined ? {} : { opens: new Date(opens).toISOString() }),
  };
}

function holds({ from, to }: Interval, at: number): boolean {
  return from <= at && at < to;
}

/** The first instant from `at` on that lies in an allow window, if there are any, and in no deny window. */
function nextOpen(windows: readonly WindowConfiguration[], at: number, end: number): number | undefined {
  const of = (wanted: WindowConfiguration['kind']) =>
    windows.filter(({ kind }) => kind === wanted).flatMap((window) => intervalsOf(window, at, end));
  const denied = union(of('deny'));
  const allowed = windows.some(({ kind }) => kind === 'allow') ? union(of('allow')) : [{ from: at, to: end }];
  for (const { from, to } of allowed) {
    let candidate = Math.max(from, at);
    for (const deny of denied) if (holds(deny, candidate)) candidate = deny.to;
    if (candidate < to && candidate < end) return candidate;
  }
  return undefined;
}

/** The same instants in intervals that neither overlap nor touch, in order. */
function union(intervals: readonly Interval[]): Interval[] {
  const merged: Interval[] = [];
  for (const { from, to } of [...intervals].sort((left, right) => left.from - right.from)) {
    const last = merged.at(-1);
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else merged.push({ from, to });
  }
  return merged;
}

/** Its intervals that touch the time from `from` to `to`. */
function intervalsOf(window: WindowConfiguration, from: number, to: number): Interval[] {
  const length = window.minutes * MINUTE;
  return localStarts(window, from - length - MARGIN, to + MARGIN).flatMap((start) => {
    const begins = instantsOf(start, window.zone);
    const ends = instantsOf(start + length, window.zone);
    const interval = window.kind === 'deny' ? { from: begins.earliest, to: ends.latest } : { from: begins.latest, to: ends.earliest };
    return interval.from < interval.to && interval.to > from && interval.from <= to ? [interval] : [];
  });
}

/** Local times of its beginnings, written as if they were UTC: a recurrence counts days on the calendar, not hours. */
function localStarts(window: WindowConfiguration, from: number, to: number): number[] {
  const first = localTime(window.start);
  if (window.repeat === undefined) return first >= from && first <= to ? [first] : [];
  const options = RRule.parseString(window.repeat);
  // What was long ago is not counted through again. The cycle stays in step; what is counted from the first cannot be cut short.
  const cycle = cycleOf(options);
  const skipped = cycle === undefined || from <= first ? 0 : Math.floor((from - first) / cycle) * cycle;
  return new RRule({ ...options, dtstart: new Date(first + skipped) }, true)
    .between(new Date(from), new Date(to), true)
    .map((date) => date.getTime());
}

/** After so many milliseconds everything repeats; undefined where that depends on the calendar or on the first. */
function cycleOf({ freq, interval, count }: Partial<library.Options>): number | undefined {
  if (count) return undefined;
  if (freq === RRule.WEEKLY) return (interval ?? 1) * 7 * DAY;
  return freq === RRule.DAILY ? (interval ?? 1) * DAY : undefined;
}

function localTime(text: string): number {
  return Date.parse(`${text}:00.000Z`);
}

/** The instants that a local time may mean: the same one twice, except around a change of the clock. */
function instantsOf(local: number, zone: string): { earliest: number; latest: number } {
  const [before, after] = [knownOffset(local - DAY, zone), knownOffset(local + DAY, zone)];
  if (before === after) return { earliest: local - before, latest: local - before };
  const candidates = [local - before, local - after].sort((left, right) => left - right);
  const real = candidates.filter((instant) => instant + offsetAt(instant, zone) === local);
  if (real.length > 0) return { earliest: real[0]!, latest: real.at(-1)! };
  // It was skipped. The clock shows a later time from the change on, so that is when it is over; who means to be late goes by the old offset.
  return { earliest: changeBetween(candidates[0]!, candidates[1]!, zone), latest: candidates[1]! };
}

/** The instant at which the offset changes. */
function changeBetween(before: number, after: number, zone: string): number {
  const offset = offsetAt(before, zone);
  let [low, high] = [before, after];
  while (high - low > 1000) {
    const middle = Math.floor((low + high) / 2_000) * 1000;
    if (middle <= low) break;
    if (offsetAt(middle, zone) === offset) low = middle;
    else high = middle;
  }
  return high;
}

const offsets = new Map<string, number>();
/** The same few instants are asked for again and again: the days around each beginning and end. */
const MOST_OFFSETS = 10_000;

function knownOffset(instant: number, zone: string): number {
  const key = `${instant} ${zone}`;
  let offset = offsets.get(key);
  if (offset === undefined) {
    if (offsets.size >= MOST_OFFSETS) offsets.clear();
    offset = offsetAt(instant, zone);
    offsets.set(key, offset);
  }
  return offset;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Milliseconds that local time is ahead of UTC. */
export function offsetAt(instant: number, zone: string): number {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(zone, format);
  }
  const parts = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
  const local = Date.UTC(parts['year']!, parts['month']! - 1, parts['day'], parts['hour'], parts['minute'], parts['second']);
  return local - Math.floor(instant / 1000) * 1000;
}

/** Why a repetition cannot be used; undefined when it can. */
export function repeatProblem(repeat: string): string | undefined {
  if (/DTSTART|\n/i.test(repeat)) return 'the first time stands in start, not in repeat';
  if (/UNTIL=[0-9T]+Z/i.test(repeat)) return 'UNTIL is local time: write it without the Z';
  try {
    const { freq } = RRule.parseString(repeat);
    if (freq === undefined) return 'it has no FREQ';
    if (freq > RRule.DAILY) return 'a window repeats daily at most';
    new RRule({ ...RRule.parseString(repeat), dtstart: new Date(0) }).after(new Date(0));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Whether the runtime knows the zone by this name. */
export function isZone(name: string): boolean {
  try {
    offsetAt(0, name);
    return true;
  } catch {
    return false;
  }
}
