/** OpenAPI v3 documents of the served kinds, made from the schema: enough for kubectl's validation, `apply`, `explain`, and field validation. */
import { createHash } from 'node:crypto';
import { type FieldType, fieldsOf, mergeKeys } from '../object-schema.ts';
import { RESOURCE_KINDS, type ResourceKind } from '../resource-kinds.ts';
import { GIT_VERSION, openApiPath } from './discovery.ts';

type Document = Record<string, unknown>;

/** `/openapi/v3`: where the document of each group version lies. */
export function openApiIndex(): Document {
  const paths = [...new Set(RESOURCE_KINDS.map(openApiPath))];
  const hash = createHash('sha256').update(GIT_VERSION).digest('hex').toUpperCase();
  return { paths: Object.fromEntries(paths.map((path) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }])) };
}

/** `/openapi/v3/apis/apps/v1` and its like; undefined where the group version is not served. */
export function openApiDocument(path: string): Document | undefined {
  const kinds = RESOURCE_KINDS.filter((kind) => openApiPath(kind) === path);
  if (kinds.length === 0) return undefined;
  const schemas = new Map<string, Document>();
  for (const kind of kinds) {
    addModel(schemas, kind.schema);
    Object.assign(schemas.get(kind.schema)!, { 'x-kubernetes-group-version-kind': [gvk(kind)] });
  }
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: GIT_VERSION },
    paths: Object.fromEntries(kinds.map((kind) => operations(path, kind))),
    components: { schemas: Object.fromEntries(schemas) },
  };
}

function gvk(kind: ResourceKind) {
  return { group: kind.group, version: kind.version, kind: kind.kind };
}

const PARAMETERS = ['dryRun', 'fieldManager', 'fieldValidation', 'pretty'].map((name) => ({
  name,
  in: 'query',
  schema: { type: 'string', uniqueItems: true },
}));

function operations(path: string, kind: ResourceKind): [string, Document] {
  const operation = (action: string) => ({
    operationId: `${action}${kind.kind}`,
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk(kind),
    parameters: [
      ...PARAMETERS,
      ...(action === 'patch' ? [{ name: 'force', in: 'query', schema: { type: 'boolean', uniqueItems: true } }] : []),
    ],
    responses: { 200: { description: 'OK', content: { 'application/json': { schema: { $ref: `#/components/schemas/${kind.schema}` } } } } },
  });
  const place = `/${path}${kind.namespaced ? '/namespaces/{namespace}' : ''}/${kind.plural}`;
  if (!kind.stored) return [place, { post: operation('post') }];
  return [`${place}/{name}`, { get: operation('get'), put: operation('put'), patch: operation('patch'), delete: operation('delete') }];
}

function addModel(schemas: Map<string, Document>, model: string): void {
  if (schemas.has(model)) return;
  const schema: Document = { type: 'object' };
  schemas.set(model, schema);
  const fields = fieldsOf(model);
  if (!fields) return;
  schema.properties = Object.fromEntries(
    [...fields].map(([name, type]) => [name, { ...describe(schemas, type), ...listExtensions(model, name, type) }]),
  );
}

function describe(schemas: Map<string, Document>, type: FieldType): Document {
  switch (type.form) {
    case 'object':
      addModel(schemas, type.model!);
      return { allOf: [{ $ref: `#/components/schemas/${type.model}` }], default: {} };
    case 'map':
      return { type: 'object', additionalProperties: describe(schemas, type.of!) };
    case 'list':
      return { type: 'array', items: describe(schemas, type.of!) };
    case 'any':
      return {};
    case 'int-or-string':
      return { oneOf: [{ type: 'integer' }, { type: 'string' }], format: 'int-or-string' };
    case 'number':
      return { type: type.format?.startsWith('int') ? 'integer' : 'number', ...(type.format ? { format: type.format } : {}) };
    default:
      return { type: type.form, ...(type.format ? { format: type.format } : {}) };
  }
}

function listExtensions(model: string, name: string, type: FieldType): Document {
  if (type.form !== 'list') return {};
  const keys = mergeKeys(model, name);
  if (!keys) return { 'x-kubernetes-list-type': 'atomic' };
  if (keys.length === 0) return { 'x-kubernetes-list-type': 'set', 'x-kubernetes-patch-strategy': 'merge' };
  return {
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': keys,
    'x-kubernetes-patch-merge-key': keys[0],
    'x-kubernetes-patch-strategy': 'merge',
  };
}
