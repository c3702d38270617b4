/** The sentence `promote VERSION [FROM to|→|->] ENV`, and what else is read from operands and options. */
import { InvalidArgumentError } from 'commander';
import { usageFailure } from './failure.ts';

const ARROWS = new Set(['to', '→', '->']);
/** Stands for `->`, which would be read as an option. */
const ARROW = '→';

export interface Route {
  version: string;
  from?: string;
  to: string;
}

/** Reads the operands of `promote`. Fails with exit 2 for anything but the two forms. */
export function readRoute(operands: readonly string[]): Route {
  if (operands.some((operand) => operand === '')) throw usageFailure('an operand is empty');
  const [version, second, arrow, fourth] = operands;
  if (operands.length === 2) return { version: version!, to: second! };
  if (operands.length === 4 && ARROWS.has(arrow!)) return { version: version!, from: second!, to: fourth! };
  throw usageFailure(`cannot read "promote ${operands.join(' ')}"`, 'promote VERSION ENV, or promote VERSION FROM to ENV');
}

/** `->` as a word of its own is no option. */
export function withReadableArrows(argv: readonly string[]): string[] {
  return argv.map((word) => (word === '->' ? ARROW : word));
}

/** Parser of options and operands that must hold something. */
export function notEmpty(value: string): string {
  if (value.trim() === '') throw new InvalidArgumentError('It must not be empty.');
  return value;
}

const UNITS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `30m`, `2h`, `1d` in milliseconds. */
export function milliseconds(value: string): number {
  const [, amount, unit] = /^(\d{1,6})([smhd])$/.exec(value) ?? [];
  if (!unit || Number(amount) === 0) throw new InvalidArgumentError('Give a duration such as 90s, 30m or 2h.');
  return Number(amount) * UNITS[unit]!;
}

export function nameList(value: string): string[] {
  const names = value.split(',').map((name) => name.trim());
  if (names.some((name) => name === '')) throw new InvalidArgumentError('Give names separated by commas.');
  return names;
}

/** Parser of a whole number within bounds. */
export function integer(least: number, most: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (!/^\d{1,9}$/.test(value) || number < least || number > most)
      throw new InvalidArgumentError(`Give a number from ${least} to ${most}.`);
    return number;
  };
}
