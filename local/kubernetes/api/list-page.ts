/** Lists with selectors and pages. A page continues after the last key in the present state: it is not a snapshot of the first page's time. */
import { badRequest, expired } from '../kube-error.ts';
import type { KubeObject } from '../kube-object.ts';
import type { ObjectStore } from '../object-store.ts';
import { groupVersion, type ResourceKind } from '../resource-kinds.ts';
import { parseFieldSelector, parseLabelSelector } from '../selectors.ts';

export interface ListMeta {
  resourceVersion: string;
  continue?: string;
  remainingItemCount?: number;
}

/** True for objects that the query's selectors (and the name of a single-object watch) admit. */
export function filterOf(kind: ResourceKind, query: URLSearchParams, name?: string): (object: KubeObject) => boolean {
  const labels = parseLabelSelector(query.get('labelSelector') ?? '');
  const fields = parseFieldSelector(kind, query.get('fieldSelector') ?? '');
  return (object) => (name === undefined || object.metadata.name === name) && labels(object.metadata.labels) && fields(object);
}

export function listPage(
  store: ObjectStore,
  kind: ResourceKind,
  namespace: string | undefined,
  query: URLSearchParams,
): { items: KubeObject[]; metadata: ListMeta } {
  // A limit below one is none.
  const limit = Number(query.get('limit')?.replace(/^-\d+$/, '0') || 0);
  if (!Number.isInteger(limit)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(query.get('limit'))}: invalid syntax`);
  wholeNumber(query, 'resourceVersion');
  const token = query.get('continue');
  const from = token ? readToken(token) : undefined;
  // A token outlives neither the history nor a restart, as one of a real server outlives compaction.
  if (from && store.since(kind, from.version) === undefined) {
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.',
    );
  }
  const all = store.list(kind, namespace).filter(filterOf(kind, query));
  const rest = from ? all.filter((object) => position(object) > from.after) : all;
  const items = limit > 0 ? rest.slice(0, limit) : rest;
  const version = from?.version ?? store.version;
  const metadata: ListMeta = { resourceVersion: String(version) };
  if (items.length < rest.length) {
    metadata.continue = Buffer.from(JSON.stringify({ version, after: position(items.at(-1)!) })).toString('base64url');
    if (!query.get('labelSelector') && !query.get('fieldSelector')) metadata.remainingItemCount = rest.length - items.length;
  }
  return { items, metadata };
}

/** The `…List` body. Items carry no kind of their own, as from a real API server. */
export function listBody(kind: ResourceKind, items: KubeObject[], metadata: ListMeta): unknown {
  const bare = items.map(({ apiVersion: _, kind: __, ...rest }) => rest);
  return { kind: `${kind.kind}List`, apiVersion: groupVersion(kind), metadata, items: bare };
}

/** A non-negative whole number of the query, 0 when absent. Throws 400. */
export function wholeNumber(query: URLSearchParams, name: string): number {
  const text = query.get(name);
  if (!text) return 0;
  if (!/^\d+$/.test(text)) throw badRequest(`invalid ${name}: ${JSON.stringify(text)} is not a whole number`);
  return Number(text);
}

function position(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

function readToken(token: string): { version: number; after: string } {
  try {
    const { version, after } = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as { version: unknown; after: unknown };
    if (typeof version === 'number' && typeof after === 'string') return { version, after };
  } catch {
    // Refused below.
  }
  throw badRequest('continue key is not valid');
}
