/** Who hears when of a version that is about to lose its support. */
import type { Lifecycle } from './lifecycle.ts';

const DAY_MS = 86_400_000;

/** The reminder that is due today and has not gone out: the smallest of `remindDays` that has been reached. Estimates remind nobody. */
export function dueReminder(
  { status, eolDate, estimated }: Lifecycle,
  remindDays: readonly number[],
  reminded: readonly string[],
  now: Date,
): { key: string; daysLeft: number; eolDate: string } | undefined {
  if (eolDate === undefined || estimated || status === 'eol') return undefined;
  const today = now.toISOString().slice(0, 10);
  const daysLeft = Math.round((Date.parse(eolDate) - Date.parse(today)) / DAY_MS);
  const reached = remindDays.filter((days) => daysLeft <= days);
  if (reached.length === 0) return undefined;
  const key = `${eolDate}#${Math.min(...reached)}`;
  return reminded.includes(key) ? undefined : { key, daysLeft, eolDate };
}
