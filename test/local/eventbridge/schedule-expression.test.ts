import { describe, expect, it } from 'vitest';
import { InvalidSchedule, parseSchedule } from '../../../local/eventbridge/schedule-expression.ts';

const FRIDAY_NOON = '2026-11-20T12:00:00Z';

function next(expression: string, count: number, options: { from?: string; zone?: string; phase?: string } = {}): string[] {
  const schedule = parseSchedule(expression, options.zone);
  const answers: string[] = [];
  let after = Date.parse(options.from ?? FRIDAY_NOON);
  const phase = Date.parse(options.phase ?? options.from ?? FRIDAY_NOON);
  for (let index = 0; index < count; index++) {
    const due = schedule.next(after, phase);
    if (due === undefined) break;
    answers.push(new Date(due).toISOString().replace(':00.000Z', 'Z'));
    after = due;
  }
  return answers;
}

describe('cron in the dialect of AWS', () => {
  it.each([
    ['cron(0 10 * * ? *)', ['2026-11-21T10:00Z', '2026-11-22T10:00Z']],
    ['cron(15 12 * * ? *)', ['2026-11-20T12:15Z', '2026-11-21T12:15Z']],
    ['cron(0 18 ? * MON-FRI *)', ['2026-11-20T18:00Z', '2026-11-23T18:00Z']],
    ['cron(0 8 1 * ? *)', ['2026-12-01T08:00Z', '2027-01-01T08:00Z']],
    ['cron(0/15 * * * ? *)', ['2026-11-20T12:15Z', '2026-11-20T12:30Z', '2026-11-20T12:45Z', '2026-11-20T13:00Z']],
    ['cron(0/5 8-17 ? * MON-FRI *)', ['2026-11-20T12:05Z']],
    ['cron(5/20 13 * * ? *)', ['2026-11-20T13:05Z', '2026-11-20T13:25Z', '2026-11-20T13:45Z', '2026-11-21T13:05Z']],
    ['cron(0 9 ? * 2#1 *)', ['2026-12-07T09:00Z', '2027-01-04T09:00Z']],
    ['cron(0 9 ? * 6#5 *)', ['2027-01-29T09:00Z', '2027-04-30T09:00Z']],
    ['cron(0 9 ? * 6L *)', ['2026-11-27T09:00Z', '2026-12-25T09:00Z']],
    ['cron(0 9 ? * FRIL *)', ['2026-11-27T09:00Z']],
    ['cron(0 9 ? * L *)', ['2026-11-21T09:00Z', '2026-11-28T09:00Z']],
    ['cron(0 9 ? * 1 *)', ['2026-11-22T09:00Z']],
    ['cron(0 9 ? * SAT-MON *)', ['2026-11-21T09:00Z', '2026-11-22T09:00Z', '2026-11-23T09:00Z', '2026-11-28T09:00Z']],
    ['cron(0 9 L * ? *)', ['2026-11-30T09:00Z', '2026-12-31T09:00Z']],
    ['cron(0 9 15W * ? *)', ['2026-12-15T09:00Z', '2027-01-15T09:00Z', '2027-02-15T09:00Z']],
    [
      'cron(0 9 1W * ? *)',
      ['2026-12-01T09:00Z', '2027-01-01T09:00Z', '2027-02-01T09:00Z', '2027-03-01T09:00Z', '2027-04-01T09:00Z', '2027-05-03T09:00Z'],
    ],
    ['cron(0 9 29 2 ? *)', ['2028-02-29T09:00Z', '2032-02-29T09:00Z']],
    ['cron(0 0 1 JAN,JUL ? 2028/2)', ['2028-01-01T00:00Z', '2028-07-01T00:00Z', '2030-01-01T00:00Z']],
    ['cron(30 8 1 1 ? 2027-2028)', ['2027-01-01T08:30Z', '2028-01-01T08:30Z']],
    ['cron(0 0 1 1 ? 2025)', []],
    ['cron(0 9 31 2 ? *)', []],
  ])('%s', (expression, expected) => {
    expect(next(expression, Math.max(1, expected.length))).toEqual(expected);
  });

  it.each([
    'cron(0 10 * * * *)',
    'cron(0 10 ? * ? *)',
    'cron(0 10 * * ?)',
    'cron(60 10 * * ? *)',
    'cron(0 10 ? * 8 *)',
    'cron(0 10 ? * 0 *)',
    'cron(0 10 ? * 2#6 *)',
    'cron(0 10 32W * ? *)',
    'cron(0 10 L-3 * ? *)',
    'cron(0/0 10 * * ? *)',
    'rate(1 minutes)',
    'rate(2 minute)',
    'rate(0 minutes)',
    'rate(5 seconds)',
    'every day',
  ])('refuses %s', (expression) => {
    expect(() => parseSchedule(expression)).toThrow(InvalidSchedule);
  });
});

describe('time zones of Scheduler', () => {
  it('skips a wall time that the spring change leaves out', () => {
    expect(next('cron(30 2 * * ? *)', 3, { zone: 'America/New_York', from: '2027-03-13T00:00:00Z' })).toEqual([
      '2027-03-13T07:30Z',
      '2027-03-15T06:30Z',
      '2027-03-16T06:30Z',
    ]);
  });

  it('fires once for a wall time that the autumn change repeats', () => {
    expect(next('cron(30 1 * * ? *)', 3, { zone: 'America/New_York', from: '2027-11-06T00:00:00Z' })).toEqual([
      '2027-11-06T05:30Z',
      '2027-11-07T05:30Z',
      '2027-11-08T06:30Z',
    ]);
  });

  it('keeps the wall time over a change of the clock', () => {
    expect(next('cron(0 9 * * ? *)', 3, { zone: 'Europe/Berlin', from: '2027-03-26T12:00:00Z' })).toEqual([
      '2027-03-27T08:00Z',
      '2027-03-28T07:00Z',
      '2027-03-29T07:00Z',
    ]);
  });

  it('reads a one-time schedule in its zone', () => {
    expect(next('at(2027-06-01T08:00:00)', 2, { zone: 'Asia/Kolkata' })).toEqual(['2027-06-01T02:30Z']);
  });

  it('refuses an unknown zone', () => {
    expect(() => parseSchedule('cron(0 9 * * ? *)', 'Mars/Olympus')).toThrow(InvalidSchedule);
  });
});

describe('rates', () => {
  it('keep their phase however late they are asked', () => {
    expect(next('rate(5 minutes)', 2, { from: '2026-11-20T12:07:00Z', phase: '2026-11-20T09:02:00Z' })).toEqual([
      '2026-11-20T12:12Z',
      '2026-11-20T12:17Z',
    ]);
    expect(next('rate(1 hour)', 1)).toEqual(['2026-11-20T13:00Z']);
    expect(next('rate(2 days)', 1)).toEqual(['2026-11-22T12:00Z']);
  });
});
