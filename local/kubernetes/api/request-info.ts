/** What a request asks of which resource, read from method and path as the API server does. */
import { findResource, type ResourceKind } from '../resource-kinds.ts';

export interface ResourceRequestInfo {
  resource: ResourceKind;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
  verb: string;
}

/** The resource request of a path such as `/apis/apps/v1/namespaces/prod/deployments/x/scale`; undefined for other paths and unknown resources. */
export function readRequest(method: string, path: string, query: URLSearchParams): ResourceRequestInfo | undefined {
  let parts: string[];
  try {
    parts = path.split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    return undefined;
  }
  const [root, ...after] = parts;
  if (root !== 'api' && root !== 'apis') return undefined;
  const group = root === 'api' ? '' : after.shift();
  const version = after.shift();
  if (group === undefined || version === undefined || after.length === 0) return undefined;
  // The old form of a watch: `/api/v1/watch/…`.
  const oldWatch = after[0] === 'watch';
  if (oldWatch) after.shift();
  let namespace: string | undefined;
  // `/namespaces/x` and `/namespaces/x/status` are the namespace itself.
  if (after[0] === 'namespaces' && after.length > 2 && after[2] !== 'status') [, namespace] = after.splice(0, 2);
  const [plural, name, subresource, ...rest] = after;
  const resource = plural === undefined ? undefined : findResource(group, version, plural);
  if (!resource || rest.length > 0) return undefined;
  if (!resource.namespaced && namespace !== undefined) return undefined;
  if (resource.namespaced && namespace === undefined && (name !== undefined || method === 'POST')) return undefined;
  const watching = oldWatch || ['true', '1'].includes(query.get('watch') ?? '');
  return { resource, namespace, name, subresource, verb: verbOf(method, name, watching) };
}

function verbOf(method: string, name: string | undefined, watching: boolean): string {
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (watching) return 'watch';
      return name === undefined ? 'list' : 'get';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return name === undefined ? 'deletecollection' : 'delete';
    default:
      return method.toLowerCase();
  }
}
