import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { DateTime } from 'luxon';
import { describe, expect, it } from 'vitest';
import { offsetAt, repeatProblem, type WindowConfiguration, windowState } from '../../../core/environment/window.ts';

const ZONES = [
  'Europe/Paris',
  'America/New_York',
  'America/Santiago',
  'Africa/Casablanca',
  'Australia/Lord_Howe',
  'Asia/Kolkata',
  'Pacific/Apia',
  'UTC',
];
const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;
const WEEKDAYS = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'];

const window = (more: Partial<WindowConfiguration> = {}): WindowConfiguration => ({
  name: 'w',
  kind: 'deny',
  start: '2026-01-01T00:00',
  minutes: 60,
  zone: 'Europe/Paris',
  ...more,
});
const at = (iso: string, ...windows: WindowConfiguration[]) => windowState(windows, new Date(iso));

/** Luxon reads the clock on the wall; whether that lies in the window is arithmetic on the wall alone. */
function onTheWall({ start, minutes, repeat, zone }: WindowConfiguration, instant: number): boolean {
  const wall = DateTime.fromMillis(instant, { zone });
  const local = Date.UTC(wall.year, wall.month - 1, wall.day, wall.hour, wall.minute, wall.second, wall.millisecond);
  const first = Date.parse(`${start}:00.000Z`);
  const days = /BYDAY=([A-Z,]+)/.exec(repeat ?? '')?.[1]?.split(',');
  for (let back = 0; back <= Math.ceil(minutes / 1_440) + 1; back++) {
    const begin = Math.floor((local - first) / DAY - back) * DAY + first;
    const isOne = begin === first || repeat !== undefined;
    const weekday = WEEKDAYS[(new Date(begin).getUTCDay() + 6) % 7]!;
    if (begin >= first && isOne && (days?.includes(weekday) ?? true) && begin <= local && local < begin + minutes * MINUTE) return true;
  }
  return false;
}

/** Is the clock changed within so many milliseconds around it? It is never changed back within days. */
function isNearChange(zone: string, instant: number, within: number): boolean {
  const offset = (time: number) => DateTime.fromMillis(time, { zone }).offset;
  return offset(instant - within) !== offset(instant) || offset(instant + within) !== offset(instant);
}

const anyWindow = fc.record({
  kind: fc.constantFrom('allow' as const, 'deny' as const),
  hour: fc.integer({ min: 0, max: 23 }),
  minute: fc.constantFrom(0, 15, 30, 59),
  minutes: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 300, max: 4_000 })),
  repeat: fc.oneof(
    fc.constant('FREQ=DAILY'),
    fc.subarray(WEEKDAYS, { minLength: 1 }).map((days) => `FREQ=WEEKLY;BYDAY=${days.join()}`),
  ),
  zone: fc.constantFrom(...ZONES),
});
type DrawnWindow = typeof anyWindow extends fc.Arbitrary<infer Drawn> ? Drawn : never;
const asWindow = ({ hour, minute, ...rest }: DrawnWindow) =>
  window({ ...rest, start: `2025-12-29T${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}` });
/** Half of the instants lie around changes of the clock somewhere. */
const CHANGES = [
  '2026-03-29T01:00Z',
  '2026-10-25T01:00Z',
  '2026-03-08T07:00Z',
  '2026-11-01T06:00Z',
  '2026-04-04T15:00Z',
  '2026-10-03T15:30Z',
];
const anyInstant = fc.oneof(
  fc.integer({ min: Date.parse('2026-01-01T00:00Z'), max: Date.parse('2026-12-31T00:00Z') }),
  fc
    .tuple(
      fc.constantFrom(...CHANGES, '2026-02-15T02:00Z', '2026-03-22T02:00Z', '2026-04-05T03:00Z', '2026-09-06T04:00Z'),
      fc.integer({ min: -400, max: 400 }),
    )
    .map(([change, minutes]) => Date.parse(change) + minutes * MINUTE),
);

