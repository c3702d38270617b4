/** When the scheduled plan is due: at two in the morning (UTC), daily or on Sundays. */
import type { RetentionConfiguration } from './configuration.ts';

const HOUR = 2;
const SUNDAY = 0;
const DAY_MS = 86_400_000;

/** ISO; the last instant at which one was due. Undefined where none ever is. */
export function planDueSince(schedule: RetentionConfiguration['schedule'], now: Date): string | undefined {
  if (schedule === 'never') return undefined;
  const due = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate(), HOUR));
  if (due > now) due.setTime(due.getTime() - DAY_MS);
  while (schedule === 'weekly' && due.getUTCDay() !== SUNDAY) due.setTime(due.getTime() - DAY_MS);
  return due.toISOString();
}
