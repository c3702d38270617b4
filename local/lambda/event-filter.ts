/** Filter patterns of event source mappings: the rule syntax of EventBridge, compiled once and refused at the start when an operator is unknown. */

/** Decides on one record. */
export type EventFilter = (record: unknown) => boolean;

type Rule = (value: unknown, present: boolean) => boolean;

/** Compiles `FilterCriteria`: a record passes when any pattern matches. Throws on a pattern that it does not understand. */
export function eventFilter(patterns: readonly string[]): EventFilter {
  const compiled = patterns.map((pattern) => objectMatcher(JSON.parse(pattern) as unknown, 'pattern'));
  return (record) => compiled.length === 0 || compiled.some((matches) => matches(record));
}

function objectMatcher(pattern: unknown, where: string): EventFilter {
  if (!isObject(pattern)) throw new Error(`${where} must be an object`);
  const fields = Object.entries(pattern).map(([name, expected]) => fieldMatcher(name, expected, `${where}.${name}`));
  return (value) => fields.every((matches) => matches(value));
}

function fieldMatcher(name: string, expected: unknown, where: string): EventFilter {
  if (name === '$or') {
    if (!Array.isArray(expected)) throw new Error(`${where} must be an array`);
    const branches = expected.map((branch) => objectMatcher(branch, where));
    return (value) => branches.some((matches) => matches(value));
  }
  const read = (value: unknown): [unknown, boolean] =>
    isObject(value) && Object.hasOwn(value, name) ? [value[name], true] : [undefined, false];
  if (Array.isArray(expected)) {
    if (expected.length === 0) throw new Error(`${where} must not be empty`);
    const rules = expected.map((item) => rule(item, where));
    return (value) => {
      const [field, present] = read(value);
      return rules.some((accepts) => accepts(field, present));
    };
  }
  const nested = objectMatcher(expected, where);
  return (value) => {
    const [field] = read(value);
    return Array.isArray(field) ? field.some((item) => nested(item)) : nested(field);
  };
}

function rule(item: unknown, where: string): Rule {
  if (!isObject(item)) return each((value) => value === item);
  const [operator, operand] = Object.entries(item)[0] ?? [];
  if (Object.keys(item).length !== 1) throw new Error(`${where}: one operator per rule`);
  switch (operator) {
    case 'exists':
      // Of leaf nodes only, as AWS documents it.
      return operand === true ? (value, present) => present && !isObject(value) : (value, present) => !present || isObject(value);
    case 'prefix':
      return each(textTest(operand, where, (text, wanted) => text.startsWith(wanted)));
    case 'suffix':
      return each(textTest(operand, where, (text, wanted) => text.endsWith(wanted)));
    case 'equals-ignore-case':
      return each(textTest(operand, where, (text, wanted) => text.toLowerCase() === wanted.toLowerCase()));
    case 'anything-but':
      return anythingBut(operand, where);
    case 'numeric':
      return each(numericTest(operand, where));
    default:
      throw new Error(`${where}: operator ${operator} is not supported`);
  }
}

/** An array in the event matches when one of its items does. */
function each(test: (value: unknown) => boolean): Rule {
  return (value, present) => present && (Array.isArray(value) ? value.some(test) : test(value));
}

function anythingBut(operand: unknown, where: string): Rule {
  const refused = (Array.isArray(operand) ? operand : [operand]).map((item) => rule(item, where));
  return (value, present) => present && !isObject(value) && !refused.some((accepts) => accepts(value, present));
}

function textTest(operand: unknown, where: string, test: (text: string, wanted: string) => boolean): (value: unknown) => boolean {
  if (typeof operand !== 'string') throw new Error(`${where}: the operand must be a string`);
  return (value) => typeof value === 'string' && test(value, operand);
}

const COMPARISONS: Record<string, (left: number, right: number) => boolean> = {
  '=': (left, right) => left === right,
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
};

function numericTest(operand: unknown, where: string): (value: unknown) => boolean {
  if (!Array.isArray(operand) || operand.length === 0 || operand.length % 2 !== 0) throw new Error(`${where}: numeric takes pairs`);
  const tests: ((value: number) => boolean)[] = [];
  for (let index = 0; index < operand.length; index += 2) {
    const compare = COMPARISONS[String(operand[index])];
    const bound: unknown = operand[index + 1];
    if (!compare || typeof bound !== 'number') throw new Error(`${where}: numeric takes pairs of a comparison and a number`);
    tests.push((value) => compare(value, bound));
  }
  // DynamoDB writes numbers as strings: {"N": "12"}.
  return (value) => {
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    return typeof number === 'number' && !Number.isNaN(number) && tests.every((test) => test(number));
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
