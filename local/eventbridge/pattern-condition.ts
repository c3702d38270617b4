/** One condition of an event pattern's value list: a literal, or an object with one operator. */
import { BlockList, isIP } from 'node:net';

/** A test of one field value; `absent` holds where the event has no such field. */
export type Condition = ((value: unknown) => boolean) | 'absent';

type Compiled = ((value: unknown) => boolean) | string;

/** Numeric comparisons reach from -5e9 to 5e9. */
const NUMERIC_LIMIT = 5e9;

/** Compiles one item of a value list. A string answer is the reason why it cannot be read. */
export function compileCondition(item: unknown): Condition | string {
  if (item === null || typeof item !== 'object') return (value) => value === item;
  if (Array.isArray(item)) return 'Match value must be String, number, true, false, or null';
  const entries = Object.entries(item as Record<string, unknown>);
  if (entries.length !== 1) return 'Only one key allowed in match expression';
  const [operator, operand] = entries[0]!;
  if (operator === 'exists') {
    if (typeof operand !== 'boolean') return 'exists match pattern must be either true or false.';
    return operand ? () => true : 'absent';
  }
  if (operator === 'numeric') return numeric(operand);
  if (operator === 'cidr') return cidr(operand);
  if (operator === 'anything-but') return anythingBut(operand);
  if (operator === 'exactly') return typeof operand === 'string' ? (value) => value === operand : 'exactly match pattern must be a string';
  return textual(operator, operand);
}

function textual(operator: string, operand: unknown): Compiled {
  if ((operator === 'prefix' || operator === 'suffix') && typeof operand === 'object' && operand !== null) {
    const [inner, text, ...rest] = Object.entries(operand).flat();
    if (inner !== 'equals-ignore-case' || typeof text !== 'string' || rest.length > 0) return `Unsupported anything in ${operator} pattern`;
    const wanted = text.toLowerCase();
    return onText((value) => (operator === 'prefix' ? value.toLowerCase().startsWith(wanted) : value.toLowerCase().endsWith(wanted)));
  }
  if (!['prefix', 'suffix', 'equals-ignore-case', 'wildcard'].includes(operator)) return `Unrecognized match type ${operator}`;
  if (typeof operand !== 'string') return `${operator} match pattern must be a string`;
  if (operator === 'prefix') return onText((value) => value.startsWith(operand));
  if (operator === 'suffix') return onText((value) => value.endsWith(operand));
  if (operator === 'wildcard') return wildcard(operand);
  const wanted = operand.toLowerCase();
  return onText((value) => value.toLowerCase() === wanted);
}

function anythingBut(operand: unknown): Compiled {
  if (typeof operand === 'object' && operand !== null && !Array.isArray(operand)) {
    const entries = Object.entries(operand as Record<string, unknown>);
    if (entries.length !== 1) return 'Only one key allowed in anything-but';
    const [operator, texts] = entries[0]!;
    const refused = (Array.isArray(texts) ? (texts as unknown[]) : [texts as unknown]).map((text) => textual(operator, text));
    if (refused.length === 0) return 'Empty arrays are not allowed in anything-but';
    const reason = refused.find((test) => typeof test === 'string');
    if (reason !== undefined) return reason as string;
    return onText((value) => !refused.some((test) => (test as (value: unknown) => boolean)(value)));
  }
  const values: unknown[] = Array.isArray(operand) ? operand : [operand];
  const kinds = [...new Set(values.map((value) => typeof value))];
  if (kinds.length !== 1 || (kinds[0] !== 'string' && kinds[0] !== 'number'))
    return 'Inside anything-but list, either all values must be strings or all must be numbers';
  return (value) => !values.includes(value);
}

function numeric(operand: unknown): Compiled {
  if (!Array.isArray(operand) || operand.length === 0 || operand.length % 2 !== 0 || operand.length > 4) {
    return 'Invalid numeric match: give one or two pairs of operator and number';
  }
  const tests: ((value: number) => boolean)[] = [];
  for (let index = 0; index < operand.length; index += 2) {
    const bound: unknown = operand[index + 1];
    if (typeof bound !== 'number' || Math.abs(bound) > NUMERIC_LIMIT)
      return 'Value of numeric match must be a number between -5.0E9 and 5.0E9';
    const test = comparison(operand[index], bound);
    if (!test) return `Unrecognized numeric range operator: ${String(operand[index])}`;
    tests.push(test);
  }
  if (tests.length === 2 && !(String(operand[0]).startsWith('>') && String(operand[2]).startsWith('<') && operand[1] < operand[3])) {
    return 'A numeric range goes from a lower bound (> or >=) to an upper one (< or <=)';
  }
  return (value) => typeof value === 'number' && tests.every((test) => test(value));
}

function comparison(operator: unknown, bound: number): ((value: number) => boolean) | undefined {
  if (operator === '=') return (value) => value === bound;
  if (operator === '<') return (value) => value < bound;
  if (operator === '<=') return (value) => value <= bound;
  if (operator === '>') return (value) => value > bound;
  if (operator === '>=') return (value) => value >= bound;
  return undefined;
}

function cidr(operand: unknown): Compiled {
  const [address, bits, ...rest] = typeof operand === 'string' ? operand.split('/') : [];
  const family = isIP(address ?? '');
  if (!family || !/^\d{1,3}$/.test(bits ?? '') || rest.length > 0 || Number(bits) > (family === 4 ? 32 : 128)) {
    return `Malformed CIDR, one '/' required: ${String(operand)}`;
  }
  const block = new BlockList();
  block.addSubnet(address!, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
  return (value) => typeof value === 'string' && isIP(value) === family && block.check(value, family === 4 ? 'ipv4' : 'ipv6');
}

/** Linear matching by greedy segments: no regular expression is built from a pattern. */
function wildcard(pattern: string): Compiled {
  const segments = [''];
  for (let index = 0; index < pattern.length; index++) {
    const character = pattern[index]!;
    if (character === '\\') {
      const escaped = pattern[++index];
      if (escaped !== '*' && escaped !== '\\') return 'Invalid escape character in wildcard';
      segments[segments.length - 1] += escaped;
    } else if (character === '*') {
      if (pattern[index - 1] === '*' && segments.at(-1) === '' && segments.length > 1) return 'Consecutive wildcard characters';
      segments.push('');
    } else segments[segments.length - 1] += character;
  }
  const first = segments.shift()!;
  const last = segments.pop();
  if (last === undefined) return onText((value) => value === first);
  return onText((value) => {
    if (!value.startsWith(first)) return false;
    let position = first.length;
    for (const segment of segments) {
      const found = value.indexOf(segment, position);
      if (found < 0) return false;
      position = found + segment.length;
    }
    return value.length - last.length >= position && value.endsWith(last);
  });
}

function onText(test: (value: string) => boolean): (value: unknown) => boolean {
  return (value) => typeof value === 'string' && test(value);
}