describe('windows by the clock on the wall', () => {
  it('close what it says, and never less, in every zone and across every change of the clock', () => {
    fc.assert(
      fc.property(anyWindow, anyInstant, (drawn, instant) => {
        const one = asWindow(drawn);
        const inside = onTheWall(one, instant);
        const { open } = windowState([one], new Date(instant));
        // In doubt it is closed: a deny window takes in both readings, an allow window neither.
        if (one.kind === 'deny' && inside) expect(open).toBe(false);
        if (one.kind === 'allow' && !inside) expect(open).toBe(false);
        if (!isNearChange(one.zone, instant, one.minutes * MINUTE + DAY / 12)) expect(open).toBe(one.kind === 'deny' ? !inside : inside);
      }),
      { numRuns: 500 },
    );
  });

  it('name the very next instant at which everything is open', () => {
    fc.assert(
      fc.property(fc.array(anyWindow, { minLength: 1, maxLength: 3 }), anyInstant, (drawn, instant) => {
        const windows = drawn.map(asWindow);
        const { open, opens } = windowState(windows, new Date(instant));
        if (opens === undefined) return;
        expect(windowState(windows, new Date(opens)).open).toBe(true);
        expect(Date.parse(opens) >= instant).toBe(true);
        if (open) return;
        expect(windowState(windows, new Date(Date.parse(opens) - 1)).open).toBe(false);
        for (let part = 1; part < 10; part++) {
          const between = instant + Math.floor(((Date.parse(opens) - instant) * part) / 10);
          if (between < Date.parse(opens)) expect(windowState(windows, new Date(between)).open).toBe(false);
        }
      }),
      { numRuns: 80 },
    );
  });

  it('RACE-14 a freeze across the spring change in Paris has no hole, and one from 02:30, which does not exist, begins with the change', () => {
    const freeze = window({ start: '2026-03-28T22:00', minutes: 8 * 60 });
    const late = window({ start: '2026-03-29T02:30', minutes: 120 });
    for (let time = Date.parse('2026-03-28T21:00Z'); time < Date.parse('2026-03-29T04:00Z'); time += MINUTE)
      expect(windowState([freeze], new Date(time)).open, new Date(time).toISOString()).toBe(false);
    // From 22:00 for eight hours on the clock is until 06:00 on the clock, which are seven hours that night.
    expect(at('2026-03-29T04:00:00Z', freeze).open).toBe(true);
    expect(at('2026-03-29T00:59:59Z', late).open).toBe(true);
    expect(at('2026-03-29T01:00:00Z', late).open).toBe(false);
    expect(at('2026-03-29T02:29:59Z', late)).toMatchObject({ open: false, opens: '2026-03-29T02:30:00.000Z' });
  });

  it('RACE-14 what may begin at 02:30 only, may begin the day after where that time is skipped', () => {
    const nightly = window({ kind: 'allow', start: '2026-01-01T02:15', minutes: 30, repeat: 'FREQ=DAILY' });
    expect(at('2026-03-28T12:00:00Z', nightly)).toEqual({ open: false, closedBy: [], opens: '2026-03-30T00:15:00.000Z' });
    // In autumn it exists twice, and neither reading is taken for the other: the doubt keeps it closed.
    expect(at('2026-10-24T12:00:00Z', nightly).opens).toBe('2026-10-26T01:15:00.000Z');
  });

  it('two windows that meet on the clock meet in time, also at 02:30 of both nights', () => {
    for (const day of ['2026-03-28', '2026-10-24']) {
      const evening = window({ start: `${day}T20:00`, minutes: 390 });
      const morning = window({ start: `${day.slice(0, 8)}${Number(day.slice(8)) + 1}T02:30`, minutes: 300 });
      for (let time = Date.parse(`${day}T19:00Z`); time < Date.parse(`${day}T19:00Z`) + 10 * 60 * MINUTE; time += MINUTE)
        expect(windowState([evening, morning], new Date(time)).open, new Date(time).toISOString()).toBe(false);
    }
  });
});

describe('several windows', () => {
  const office = window({
    name: 'office',
    kind: 'allow',
    start: '2026-01-05T09:00',
    minutes: 480,
    repeat: 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH',
  });
  const holidays = window({ name: 'holidays', start: '2026-12-21T00:00', minutes: 14 * 1_440 });

  it('deny wins, and the next opening is after it', () => {
    expect(at('2026-12-21T10:00:00Z', office, holidays)).toEqual({
      open: false,
      closedBy: ['holidays'],
      opens: '2027-01-04T08:00:00.000Z',
    });
    expect(at('2026-12-17T10:00:00Z', office, holidays)).toEqual({ open: true, closedBy: [], opens: '2026-12-17T10:00:00.000Z' });
    expect(at('2026-12-18T10:00:00Z', office, holidays)).toMatchObject({ closedBy: [], opens: '2027-01-04T08:00:00.000Z' });
  });

  it('none is open always; one that is over, or closes all, has no next opening', () => {
    expect(at('2026-12-21T10:00:00Z')).toMatchObject({ open: true });
    expect(at('2026-12-21T10:00:00Z', window({ kind: 'allow', start: '2020-01-01T00:00' }))).toEqual({ open: false, closedBy: [] });
    const always = window({ start: '2020-01-01T00:00', minutes: 1_440, repeat: 'FREQ=DAILY' });
    expect(at('2026-12-21T10:00:00Z', always)).toEqual({ open: false, closedBy: ['w'] });
  });
});

describe('repetitions', () => {
  it('are refused where they would mean something else than they say, or nothing', () => {
    for (const good of ['FREQ=WEEKLY;BYDAY=MO', 'FREQ=MONTHLY;BYDAY=-1FR', 'FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24;UNTIL=20301231T000000'])
      expect(repeatProblem(good), good).toBeUndefined();
    for (const bad of [
      '',
      'BYDAY=MO',
      'FREQ=HOURLY',
      'FREQ=SOMETIMES',
      'FREQ=DAILY;UNTIL=20301231T000000Z',
      'DTSTART=20260101T000000;FREQ=DAILY',
      'nonsense',
    ])
      expect(repeatProblem(bad), bad).toEqual(expect.any(String));
  });

  it('are worked out in a moment, however long ago they began', () => {
    const old = window({ start: '1970-01-01T00:00', minutes: 30, repeat: 'FREQ=DAILY' });
    const began = performance.now();
    for (let day = 0; day < 20; day++) at(`2026-12-${String(day + 1).padStart(2, '0')}T23:15:00Z`, old);
    expect(performance.now() - began).toBeLessThan(20_000);
  });
});

describe.skipIf(spawnSync('python3', ['-c', 'import zoneinfo; zoneinfo.ZoneInfo("Europe/Paris")']).status !== 0)('offsets', () => {
  it('are those of the zone files that Python reads', () => {
    const instants = fc.sample(anyInstant, { numRuns: 150, seed: 7 });
    const script =
      'import sys,json,datetime as d\nfrom zoneinfo import ZoneInfo as Z\nq=json.load(sys.stdin)\n' +
      'print(json.dumps([int(d.datetime.fromtimestamp(t/1000,Z(z)).utcoffset().total_seconds()*1000) for z in q["zones"] for t in q["instants"]]))';
    const { stdout } = spawnSync('python3', ['-c', script], { input: JSON.stringify({ zones: ZONES, instants }), encoding: 'utf8' });
    expect(ZONES.flatMap((zone) => instants.map((instant) => offsetAt(instant, zone)))).toEqual(JSON.parse(stdout));
  });
});
