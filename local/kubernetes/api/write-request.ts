/** POST, PUT and PATCH of objects: decoding, the four patch types, status and scale. */
import { badRequest, invalid, invalidOption, invalidPatch, KubeError, notFound } from '../kube-error.ts';
import type { Fields, KubeObject } from '../kube-object.ts';
import type { ResourceKind } from '../resource-kinds.ts';
import { decodeObject, type FieldValidation } from './decode-object.ts';
import { applyJsonPatch, applyMergePatch } from './json-patch.ts';
import type { ObjectApi, WriteOptions } from './object-api.ts';
import { parseBody, type RequestBody } from './request-body.ts';
import type { ResourceRequestInfo } from './request-info.ts';
import type { RoleBasedAccess, User } from './role-based-access.ts';
import { scaleOf, withScale } from './scale-subresource.ts';
import { applyServerSide } from './server-side-apply.ts';
import { applyStrategicMerge } from './strategic-merge.ts';

export interface WriteContext {
  api: ObjectApi;
  access: RoleBasedAccess;
  user: User;
  info: ResourceRequestInfo;
  query: URLSearchParams;
  body: RequestBody;
  userAgent: string;
}

export interface Written {
  object: KubeObject;
  created: boolean;
  warnings: string[];
}

const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

/** Custom resources have no struct tags that a strategic merge could follow. */
const CUSTOM_PATCH_TYPES = PATCH_TYPES.filter((type) => !type.includes('strategic'));

/** Creates, replaces or patches. Every error is a `KubeError`. */
export function write(context: WriteContext): Written {
  const { info } = context;
  if (info.verb === 'create') return create(context);
  const before = context.api.store.get(info.resource, info.namespace, info.name!);
  if (info.subresource === 'scale') return writeScale(context, before);
  if (info.verb === 'update') {
    if (!before) throw notFound(info.resource, info.name!);
    const decoded = decode(context, parseBody(context.body));
    if (info.resource.custom && !decoded.object.metadata.resourceVersion) throw withoutVersion(info.resource, info.name!);
    return save(context, decoded);
  }
  return patch(context, before);
}

function create(context: WriteContext): Written {
  const { api, info, access, user } = context;
  const { object, warnings } = decode(context, parseBody(context.body));
  checkNamespace(info, object);
  access.checkGrant(user, info.resource, info.namespace, object);
  return { object: api.create(info.resource, info.namespace, object, options(context)), created: true, warnings };
}

