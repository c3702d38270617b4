import { describe, expect, it } from 'vitest';
import { askedFrom, remind } from '../../../core/approval/remind.ts';
import type { ReminderConfiguration } from '../../../core/environment/configuration.ts';
import { PHASES } from '../../../core/promotion/phase.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import { NOW, promotionIn } from '../promotion/fixture.ts';

const HOUR = 3_600;
const reminders: ReminderConfiguration = { afterSeconds: 4 * HOUR, everySeconds: 2 * HOUR, most: 3, escalateAfterSeconds: 24 * HOUR };
const at = (hours: number) => new Date(NOW.getTime() + hours * HOUR * 1000).toISOString();
const asked = (more: Partial<Promotion> = {}) => promotionIn('pending_approval', { ...askedFrom(NOW.toISOString()), ...more });
const due = (promotion: Promotion, hours: number, rules = reminders) =>
  remind(promotion, rules, at(hours))?.notices?.map(({ type, data }) => [type, data['reminder']]);

describe('a reminder', () => {
  it('comes after the first pause, then at each further one, and no more often than it may', () => {
    expect(due(asked(), 3.999)).toBeUndefined();
    expect(due(asked(), 4)).toEqual([['approval.reminder', 1]]);
    expect(due(asked({ reminders: 1 }), 5.999)).toBeUndefined();
    expect(due(asked({ reminders: 1 }), 6)).toEqual([['approval.reminder', 2]]);
    expect(due(asked({ reminders: 2 }), 8)).toEqual([['approval.reminder', 3]]);
    expect(due(asked({ reminders: 3 }), 20)).toBeUndefined();
    expect(due(asked(), 20, { ...reminders, most: 0 })).toBeUndefined();
  });

  it('is one, however long nobody looked', () => {
    const change = remind(asked(), reminders, at(7))!;
    expect(change.after).toMatchObject({ phase: 'pending_approval', reminders: 2 });
    expect(change.event).toMatchObject({ type: 'approval.reminded', data: { reminder: 2 }, history: { action: 'reminded' } });
    expect(change.notices).toHaveLength(1);
    expect(remind(asked(), reminders, at(23))!.after.reminders).toBe(3);
    expect(remind(asked(), { ...reminders, everySeconds: 0 }, at(4))!.after.reminders).toBe(1);
  });

  it('counts from when its stage was opened', () => {
    const { reminders: given, escalated, askedAt } = askedFrom(at(3));
    expect({ given, escalated, askedAt }).toEqual({ given: 0, escalated: false, askedAt: at(3) });
    expect(due(asked(askedFrom(at(3))), 6)).toBeUndefined();
    expect(due(asked(askedFrom(at(3))), 7)).toEqual([['approval.reminder', 1]]);
  });

  it('counts from nothing where nothing was counted yet', () => {
    const { reminders: _given, escalated: _escalated, ...old } = asked();
    expect(due(old, 4)).toEqual([['approval.reminder', 1]]);
    expect(due(old, 24)).toEqual([['approval.escalated', undefined]]);
  });
});

describe('an escalation', () => {
  it('comes once, before any reminder that is due as well', () => {
    const change = remind(asked(), reminders, at(24))!;
    expect(change.after).toMatchObject({ escalated: true, reminders: 0 });
    expect(change.event).toMatchObject({ type: 'approval.reminded', data: { escalated: true }, history: { action: 'escalated' } });
    expect(change.notices).toEqual([{ type: 'approval.escalated', data: {} }]);
    expect(due(asked({ escalated: true }), 24)).toEqual([['approval.reminder', 3]]);
    expect(due(asked({ escalated: true, reminders: 3 }), 40)).toBeUndefined();
  });
});

it('nobody is reminded of what does not wait for approval, is over, or was never asked', () => {
  for (const phase of PHASES) {
    const promotion = promotionIn(phase, askedFrom(NOW.toISOString()));
    expect(remind(promotion, reminders, at(5)) !== undefined, phase).toBe(phase === 'pending_approval');
  }
  const { expiresAt } = asked();
  expect(remind(asked(), reminders, expiresAt)).toBeUndefined();
  expect(remind(asked(), reminders, new Date(Date.parse(expiresAt) - 1).toISOString())).toBeDefined();
  const { askedAt: _never, ...unasked } = asked();
  expect(remind(unasked, reminders, at(5))).toBeUndefined();
});
