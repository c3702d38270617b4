/** Checks what a client sent against the schema: wrong types are refused, unknown fields are dropped and reported, as the real decoder does. */
import { badRequest, invalid } from '../kube-error.ts';
import type { Fields, KubeObject } from '../kube-object.ts';
import { type FieldType, fieldsOf } from '../object-schema.ts';
import { groupVersion, type ResourceKind } from '../resource-kinds.ts';
import { UNCHECKED } from './field-problems.ts';

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

interface Walk {
  kind: ResourceKind;
  unknown: string[];
  name: string;
}

/** A copy of `value` with known fields only, plus the warnings to send. Throws 400 for wrong types, and for unknown fields under `Strict`. */
export function decodeObject(kind: ResourceKind, value: unknown, validation: FieldValidation): { object: KubeObject; warnings: string[] } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badRequest(`the object provided is unrecognized (must be of type ${kind.kind}): expected a JSON object`);
  }
  const sent = value as Fields;
  const wanted = groupVersion(kind);
  if (sent.apiVersion !== undefined && sent.apiVersion !== wanted) {
    throw badRequest(`the API version in the data (${sent.apiVersion}) does not match the expected API version (${wanted})`);
  }
  if (sent.kind !== undefined && sent.kind !== kind.kind) {
    throw badRequest(`${sent.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}`);
  }
  if (kind.custom && sent.kind === undefined) {
    throw badRequest(`the object provided is unrecognized (must be of type ${kind.kind}): Object 'Kind' is missing`);
  }
  const walk: Walk = { kind, unknown: [], name: String(sent.metadata?.name ?? '') };
  const object = decodeModel(walk, kind.schema, sent, '') as KubeObject;
  object.apiVersion = wanted;
  object.kind = kind.kind;
  object.metadata ??= {} as KubeObject['metadata'];
  const warnings = walk.unknown.map((path) => `unknown field "${path}"`);
  if (validation === 'Strict' && warnings.length > 0) {
    throw badRequest(
      `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: strict decoding error: ${warnings.join(', ')}`,
    );
  }
  return { object, warnings: validation === 'Warn' ? warnings : [] };
}

function decodeModel(walk: Walk, model: string, value: Fields, path: string): Fields {
  const fields = fieldsOf(model);
  if (!fields) return structuredClone(value);
  const result: Fields = {};
  for (const [name, each] of Object.entries(value)) {
    const type = fields.get(name);
    const at = path ? `${path}.${name}` : name;
    if (!type) {
      walk.unknown.push(at);
      continue;
    }
    const decoded = decodeValue(walk, type, each, at, model);
    if (decoded !== undefined && decoded !== null) result[name] = decoded;
  }
  return result;
}

function decodeValue(walk: Walk, type: FieldType, value: unknown, path: string, model: string): unknown {
  if (value === null || value === undefined) return undefined;
  switch (type.form) {
    case 'any':
      return structuredClone(value);
    case 'object':
      if (!isRecord(value)) throw wrongType(walk, value, path, model, type.model ?? 'object');
      return decodeModel(walk, type.model!, value, path);
    case 'map': {
      if (!isRecord(value)) throw wrongType(walk, value, path, model, 'map');
      // Null prototype: keys such as `__proto__` come from the client.
      const result: Fields = Object.create(null) as Fields;
      for (const [key, each] of Object.entries(value)) result[key] = decodeValue(walk, type.of!, each, `${path}.${key}`, model) ?? '';
      return { ...result };
    }
    case 'list':
      if (!Array.isArray(value)) throw wrongType(walk, value, path, model, 'list');
      return value.map((each, index) => decodeValue(walk, type.of!, each, `${path}[${index}]`, model));
    case 'int-or-string':
      if (typeof value !== 'string' && !Number.isInteger(value)) throw wrongType(walk, value, path, model, 'intstr.IntOrString');
      return value;
    case 'number':
      if (typeof value !== 'number' || (type.format?.startsWith('int') && !Number.isInteger(value))) {
        throw wrongType(walk, value, path, model, type.format || 'number');
      }
      return value;
    case 'string':
      // Quantities (`cpu: 1`) may be numbers; only maps of quantities and `Quantity` fields get here with one.
      if (typeof value === 'number' && /(limits|requests|hard|capacity|allocatable)\.[^.]+$/.test(path)) return String(value);
      if (typeof value !== 'string') throw wrongType(walk, value, path, model, 'string');
      return value;
    case 'boolean':
      if (typeof value !== 'boolean') throw wrongType(walk, value, path, model, 'bool');
      return value;
  }
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrongType(walk: Walk, value: unknown, path: string, model: string, wanted: string) {
  const { kind } = walk;
  if (kind.custom) {
    const type = { list: 'array', map: 'object', bool: 'boolean', int32: 'integer', int64: 'integer' }[wanted] ?? wanted;
    const message = `Invalid value: "${typeof value}": ${path} in body must be of type ${/^[A-Z]/.test(type) ? 'object' : type}: "${typeof value}"`;
    return invalid(kind, walk.name, [{ reason: 'FieldValueTypeInvalid', message, field: path }, UNCHECKED]);
  }
  const found = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  const field = `${model.replace(/^(Core)?V\d(alpha\d|beta\d)?/, '')}.${path}`;
  return badRequest(
    `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: json: cannot unmarshal ${found} into Go struct field ${field} of type ${wanted}`,
  );
}
