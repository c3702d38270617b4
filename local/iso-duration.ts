/** ISO 8601 durations, as `POST /_local/clock` takes them. */

const PATTERN = /^P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d+)?)S)?)?$/;
const SECOND = 1000;
const DAY = 86_400 * SECOND;
/** Milliseconds of each part of the pattern. A year counts 365 days and a month 30, whatever the calendar says. */
const UNITS = [365 * DAY, 30 * DAY, 7 * DAY, DAY, 3600 * SECOND, 60 * SECOND, SECOND];
/** A hundred years: keeps the clock far from dates that no format can hold. */
const LONGEST = 36_500 * DAY;

/** Milliseconds of e.g. `PT11M` or `P7DT1H`; undefined when it is no duration or longer than a hundred years. */
export function parseIsoDuration(text: string): number | undefined {
  const match = PATTERN.exec(text);
  if (!match) return undefined;
  const total = UNITS.reduce((sum, unit, index) => sum + unit * Number((match[index + 1] ?? '0').replace(',', '.')), 0);
  return total <= LONGEST ? Math.round(total) : undefined;
}
