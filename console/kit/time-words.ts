/** Times in words. */

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['week', 7 * 86_400],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });

/** How far `iso` is from `now` (milliseconds), in the largest unit that fits: `3 min. ago`, `in 2 days`. */
export function fromNow(iso: string, now: number): string {
  const seconds = (Date.parse(iso) - now) / 1_000;
  const fitting = UNITS.find(([, length]) => Math.abs(seconds) >= length);
  if (!fitting) return Math.abs(seconds) < 10 ? 'just now' : relative.format(Math.round(seconds), 'second');
  return relative.format(Math.trunc(seconds / fitting[1]), fitting[0]);
}

/** The time itself, to the minute, with its zone; in the zone of the reader unless one is named. */
export function absolute(iso: string, timeZone?: string): string {
  const parts: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' };
  return new Date(iso).toLocaleString('en-GB', { ...parts, timeZoneName: 'short', ...(timeZone === undefined ? {} : { timeZone }) });
}

/** A length of time: `45 s`, `3 min 20 s`, `2 h 5 min`, `4 d 3 h`. */
export function lengthOf(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts: (readonly [number, string])[] = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor((whole % 86_400) / 3_600), 'h'],
    [Math.floor((whole % 3_600) / 60), 'min'],
    [whole % 60, 's'],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}
