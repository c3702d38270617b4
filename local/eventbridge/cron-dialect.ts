/**
 * Translates AWS's cron fields (minute hour day-of-month month day-of-week year) to croner's pattern. Differences that this file bridges: days of the week
 * count from 1 = Sunday, exactly one of the two day fields is `?`, `a/b` starts at a, ranges of days may wrap (FRI-MON), a lone `L` day is Saturday.
 */

interface FieldRule {
  name: string;
  low: number;
  high: number;
  names?: string[];
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const RULES: FieldRule[] = [
  { name: 'minutes', low: 0, high: 59 },
  { name: 'hours', low: 0, high: 23 },
  { name: 'day of month', low: 1, high: 31 },
  { name: 'month', low: 1, high: 12, names: MONTHS },
  { name: 'day of week', low: 1, high: 7, names: DAYS },
  { name: 'year', low: 1970, high: 2199 },
];

/** Answers a seven-field pattern (second 0, year last) for croner; throws an Error that names the field. */
export function toCronerPattern(fields: string): string {
  const parts = fields.trim().toUpperCase().split(/\s+/);
  if (parts.length !== 6) throw new Error('A cron expression has six fields.');
  const [minute, hour, dayOfMonth, month, dayOfWeek, year] = parts as [string, string, string, string, string, string];
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) throw new Error('One of day of month and day of week must be ?, the other not.');
  const day = dayOfMonth === '?' ? '*' : dayField(dayOfMonth);
  const weekday = dayOfWeek === '?' ? '*' : weekdayField(dayOfWeek);
  return ['0', plain(minute, RULES[0]!), plain(hour, RULES[1]!), day, plain(month, RULES[3]!), weekday, plain(year, RULES[5]!)].join(' ');
}

function dayField(field: string): string {
  if (field === 'L' || field === 'LW') return field;
  if (/^\d{1,2}W$/.test(field) && Number.parseInt(field, 10) >= 1 && Number.parseInt(field, 10) <= 31) return field;
  return plain(field, RULES[2]!);
}

function weekdayField(field: string): string {
  const rule = RULES[4]!;
  if (field === 'L') return '6';
  const last = /^(\w{1,3})L$/.exec(field);
  if (last) return `${numberOf(last[1]!, rule) - 1}#L`;
  const nth = /^(\w{1,3})#([1-5])$/.exec(field);
  if (nth) return `${numberOf(nth[1]!, rule) - 1}#${nth[2]}`;
  if (field === '*') return '*';
  return [...new Set(field.split(',').flatMap((item) => valuesOf(item, rule)))].map((value) => value - 1).join(',');
}

/** A field without day wildcards, written out as a list of values so that no dialect is left in it. */
function plain(field: string, rule: FieldRule): string {
  if (field === '*') return '*';
  return [...new Set(field.split(',').flatMap((item) => valuesOf(item, rule)))].sort((a, b) => a - b).join(',');
}

function valuesOf(item: string, rule: FieldRule): number[] {
  const [range, step, ...rest] = item.split('/');
  if (rest.length > 0 || (step !== undefined && !/^[1-9]\d*$/.test(step))) throw new Error(`Field ${rule.name} has a wrong step: ${item}.`);
  const [from, to, ...more] = range!.split('-');
  if (more.length > 0) throw new Error(`Field ${rule.name} has a wrong range: ${item}.`);
  const low = from === '*' ? rule.low : numberOf(from!, rule);
  const high = to !== undefined ? numberOf(to, rule) : from === '*' || step !== undefined ? rule.high : low;
  const span = rule.high - rule.low + 1;
  const length = high >= low ? high - low : high - low + span;
  if (high < low && rule.name === 'year') throw new Error(`Field year has a wrong range: ${item}.`);
  const values: number[] = [];
  for (let offset = 0; offset <= length; offset += Number(step ?? 1)) values.push(rule.low + ((low - rule.low + offset) % span));
  return values;
}

function numberOf(text: string, rule: FieldRule): number {
  const named = rule.names?.indexOf(text) ?? -1;
  const value = named >= 0 ? named + 1 : /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= rule.low && value <= rule.high)) throw new Error(`Field ${rule.name} does not know ${text}.`);
  return value;
}
