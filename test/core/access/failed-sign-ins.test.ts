import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  countedBy,
  eventOfFailures,
  FAILURES_PER_MINUTE,
  failureCountOf,
  isClosed,
  minuteOf,
  requestOfFailures,
  untilNextMinute,
} from '../../../core/access/failed-sign-ins.ts';

describe('the failures of one source', () => {
  it('count one by one up to the limit, then in steps: a flood costs one write for 64 failures, and none is counted twice', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5_000 }), (failures) => {
        const steps = Array.from({ length: failures }, (_, index) => countedBy(index + 1));
        const counted = steps.reduce((sum, step) => sum + step, 0);
        if (failures <= FAILURES_PER_MINUTE) expect(counted).toBe(failures);
        expect(failures - counted).toBeGreaterThanOrEqual(0);
        expect(failures - counted).toBeLessThan(64);
        expect(steps.filter((step) => step > 0).length).toBeLessThanOrEqual(FAILURES_PER_MINUTE + failures / 64);
      }),
    );
  });
});

describe('a minute', () => {
  const minute = minuteOf(new Date('2026-03-01T10:00:59.999Z'));

  it('is the one that the clock shows', () => {
    expect(new Date(minute * 60_000).toISOString()).toBe('2026-03-01T10:00:00.000Z');
    expect(untilNextMinute(new Date('2026-03-01T10:00:59.999Z'))).toBe(1);
    expect(untilNextMinute(new Date('2026-03-01T10:00:00.000Z'))).toBe(60_000);
  });

  it('is closed when no function that counted in it can be running any more', () => {
    expect(isClosed(minute, new Date('2026-03-01T10:01:59.999Z'))).toBe(false);
    expect(isClosed(minute, new Date('2026-03-01T10:02:00.000Z'))).toBe(true);
  });
});

describe('the event', () => {
  it('says kind, minute and numbers, and nothing else', () => {
    const count = { kind: 'link', minute: 29_540_000, count: 7, sources: 2 } as const;
    expect(eventOfFailures(count)).toEqual({
      type: 'signin.failures',
      actor: expect.objectContaining({ id: 'system' }),
      auth: 'engine',
      channel: 'schedule',
      data: { kind: 'link', minute: '2026-03-01T21:20:00.000Z', count: 7, sources: 2 },
    });
    expect(requestOfFailures('link')).toBe('sys:failures:link');
  });

  it('is made of rows that our functions wrote only', () => {
    const row = { SK: '0029540000#link', failures: 7, sources: 2 };
    expect(failureCountOf(row)).toEqual({ kind: 'link', minute: 29_540_000, count: 7, sources: 2 });
    for (const wrong of [
      { ...row, SK: '0029540000#LINK' },
      { ...row, SK: '0029540000#other' },
      { ...row, SK: '29540000#link' },
      { ...row, SK: 'x\n0029540000#link' },
      { ...row, SK: undefined },
      { ...row, failures: '7' },
      { ...row, failures: -1 },
      { ...row, failures: 1.5 },
      { ...row, failures: undefined },
      { ...row, sources: 'a<script>' },
    ])
      expect(failureCountOf(wrong)).toBeUndefined();
  });
});
