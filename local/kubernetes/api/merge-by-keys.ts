/** Lays an applied configuration over an object: maps merge, lists merge by their keys, everything else is replaced. */
import { type FieldType, fieldsOf, mergeKeys } from '../object-schema.ts';
import { itemSegment } from './field-paths.ts';

type Values = Record<string, unknown>;

/** A new object; neither argument is changed. */
export function mergeByKeys(model: string, live: Values, config: Values): Values {
  const fields = fieldsOf(model);
  const result: Values = structuredClone(live);
  for (const [name, value] of Object.entries(config)) {
    result[name] = mergeField(fields?.get(name) ?? { form: 'any' }, live[name], value, model, name);
  }
  return result;
}

function mergeField(type: FieldType, live: unknown, value: unknown, model: string, name: string): unknown {
  if (live === undefined || live === null) return structuredClone(value);
  if (type.model === 'V1LabelSelector' || `${model}.${name}` === 'V1ServiceSpec.selector') return structuredClone(value);
  if (type.form === 'object') return mergeByKeys(type.model!, live as Values, value as Values);
  if (type.form === 'map') return { ...structuredClone(live as Values), ...structuredClone(value as Values) };
  const keys = type.form === 'list' ? mergeKeys(model, name) : undefined;
  if (!keys || !Array.isArray(live)) return structuredClone(value);
  const result: unknown[] = structuredClone(live);
  for (const item of value as unknown[]) {
    const index = result.findIndex((other) => itemSegment(other, keys) === itemSegment(item, keys));
    if (index < 0) result.push(structuredClone(item));
    else if (keys.length > 0) result[index] = mergeByKeys(type.of!.model!, result[index] as Values, item as Values);
  }
  return result;
}
