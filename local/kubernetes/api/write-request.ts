/** POST, PUT and PATCH of objects: decoding, the four patch types, status and scale. */
import { badRequest, KubeError, notFound } from '../kube-error.ts';
import type { Fields, KubeObject } from '../kube-object.ts';
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
    return save(context, decode(context, parseBody(context.body)));
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
  return save(context, decode(context, patched));
}

function patchValue(model: string, before: KubeObject, body: RequestBody): unknown {
  const value = parseBody({ ...body, contentType: PATCH_TYPES.includes(body.contentType) ? 'application/json' : body.contentType }, [
    'application/json',
  ]);
  switch (body.contentType) {
    case 'application/json-patch+json':
      return applyJsonPatch(before, value);
    case 'application/merge-patch+json':
      return applyMergePatch(before, value);
    case 'application/strategic-merge-patch+json':
      if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badRequest('error decoding patch: expected an object');
      return applyStrategicMerge(model, before, value as Fields);
    default:
      throw unsupportedPatch();
  }
}

function apply(context: WriteContext, before: KubeObject | undefined): Written {
  const { api, info, query, body, access, user } = context;
  const manager = query.get('fieldManager');
  if (!manager) {
    throw new KubeError(
      422,
      'Invalid',
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      {},
    );
  }
  const { object: config, warnings } = decode(context, parseBody({ ...body, contentType: 'application/yaml' }));
  if (config.metadata.managedFields?.length) throw badRequest('metadata.managedFields must be nil');
  config.metadata.name ??= info.name!;
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
  if (object.metadata.name !== info.name) {
    throw badRequest(`the name of the object (${object.metadata.name ?? ''}) does not match the name on the URL (${info.name})`);
  }
  checkNamespace(info, object);
  access.checkGrant(user, info.resource, info.namespace, object);
  return { object: api.update(info.resource, info.namespace, info.name!, object, options(context)), created: false, warnings };
}

function writeScale(context: WriteContext, before: KubeObject | undefined): Written {
  const { api, info, body } = context;
  if (!before) throw notFound(info.resource, info.name!);
  if (body.contentType === 'application/apply-patch+yaml') throw unsupportedPatch();
  const current = scaleOf(before);
  const scale = info.verb === 'patch' ? patchValue('V1Scale', current, body) : parseBody(body);
  const object = api.update(info.resource, info.namespace, info.name!, withScale(info.resource, before, scale), options(context));
  return { object: scaleOf(object), created: false, warnings: [] };
}

function decode(context: WriteContext, value: unknown): { object: KubeObject; warnings: string[] } {
  const asked = context.query.get('fieldValidation') || 'Warn';
  if (!['Strict', 'Warn', 'Ignore'].includes(asked)) throw badRequest(`invalid fieldValidation: ${asked}`);
  return decodeObject(context.info.resource, value, asked as FieldValidation);
}

function checkNamespace({ resource, namespace }: ResourceRequestInfo, object: KubeObject): void {
  const named = object.metadata.namespace;
  if (resource.namespaced && named && named !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
}

function options({ query, userAgent, info }: WriteContext): WriteOptions {
  const dryRun = query.get('dryRun');
  if (dryRun && dryRun !== 'All') throw badRequest(`Invalid value: "${dryRun}": supported values: "All"`);
  const subresource = info.subresource as WriteOptions['subresource'];
  return {
    dryRun: dryRun === 'All',
    manager: query.get('fieldManager') || userAgent.split('/')[0] || 'unknown',
    ...(subresource ? { subresource } : {}),
  };
}

function unsupportedPatch(types = PATCH_TYPES): KubeError {
  const list = types.join(', ');
  return new KubeError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${list}`,
  );
}
