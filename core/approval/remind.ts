/** When people hear again of an approval that they have not given: a few times, then somebody else once. */
import type { ReminderConfiguration } from '../environment/configuration.ts';
import { type PromotionChange, withPhase } from '../promotion/change.ts';
import { engineChange } from '../promotion/engine-change.ts';
import type { Promotion } from '../promotion/promotion.ts';

/** From now on a stage's people are asked: what was counted for the stage before is over. */
export function askedFrom(now: string): Pick<Promotion, 'askedAt' | 'reminders' | 'escalated'> {
  return { askedAt: now, reminders: 0, escalated: false };
}

/** The reminder or escalation that is due; undefined when none is. One at a time, however long nobody looked. */
export function remind(promotion: Promotion, reminders: ReminderConfiguration, now: string): PromotionChange | undefined {
  const { phase, askedAt, reminders: given = 0, escalated = false, expiresAt } = promotion;
  if (phase !== 'pending_approval' || askedAt === undefined || now >= expiresAt) return undefined;
  const waited = (Date.parse(now) - Date.parse(askedAt)) / 1000;
  if (!escalated && waited >= reminders.escalateAfterSeconds) {
    return engineChange(
      promotion,
      withPhase(promotion, phase, { escalated: true }),
      { type: 'approval.reminded', action: 'escalated', data: { escalated: true } },
      { notices: [{ type: 'approval.escalated', data: {} }] },
    );
  }
  if (given >= reminders.most || waited < reminders.afterSeconds + given * reminders.everySeconds) return undefined;
  // What was missed while nobody looked is not made up for: nobody gets two reminders at once.
  const missed = Math.floor((waited - reminders.afterSeconds) / Math.max(1, reminders.everySeconds)) + 1;
  const count = Math.min(reminders.most, Math.max(given + 1, missed));
  return engineChange(
    promotion,
    withPhase(promotion, phase, { reminders: count }),
    { type: 'approval.reminded', action: 'reminded', data: { reminder: count } },
    { notices: [{ type: 'approval.reminder', data: { reminder: count } }] },
  );
}
