/** DELETE of one object or of a collection, with its options from the body or the query. */
import { badRequest, invalidOption } from '../kube-error.ts';
import type { Fields, KubeObject } from '../kube-object.ts';
import { NAMESPACES, PODS, type ResourceKind, SERVICES } from '../resource-kinds.ts';
import type { DeleteOptions, ObjectApi } from './object-api.ts';

export function deleteOne(
  api: ObjectApi,
  kind: ResourceKind,
  namespace: string | undefined,
  name: string,
  query: URLSearchParams,
  body: unknown,
): { status: number; body: unknown } {
  const { object, gone } = api.delete(kind, namespace, name, readOptions(query, body));
  // Pods and namespaces answer with themselves, as they go slowly, and so do Services; others with a Status.
  if (!gone || kind === PODS || kind === NAMESPACES || kind === SERVICES) return { status: 200, body: object };
  const details = { name, ...(kind.group ? { group: kind.group } : {}), kind: kind.plural, uid: object.metadata.uid };
  return { status: 200, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details } };
}

/** Deletes what the selectors admit; answers the objects as they were. */
export function deleteCollection(
  api: ObjectApi,
  kind: ResourceKind,
  namespace: string | undefined,
  admits: (object: KubeObject) => boolean,
  query: URLSearchParams,
  body: unknown,
): KubeObject[] {
  const options = readOptions(query, body);
  const objects = api.store.list(kind, namespace).filter(admits);
  for (const { metadata } of objects) api.delete(kind, metadata.namespace, metadata.name, options);
  return objects;
}

function readOptions(query: URLSearchParams, body: unknown): DeleteOptions {
  const sent = (body ?? {}) as Fields;
  if (sent.kind !== undefined && sent.kind !== 'DeleteOptions') throw badRequest(`expected DeleteOptions, found ${sent.kind}`);
  const grace = sent.gracePeriodSeconds ?? query.get('gracePeriodSeconds') ?? undefined;
  if (grace !== undefined && !(Number(grace) >= 0)) throw badRequest(`invalid gracePeriodSeconds: ${grace}`);
  const propagationPolicy = sent.propagationPolicy ?? query.get('propagationPolicy') ?? (sent.orphanDependents ? 'Orphan' : undefined);
  if (propagationPolicy && !['Background', 'Foreground', 'Orphan'].includes(propagationPolicy)) {
    const message = `Unsupported value: "${propagationPolicy}": supported values: "Foreground", "Background", "Orphan", "nil"`;
    throw invalidOption('DeleteOptions', 'propagationPolicy', { reason: 'FieldValueNotSupported', message });
  }
  return {
    dryRun: (sent.dryRun ?? query.getAll('dryRun')).includes('All'),
    gracePeriodSeconds: grace === undefined ? undefined : Number(grace),
    propagationPolicy,
    preconditions: sent.preconditions,
  };
}
