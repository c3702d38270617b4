import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DeliveryFact, deliveryOf } from '../../../core/status/delivery.ts';
import { PARTS, timeSpent, WAITING, WORKING } from '../../../core/status/spent.ts';

const at = (minute: number) => new Date(Date.UTC(2026, 10, 20, 12, minute)).toISOString();
const history = (...lines: [string, number][]) => lines.map(([action, minute]) => ({ action, at: at(minute) }));
const minutes = (spent: ReturnType<typeof timeSpent>) =>
  Object.fromEntries(Object.entries(spent).flatMap(([part, value]) => (value > 0 ? [[part, value / 60_000]] : [])));

describe('the time of one promotion', () => {
  it('is what machines worked and what waited, each for its reason', () => {
    const lines = history(
      ['created', 0],
      ['validating', 0],
      ['blocked', 2],
      ['retried', 10],
      ['approval_requested', 12],
      ['approved', 20],
      ['approved', 42],
      ['waiting', 42],
      ['promoting', 102],
      ['held', 103],
      ['held', 110],
      ['resumed', 113],
      ['copied', 114],
      ['copy_verified', 115],
      ['tagged', 115],
      ['rollout_step', 116],
      ['deployed', 120],
    );
    expect(minutes(timeSpent(lines, at(42)))).toEqual({ gates: 4, blocked: 8, approval: 30, turn: 60, copy: 3, held: 10, rollout: 5 });
    expect(minutes(timeSpent(history(['created', 0], ['approval_requested', 1], ['approved', 5], ['promoting', 9]), at(5)))).toEqual({
      gates: 1,
      approval: 4,
      turn: 4,
    });
    expect(minutes(timeSpent(history(['created', 0], ['promoting', 1], ['rolling_back', 2], ['rolled_back', 4])))).toEqual({
      gates: 1,
      copy: 1,
      way_back: 2,
    });
    expect(timeSpent([])).toMatchObject({ gates: 0 });
  });

  it('adds up to the whole exactly, whatever the history', () => {
    const actions = [
      'created',
      'blocked',
      'approval_requested',
      'approved',
      'waiting',
      'promoting',
      'held',
      'resumed',
      'rolling_back',
      'unknown',
    ];
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...actions), fc.integer({ min: 0, max: 1e9 })), { minLength: 1, maxLength: 30 }),
        fc.option(fc.integer({ min: 0, max: 1e9 }), { nil: undefined }),
        (drawn, approved) => {
          const times = drawn.map(([, time]) => time).sort((left, right) => left - right);
          const lines = drawn.map(([action], index) => ({ action, at: new Date(times[index]!).toISOString() }));
          const spent = timeSpent(lines, approved === undefined ? undefined : new Date(approved).toISOString());
          expect(Object.values(spent).reduce((sum, value) => sum + value, 0)).toBe(times.at(-1)! - times[0]!);
          expect(Object.values(spent).every((value) => value >= 0)).toBe(true);
        },
      ),
    );
    expect([...WORKING, ...WAITING].sort()).toEqual([...PARTS].sort());
  });
});

describe('the figures of an environment', () => {
  const fact = (version: string, minute: number, more: Partial<DeliveryFact> = {}): DeliveryFact => ({
    artifact: 'payment-api',
    version,
    requestId: `PR-${version}`,
    at: at(minute),
    outcome: 'succeeded',
    createdAt: at(0),
    ...more,
  });

  it('count what was deployed, how long it took, what failed, and how long that lasted', () => {
    const spent = timeSpent(history(['created', 0], ['approval_requested', 1], ['promoting', 11], ['deployed', 20]), at(11));
    const delivery = deliveryOf(
      [
        fact('1.2.0', 60, { kind: 'rollback', replaced: '1.3.0', createdAt: at(50) }),
        fact('1.4.0', 45, { outcome: 'rolled_back', seconds: 30 }),
        fact('1.3.0', 40, { spent }),
        fact('1.2.5', 35, { outcome: 'failed' }),
        fact('1.2.0', 30, { kind: 'repair' }),
        fact('1.2.0', 20, { spent }),
        fact('1.0.0', 1, { outcome: 'adopted' }),
      ],
      10,
    );
    expect(delivery).toMatchObject({
      days: 10,
      deployments: 2,
      deploymentsPerDay: 0.2,
      leadTime: { median: 1_200, p90: 2_400 },
      changes: 4,
      failures: 3,
      changeFailureRate: 0.75,
      timeToRestore: { median: 30, p90: 600 },
      spent: { gates: 120, approval: 1_200, copy: 1_080, waiting: 1_200, working: 1_200 },
      failed: ['PR-1.2.0', 'PR-1.4.0', 'PR-1.2.5'],
      byDay: [{ day: '2026-11-20', deployments: 2, failures: 3 }],
    });
  });

  it('name the days on which something happened, in UTC, and no other', () => {
    const facts = [
      fact('1.3.0', 25 * 60, { kind: 'rollback', replaced: '1.2.0' }),
      fact('1.2.0', 24 * 60),
      fact('1.1.5', 2, { outcome: 'failed' }),
      fact('1.1.0', 1),
      fact('1.0.0', 0, { outcome: 'adopted' }),
    ];
    expect(deliveryOf(facts, 30).byDay).toEqual([
      { day: '2026-11-20', deployments: 1, failures: 1 },
      { day: '2026-11-21', deployments: 1, failures: 1 },
    ]);
  });

  it('say nothing of what did not happen', () => {
    expect(deliveryOf([], 30)).toMatchObject({ deployments: 0, leadTime: null, changeFailureRate: null, timeToRestore: null, failed: [] });
    // What was taken back had come before the period: it is a change all the same, or there would be more failures than changes.
    const late = [fact('1.2.0', 60, { kind: 'rollback', replaced: '1.1.0' }), fact('1.2.0', 50, { kind: 'rollback', replaced: '1.1.0' })];
    expect(deliveryOf(late, 30)).toMatchObject({ changes: 1, failures: 1, changeFailureRate: 1 });
  });
});
