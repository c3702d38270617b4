/** When people hear again of an approval that they have not given: a few times, then somebody else once. */
import type { ReminderConfiguration } from '../environment/configuration.ts';
import { type PromotionChange, withPhase } from '../promotion/change.ts';
import { engineChange } from '../promotion/engine-change.ts';
import type { Promotion } from '../promotion/promotion.ts';

/** From now on a stage's people are asked: what was counted for the stage before is over. */
export function askedFrom(now: string): Pick<Promotion, 'askedAt' | 'reminders'> {
  return { askedAt: now, reminders: { given: 0, lastAt: null, escalated: false } };
}

/** The reminder or escalation that is due; undefined when none is. What was missed while nobody looked is not made up for by a burst. */
export function remind(promotion: Promotion, settings: ReminderConfiguration, now: string): PromotionChange | undefined {
  const { phase, askedAt, reminders, expiresAt } = promotion;
  if (phase !== 'pending_approval' || askedAt === undefined || reminders === undefined || now >= expiresAt) return undefined;
  const isDue = (since: string, seconds: number): boolean => Date.parse(now) - Date.parse(since) >= seconds * 1000;
  if (!reminders.escalated && isDue(askedAt, settings.escalateAfterSeconds)) {
    return engineChange(
      promotion,
      withPhase(promotion, phase, { reminders: { ...reminders, escalated: true } }),
      { type: 'approval.reminded', action: 'escalated', data: { escalated: true } },
      { notices: [{ type: 'approval.escalated', data: {} }] },
    );
  }
  const { lastAt } = reminders;
  const comesNext = lastAt === null ? isDue(askedAt, settings.afterSeconds) : isDue(lastAt, settings.everySeconds);
  if (reminders.given >= settings.most || !comesNext) return undefined;
  const given = reminders.given + 1;
  return engineChange(
    promotion,
    withPhase(promotion, phase, { reminders: { ...reminders, given, lastAt: now } }),
    { type: 'approval.reminded', action: 'reminded', data: { reminder: given } },
    { notices: [{ type: 'approval.reminder', data: { reminder: given } }] },
  );
}
