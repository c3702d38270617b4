/**
 * The leaves of an object as paths, and sets of paths in the `FieldsV1` spelling: `f:` names a field, `k:` an item of a list with keys,
 * `v:` an item of a set. A list without merge keys, a selector and a scalar are one leaf.
 */
import { type FieldType, fieldsOf, keyValue, mergeKeys } from '../object-schema.ts';

/** Segments joined by newlines, which no segment contains. */
export type FieldPath = string;

const SEPARATOR = '\n';
/** Maps and objects that have one owner as a whole. */
const ATOMIC = new Set(['V1LabelSelector', 'V1ServiceSpec.selector', 'V1RoleRef', 'V1ObjectFieldSelector', 'V1ResourceFieldSelector']);
/** Fields of metadata that belong to the API server. */
const SYSTEM_METADATA = new Set(
  'name,namespace,uid,resourceVersion,generation,creationTimestamp,deletionTimestamp,deletionGracePeriodSeconds,managedFields,selfLink,generateName'.split(
    ',',
  ),
);

/** Every leaf of an object of the model, with its value. `part` leaves the status out, or everything else. */
export function leavesOf(model: string, value: Record<string, unknown>, part: 'spec' | 'status' = 'spec'): Map<FieldPath, unknown> {
  const leaves = new Map<FieldPath, unknown>();
  const fields = fieldsOf(model);
  for (const [name, each] of Object.entries(value)) {
    if (name === 'apiVersion' || name === 'kind' || (name === 'status') !== (part === 'status')) continue;
    const type = fields?.get(name) ?? { form: 'any' };
    if (name === 'metadata') {
      const kept = Object.fromEntries(Object.entries(each as object).filter(([key]) => !SYSTEM_METADATA.has(key)));
      walkFields(leaves, ['f:metadata'], 'V1ObjectMeta', kept);
    } else walk(leaves, [`f:${name}`], type, each, model, name);
  }
  return leaves;
}

function walkFields(leaves: Map<FieldPath, unknown>, path: string[], model: string, value: Record<string, unknown>): void {
  const fields = fieldsOf(model);
  for (const [name, each] of Object.entries(value)) {
    walk(leaves, [...path, `f:${name}`], fields?.get(name) ?? { form: 'any' }, each, model, name);
  }
}

function walk(leaves: Map<FieldPath, unknown>, path: string[], type: FieldType, value: unknown, model: string, name: string): void {
  if (value === undefined || value === null) return;
  const keys = type.form === 'list' ? mergeKeys(model, name) : undefined;
  const nested = type.form === 'object' || type.form === 'map' ? Object.entries(value as object) : [];
  const whole = ATOMIC.has(type.model ?? '') || ATOMIC.has(`${model}.${name}`);
  if (whole || (nested.length === 0 && !keys)) {
    leaves.set(path.join(SEPARATOR), value);
    return;
  }
  if (type.form === 'object') {
    walkFields(leaves, path, type.model!, value as Record<string, unknown>);
    return;
  }
  if (!keys) {
    for (const [key, each] of nested) walk(leaves, [...path, `f:${key}`], type.of!, each, '', key);
    return;
  }
  for (const item of value as unknown[]) {
    const segment = itemSegment(item, keys);
    const at = [...path, segment];
    leaves.set(at.join(SEPARATOR), keys.length === 0 ? item : EXISTS);
    if (keys.length > 0) walkFields(leaves, at, type.of!.model!, item as Record<string, unknown>);
  }
}

/** Value of the path of a list item itself: equal in both objects whatever the item holds. */
const EXISTS = 'exists';

/** `k:{"name":"app"}`, or `v:"x"` for items of a set. */
export function itemSegment(item: unknown, keys: string[]): string {
  if (keys.length === 0) return `v:${JSON.stringify(item)}`;
  return `k:${JSON.stringify(Object.fromEntries(keys.map((key) => [key, keyValue(item, key)])))}`;
}

export function segmentsOf(path: FieldPath): string[] {
  return path.split(SEPARATOR);
}

export function isBelow(path: FieldPath, parent: FieldPath): boolean {
  return path.startsWith(parent + SEPARATOR);
}

/** `.spec.template.spec.containers[name="app"].image`, as conflicts name it. */
export function readablePath(path: FieldPath): string {
  return segmentsOf(path)
    .map((segment) => {
      if (segment.startsWith('f:')) return `.${segment.slice(2)}`;
      if (segment.startsWith('v:')) return `[=${segment.slice(2)}]`;
      const keys = Object.entries(JSON.parse(segment.slice(2)) as object);
      return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`;
    })
    .join('');
}

/** Nested `FieldsV1` of a set of paths. */
export function toFieldsV1(paths: Iterable<FieldPath>): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const path of paths) {
    let at = root;
    for (const segment of segmentsOf(path)) {
      at[segment] ??= {};
      at = at[segment] as Record<string, unknown>;
    }
    at['.'] = {};
  }
  return withoutLoneDots(root);
}

/** The set of paths of a nested `FieldsV1`. */
export function fromFieldsV1(fields: Record<string, unknown>): Set<FieldPath> {
  const paths = new Set<FieldPath>();
  const visit = (node: Record<string, unknown>, path: string[]) => {
    const children = Object.entries(node);
    if (path.length > 0 && (children.length === 0 || '.' in node)) paths.add(path.join(SEPARATOR));
    for (const [segment, child] of children) if (segment !== '.') visit(child as Record<string, unknown>, [...path, segment]);
  };
  visit(fields, []);
  return paths;
}

/** A leaf is `{}`; the dot stands only where a path has others below it. */
function withoutLoneDots(node: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(node).map(([segment, child]) => [segment, withoutLoneDots(child as Record<string, unknown>)] as const);
  if (entries.length === 1 && entries[0]![0] === '.') return {};
  return Object.fromEntries(entries);
}
