/** Strategic merge patch: lists merge by the schema's keys; directives `$patch`, `$retainKeys`, `$deleteFromPrimitiveList/…`, `$setElementOrder/…`. */
import { unexplained } from '../kube-error.ts';
import { type FieldType, fieldsOf, keyValue, mergeKeys } from '../object-schema.ts';

type Values = Record<string, unknown>;

/** The document of the model with the patch applied; neither argument is changed. Throws 500 for list items without their merge key, as the real server does. */
export function applyStrategicMerge(model: string, document: Values, patch: Values): Values {
  return mergeModel(model, document, patch);
}

function mergeModel(model: string | undefined, document: Values, patch: Values): Values {
  if (patch.$patch === 'replace') return withoutDirectives(patch);
  if (patch.$patch === 'delete') return {};
  const fields = model ? fieldsOf(model) : undefined;
  const result = new Map(Object.entries(structuredClone(document)));
  const retained = patch.$retainKeys as string[] | undefined;
  if (retained) for (const name of result.keys()) if (!retained.includes(name)) result.delete(name);
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith('$')) continue;
    if (value === null) result.delete(name);
    else result.set(name, mergeField(fields?.get(name), result.get(name), value, model, name));
  }
  for (const [name, value] of Object.entries(patch)) applyListDirective(result, model, name, value);
  return Object.fromEntries(result);
}

function mergeField(type: FieldType | undefined, current: unknown, value: unknown, model: string | undefined, name: string): unknown {
  if (Array.isArray(value)) {
    const keys = mergeKeys(model, name);
    if (!keys) return structuredClone(value);
    if (keys.length === 0) return [...new Set([...((current as unknown[]) ?? []), ...value])];
    return mergeList(type?.of?.model, (current as Values[]) ?? [], value as Values[], keys[0]!);
  }
  if (typeof value !== 'object' || value === null) return value;
  const base = typeof current === 'object' && current !== null && !Array.isArray(current) ? (current as Values) : {};
  if (type?.form === 'object') return mergeModel(type.model, base, value as Values);
  return mergeModel(undefined, base, value as Values);
}

function mergeList(model: string | undefined, current: Values[], patch: Values[], key: string): Values[] {
  const result = patch.some((item) => item.$patch === 'replace') ? [] : structuredClone(current);
  for (const item of patch) {
    if (item.$patch === 'replace') continue;
    const value = keyValue(item, key);
    if (value === undefined) throw unexplained(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    const index = result.findIndex((other) => keyValue(other, key) === value);
    if (item.$patch === 'delete') {
      if (index >= 0) result.splice(index, 1);
    } else if (index >= 0) result[index] = mergeModel(model, result[index]!, item);
    else result.push(mergeModel(model, {}, item));
  }
  return inOrder(result, current, patch, key);
}

/**
 * What the patch names comes in its order, what only the object has is put in before the first item that stood after it. So an item that is new and named
 * first comes before all others.
 */
function inOrder(merged: Values[], current: Values[], patch: Values[], key: string): Values[] {
  const identity = (item: Values) => keyValue(item, key);
  const named = patch.filter((item) => item.$patch === undefined).map(identity);
  const placed = named.map((value) => merged.find((item) => identity(item) === value)!);
  const others = merged.filter((item) => !named.includes(identity(item)));
  const place = (item: Values) => current.findIndex((other) => identity(other) === identity(item));
  const result: Values[] = [];
  for (const item of placed) {
    while (others.length > 0 && place(item) >= 0 && place(others[0]!) < place(item)) result.push(others.shift()!);
    result.push(item);
  }
  return [...result, ...others];
}

function applyListDirective(result: Map<string, unknown>, model: string | undefined, name: string, value: unknown): void {
  const [, directive, field] = /^\$(deleteFromPrimitiveList|setElementOrder)\/(.+)$/.exec(name) ?? [];
  if (!directive || !field || !Array.isArray(value)) return;
  const list = result.get(field);
  if (!Array.isArray(list)) return;
  if (directive === 'deleteFromPrimitiveList') {
    result.set(
      field,
      list.filter((item) => !value.includes(item)),
    );
    return;
  }
  const key = mergeKeys(model, field)?.[0];
  const identity = (item: unknown) => (key ? keyValue(item, key) : item);
  const order = value.map(identity);
  const place = (item: unknown) => {
    const index = order.indexOf(identity(item));
    return index < 0 ? order.length : index;
  };
  result.set(
    field,
    [...list].sort((a, b) => place(a) - place(b)),
  );
}

function withoutDirectives(patch: Values): Values {
  return Object.fromEntries(Object.entries(structuredClone(patch)).filter(([name]) => !name.startsWith('$')));
}
