/** How long something is supported, in the words of people: `12 months`, `1 year`, `90 days`, `6 weeks`. */

export interface SupportWindow {
  text: string;
  months: number;
  days: number;
}

const LONGEST_YEARS = 100;
const WINDOW = /^(\d{1,5})\s*(day|week|month|year)s?$/i;

/** Undefined when it is no length of time, or longer than a century. */
export function readSupportWindow(text: string): SupportWindow | undefined {
  const match = WINDOW.exec(text.trim());
  if (!match) return undefined;
  const amount = Number(match[1]);
  const unit = match[2]!.toLowerCase();
  const months = unit === 'month' ? amount : unit === 'year' ? amount * 12 : 0;
  const days = unit === 'day' ? amount : unit === 'week' ? amount * 7 : 0;
  if (months > LONGEST_YEARS * 12 || days > LONGEST_YEARS * 365) return undefined;
  return { text: text.trim(), months, days };
}

/** `YYYY-MM-DD` that lies a window after a date, or before it: of a day that a month does not have its last one. */
export function shifted(date: string, { months, days }: SupportWindow, direction: 1 | -1 = 1): string {
  const [year, month, day] = date.slice(0, 10).split('-').map(Number) as [number, number, number];
  const first = new Date(Date.UTC(year, month - 1 + direction * months, 1));
  const last = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
  first.setUTCDate(Math.min(day, last) + direction * days);
  return first.toISOString().slice(0, 10);
}

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;

/** A day that exists, as `YYYY-MM-DD`. */
export function isDay(text: string): boolean {
  return DATE.test(text) && !Number.isNaN(Date.parse(text)) && new Date(text).toISOString().startsWith(text);
}
