/** Windows as the file writes them, checked: a zone that does not exist, or a repetition that nobody understands, would never close anything. */
import type * as z from 'zod';
import type { windowsSchema } from './configuration-schema.ts';
import { secondsOf } from './duration.ts';
import type { Refuse } from './refuse.ts';
import { isZone, repeatProblem, type WindowConfiguration, windowState } from './window.ts';

/** Longer is no window but a decision: lock the environment. */
const LONGEST_MINUTES = 366 * 1_440;
/** Some day on which every window is evaluated once, to find those that cannot be. */
const SOME_DAY = new Date('2026-01-01T00:00:00.000Z');

export function normalizeWindows(
  windows: z.infer<typeof windowsSchema>,
  at: readonly PropertyKey[],
  refuse: Refuse,
): WindowConfiguration[] {
  const checked = windows.map(({ name, kind, start, duration, repeat, zone }, index): WindowConfiguration | undefined => {
    const place = [...at, index] as const;
    const seconds = secondsOf(duration);
    const problems: [string, string, string?][] = [];
    if (windows.findIndex((other) => other.name === name) < index) problems.push(['name', `there are two windows ${name}`]);
    if (seconds === undefined || seconds < 60 || seconds % 60 !== 0 || seconds / 60 > LONGEST_MINUTES)
      problems.push(['duration', `"${duration}" is not a length of whole minutes up to 366 days`, 'write for example 90m, 8h, 2d']);
    if (Number.isNaN(Date.parse(`${start}:00Z`)) || !new Date(`${start}:00Z`).toISOString().startsWith(start))
      problems.push(['start', `"${start}" is not a date and time`, 'write local time without a zone, such as 2026-01-05T09:00']);
    if (!isZone(zone)) problems.push(['zone', `there is no time zone "${zone}"`, 'write an IANA name, such as Europe/Paris or UTC']);
    const wrong = repeat === undefined ? undefined : repeatProblem(repeat);
    if (wrong !== undefined)
      problems.push(['repeat', `"${repeat}" is not a repetition: ${wrong}`, 'write an RRULE such as FREQ=WEEKLY;BYDAY=MO,TU,WE,TH']);
    for (const [key, message, hint] of problems) refuse([...place, key], message, hint);
    if (problems.length > 0) return undefined;
    return { name, kind, start, minutes: seconds! / 60, ...(repeat === undefined ? {} : { repeat }), zone };
  });
  const good = checked.filter((window) => window !== undefined);
  if (good.length === windows.length) windowState(good, SOME_DAY);
  return good;
}
