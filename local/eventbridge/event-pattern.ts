/**
 * EventBridge event patterns: content filtering as the service documents it. An event is flattened to fields; all fields of a pattern must match, with
 * the array elements they lie in agreeing (two fields of one pattern never match in two elements of one array).
 * Limits: numbers compare as doubles, not with the service's 15 digits; the complexity limit of wildcards is not applied.
 */
import { type Condition, compileCondition } from './pattern-condition.ts';

/** The pattern cannot be read; `message` is what `InvalidEventPatternException` says. */
export class InvalidPattern extends Error {
  override readonly name = 'InvalidPattern';
}

export type Matcher = (event: unknown) => boolean;

interface Field {
  value: unknown;
  /** Element index per array that the value lies in, keyed by the array's place in the event. */
  elements: ReadonlyMap<string, number>;
}

type Requirement = [path: string, conditions: Condition[]];

/** Alternatives that `$or` may multiply to; the service refuses more than 1000. */
const MOST_ALTERNATIVES = 1000;
/** Words that make the service read `$or` as an ordinary field name. */
const OPERATORS = new Set(['prefix', 'suffix', 'equals-ignore-case', 'wildcard', 'anything-but', 'numeric', 'cidr', 'exists', 'exactly']);

/** Compiles a pattern (JSON text or object) or throws InvalidPattern. */
export function compilePattern(pattern: unknown): Matcher {
  const alternatives = alternativesOf(parse(pattern), '');
  return (event) => {
    const fields = new Map<string, Field[]>();
    flatten(event, '', '', new Map(), fields);
    return alternatives.some((requirements) => holds(requirements, 0, fields, new Map()));
  };
}

function parse(pattern: unknown): Record<string, unknown> {
  let value = pattern;
  if (typeof pattern === 'string') {
    try {
      value = JSON.parse(pattern);
    } catch {
      throw new InvalidPattern('Event pattern is not valid. Reason: Filter is not valid JSON');
    }
  }
  if (!isObject(value)) throw new InvalidPattern('Event pattern is not valid. Reason: Filter is not an object');
  return value;
}

function alternativesOf(pattern: Record<string, unknown>, prefix: string): Requirement[][] {
  const entries = Object.entries(pattern);
  if (entries.length === 0) throw new InvalidPattern('Event pattern is not valid. Reason: Empty objects are not allowed');
  let alternatives: Requirement[][] = [[]];
  for (const [key, value] of entries) {
    const path = prefix ? `${prefix}\u0000${key}` : key;
    const branches =
      key === '$or' && isAlternation(value)
        ? value.flatMap((branch) => alternativesOf(branch, prefix))
        : isObject(value)
          ? alternativesOf(value, path)
          : [[[path, conditionsOf(key, value)] as Requirement]];
    if (alternatives.length * branches.length > MOST_ALTERNATIVES) {
      throw new InvalidPattern(`Event pattern is not valid. Reason: $or makes more than ${MOST_ALTERNATIVES} combinations`);
    }
    alternatives = alternatives.flatMap((left) => branches.map((right) => [...left, ...right]));
  }
  return alternatives;
}

function conditionsOf(key: string, value: unknown): Condition[] {
  if (!Array.isArray(value)) throw new InvalidPattern(`Event pattern is not valid. Reason: "${key}" must be an object or an array`);
  if (value.length === 0) throw new InvalidPattern('Event pattern is not valid. Reason: Empty arrays are not allowed');
  return value.map((item) => {
    const condition = compileCondition(item);
    if (typeof condition === 'string' && condition !== 'absent')
      throw new InvalidPattern(`Event pattern is not valid. Reason: ${condition} at "${key}"`);
    return condition;
  });
}

function isAlternation(value: unknown): value is Record<string, unknown>[] {
  return (
    Array.isArray(value) &&
    value.length > 1 &&
    value.every((branch) => isObject(branch) && !Object.keys(branch).some((key) => OPERATORS.has(key)))
  );
}

function flatten(value: unknown, path: string, place: string, elements: ReadonlyMap<string, number>, fields: Map<string, Field[]>): void {
  if (Array.isArray(value)) {
    value.forEach((item, index) => {
      flatten(item, path, `${place}[${index}]`, new Map(elements).set(place, index), fields);
    });
  } else if (isObject(value)) {
    for (const [key, child] of Object.entries(value)) {
      flatten(child, path ? `${path}\u0000${key}` : key, `${place}\u0000${key}`, elements, fields);
    }
  } else {
    const known = fields.get(path);
    if (known) known.push({ value, elements });
    else fields.set(path, [{ value, elements }]);
  }
}

function holds(requirements: Requirement[], index: number, fields: Map<string, Field[]>, chosen: ReadonlyMap<string, number>): boolean {
  const requirement = requirements[index];
  if (!requirement) return true;
  const candidates = fields.get(requirement[0]);
  for (const condition of requirement[1]) {
    if (condition === 'absent') {
      if (!candidates && holds(requirements, index + 1, fields, chosen)) return true;
      continue;
    }
    for (const field of candidates ?? []) {
      if (!condition(field.value)) continue;
      const merged = agree(chosen, field.elements);
      if (merged && holds(requirements, index + 1, fields, merged)) return true;
    }
  }
  return false;
}

function agree(chosen: ReadonlyMap<string, number>, elements: ReadonlyMap<string, number>): ReadonlyMap<string, number> | undefined {
  if (elements.size === 0) return chosen;
  const merged = new Map(chosen);
  for (const [place, index] of elements) {
    if (merged.has(place) && merged.get(place) !== index) return undefined;
    merged.set(place, index);
  }
  return merged;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