function patch(context: WriteContext, before: KubeObject | undefined): Written {
  const { info, body } = context;
  if (body.contentType === 'application/apply-patch+yaml') return apply(context, before);
  if (!before) throw notFound(info.resource, info.name!);
  if (info.resource.custom && body.contentType === 'application/strategic-merge-patch+json') throw unsupportedPatch(CUSTOM_PATCH_TYPES);
  const patched = patchValue(info.resource.schema, before, body);
  const decoded = decodePatched(context, patched);
  const { uid } = decoded.object.metadata;
  if (uid !== before.metadata.uid) {
    const cause = {
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(uid)}: field is immutable`,
      field: 'metadata.uid',
    };
    throw invalid(info.resource, info.name!, [cause, cause]);
  }
  return save(context, decoded);
}

/** What a patch makes unreadable is the patch's fault: 422, where the same in a whole object is 400. */
function decodePatched(context: WriteContext, patched: unknown): { object: KubeObject; warnings: string[] } {
  try {
    return decode(context, patched);
  } catch (error) {
    if (!(error instanceof KubeError) || error.reason !== 'BadRequest') throw error;
    throw invalidPatch(patched, error.message.replace(/^.*? cannot be handled as a \w+: /, ''));
  }
}

/** Custom resources are replaced under the version that was read, always. */
function withoutVersion(kind: ResourceKind, name: string): KubeError {
  const cause = {
    reason: 'FieldValueInvalid',
    message: 'Invalid value: 0: must be specified for an update',
    field: 'metadata.resourceVersion',
  };
  const { message, details } = invalid(kind, name, [cause]);
  return new KubeError(422, 'Invalid', message, { ...details, kind: kind.plural });
}

function patchValue(model: string, before: KubeObject, body: RequestBody): unknown {
  const value = parseBody({ ...body, contentType: PATCH_TYPES.includes(body.contentType) ? 'application/json' : body.contentType }, [
    'application/json',
  ]);
  switch (body.contentType) {
    case 'application/json-patch+json':
      return applyJsonPatch(before, value);
    case 'application/merge-patch+json':
      if (!isObject(value)) throw badRequest('error decoding patch: expected an object');
      return applyMergePatch(before, value);
    case 'application/strategic-merge-patch+json':
      if (!isObject(value)) throw badRequest('error decoding patch: expected an object');
      return applyStrategicMerge(model, before, value);
    default:
      throw unsupportedPatch(PATCH_TYPES, {});
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function apply(context: WriteContext, before: KubeObject | undefined): Written {
  const { api, info, query, body, access, user } = context;
  const manager = query.get('fieldManager');
  if (!manager) {
    throw invalidOption('PatchOptions', 'fieldManager', {
      reason: 'FieldValueRequired',
      message: 'Required value: is required for apply patch',
    });
  }
  const { object: config, warnings } = decode(context, parseBody({ ...body, contentType: 'application/yaml' }));
  if (config.metadata.managedFields?.length) throw badRequest('metadata.managedFields must be nil');
  config.metadata.name ??= info.name!;
  checkNamed(info, config);
  checkNamespace(info, config);
  const status = info.subresource === 'status' ? { subresource: 'status' as const } : {};
  const merged = applyServerSide(info.resource, before, config, {
    manager,
    force: query.get('force') === 'true',
    now: api.clock.now(),
    ...status,
  });
  const settled = { ...options(context), ownersSettled: true };
  access.checkGrant(user, info.resource, info.namespace, merged);
  if (before) return { object: api.update(info.resource, info.namespace, info.name!, merged, settled), created: false, warnings };
  if (info.subresource) throw notFound(info.resource, info.name!);
  return { object: api.create(info.resource, info.namespace, merged, settled), created: true, warnings };
}

function save(context: WriteContext, { object, warnings }: { object: KubeObject; warnings: string[] }): Written {
  const { api, info, access, user } = context;
  checkNamed(info, object);
  checkNamespace(info, object);
  access.checkGrant(user, info.resource, info.namespace, object);
  return { object: api.update(info.resource, info.namespace, info.name!, object, options(context)), created: false, warnings };
}

function writeScale(context: WriteContext, before: KubeObject | undefined): Written {
  const { api, info, body } = context;
  if (!before) throw notFound(info.resource, info.name!);
  if (body.contentType === 'application/apply-patch+yaml') throw unsupportedPatch(PATCH_TYPES, {});
  const current = scaleOf(before);
  const scale = info.verb === 'patch' ? patchValue('V1Scale', current, body) : parseBody(body);
  const object = api.update(info.resource, info.namespace, info.name!, withScale(info.resource, before, scale), options(context));
  return { object: scaleOf(object), created: false, warnings: [] };
}

function decode(context: WriteContext, value: unknown): { object: KubeObject; warnings: string[] } {
  const asked = context.query.get('fieldValidation') || 'Warn';
  if (!['Strict', 'Warn', 'Ignore'].includes(asked)) {
    const message = `Unsupported value: "${asked}": supported values: "", "Ignore", "Strict", "Warn"`;
    throw invalidOption(optionsOf(context.info), 'fieldValidation', { reason: 'FieldValueNotSupported', message });
  }
  return decodeObject(context.info.resource, value, asked as FieldValidation);
}

function checkNamed(info: ResourceRequestInfo, { metadata }: KubeObject): void {
  if (metadata.name === info.name) return;
  throw badRequest(`the name of the object (${metadata.name ?? ''}) does not match the name on the URL (${info.name})`);
}

function checkNamespace({ resource, namespace }: ResourceRequestInfo, object: KubeObject): void {
  const named = object.metadata.namespace;
  if (resource.namespaced && named && named !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
}

function options({ query, userAgent, info }: WriteContext): WriteOptions {
  const dryRun = query.get('dryRun');
  if (dryRun && dryRun !== 'All') {
    const message = `Unsupported value: ["${dryRun}"]: supported values: "All"`;
    throw invalidOption(optionsOf(info), 'dryRun', { reason: 'FieldValueNotSupported', message });
  }
  const subresource = info.subresource as WriteOptions['subresource'];
  return {
    dryRun: dryRun === 'All',
    manager: query.get('fieldManager') || userAgent.split('/')[0] || 'unknown',
    ...(subresource ? { subresource } : {}),
  };
}

function optionsOf({ verb }: ResourceRequestInfo): string {
  return { create: 'CreateOptions', update: 'UpdateOptions' }[verb] ?? 'PatchOptions';
}

function unsupportedPatch(types: readonly string[], details?: Record<string, unknown>): KubeError {
  const list = types.join(', ');
  return new KubeError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${list}`,
    details,
  );
}
