import { describe, expect, it } from 'vitest';
import { askedFrom, remind } from '../../../core/approval/remind.ts';
import type { ReminderConfiguration } from '../../../core/environment/configuration.ts';
import { PHASES } from '../../../core/promotion/phase.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import { NOW, promotionIn } from '../promotion/fixture.ts';

const HOUR = 3_600;
const settings: ReminderConfiguration = { afterSeconds: 4 * HOUR, everySeconds: 2 * HOUR, most: 3, escalateAfterSeconds: 24 * HOUR };
const at = (hours: number) => new Date(NOW.getTime() + hours * HOUR * 1000).toISOString();
const asked = (reminders: Partial<NonNullable<Promotion['reminders']>> = {}, more: Partial<Promotion> = {}) =>
  promotionIn('pending_approval', {
    askedAt: NOW.toISOString(),
    reminders: { given: 0, lastAt: null, escalated: false, ...reminders },
    ...more,
  });
/** Type of the notice that is due, and its number. */
const due = (promotion: Promotion, hours: number, rules = settings) =>
  remind(promotion, rules, at(hours))?.notices?.map(({ type, data }) => [type, data['reminder']].join(' '));

describe('a reminder', () => {
  it('comes after the first pause, then after each further one, and no more often than it may', () => {
    expect(due(asked(), 3.999)).toBeUndefined();
    expect(due(asked(), 4)).toEqual(['approval.reminder 1']);
    expect(due(asked({ given: 1, lastAt: at(4) }), 5.999)).toBeUndefined();
    expect(due(asked({ given: 1, lastAt: at(4) }), 6)).toEqual(['approval.reminder 2']);
    expect(due(asked({ given: 2, lastAt: at(6) }), 8)).toEqual(['approval.reminder 3']);
    expect(due(asked({ given: 3, lastAt: at(8) }), 20)).toBeUndefined();
    expect(due(asked(), 20, { ...settings, most: 0 })).toBeUndefined();
  });

  it('is one, however long nobody looked, and the next one has its own pause', () => {
    const change = remind(asked(), settings, at(23))!;
    expect(change.after).toMatchObject({ phase: 'pending_approval', reminders: { given: 1, lastAt: at(23), escalated: false } });
    expect(change.event).toMatchObject({ type: 'approval.reminded', data: { reminder: 1 }, history: { action: 'reminded' } });
    expect(change.notices).toHaveLength(1);
    expect(due({ ...change.after, reminders: { ...change.after.reminders!, escalated: true } }, 24.999)).toBeUndefined();
    expect(due({ ...change.after, reminders: { ...change.after.reminders!, escalated: true } }, 25)).toEqual(['approval.reminder 2']);
  });

  it('counts from when its stage was opened', () => {
    expect(askedFrom(at(3))).toEqual({ askedAt: at(3), reminders: { given: 0, lastAt: null, escalated: false } });
    expect(due(asked({}, askedFrom(at(3))), 6.999)).toBeUndefined();
    expect(due(asked({}, askedFrom(at(3))), 7)).toEqual(['approval.reminder 1']);
  });
});

describe('an escalation', () => {
  it('comes once, before any reminder that is due as well', () => {
    const change = remind(asked(), settings, at(24))!;
    expect(change.after).toMatchObject({ reminders: { given: 0, lastAt: null, escalated: true } });
    expect(change.event).toMatchObject({ type: 'approval.reminded', data: { escalated: true }, history: { action: 'escalated' } });
    expect(change.notices).toEqual([{ type: 'approval.escalated', data: {} }]);
    expect(due(asked({ escalated: true }), 24)).toEqual(['approval.reminder 1']);
    expect(due(asked({ escalated: true, given: 3, lastAt: at(20) }), 40)).toBeUndefined();
    expect(due(asked({ given: 3, lastAt: at(8) }), 23.999)).toBeUndefined();
  });
});

it('nobody is reminded of what does not wait for approval, is over, or was never asked', () => {
  for (const phase of PHASES) {
    const promotion = promotionIn(phase, askedFrom(NOW.toISOString()));
    expect(remind(promotion, settings, at(5)) !== undefined, phase).toBe(phase === 'pending_approval');
  }
  const { expiresAt } = asked();
  expect(remind(asked(), settings, expiresAt)).toBeUndefined();
  expect(remind(asked(), settings, new Date(Date.parse(expiresAt) - 1).toISOString())).toBeDefined();
  const { askedAt: _never, ...unasked } = asked();
  expect(remind(unasked, settings, at(5))).toBeUndefined();
  const { reminders: _none, ...uncounted } = asked();
  expect(remind(uncounted, settings, at(5))).toBeUndefined();
});
