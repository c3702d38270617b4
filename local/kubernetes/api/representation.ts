/** How the client wants objects: as they are, as a `Table`, or their metadata alone; and JSON or YAML. */
import type { KubeObject } from '../kube-object.ts';
import type { ResourceKind } from '../resource-kinds.ts';
import { type ListMeta, listBody } from './list-page.ts';
import { partial, toTable } from './table.ts';

export interface Represent {
  one(object: KubeObject): unknown;
  list(items: KubeObject[], metadata: ListMeta): unknown;
  /** The object of a watch event; `first` is true for the first of the stream. */
  event(object: KubeObject, first: boolean): unknown;
}

const META_TYPES =
  /;as=(Table|PartialObjectMetadata(List)?);v=v1;g=meta\.k8s\.io|;v=v1;g=meta\.k8s\.io;as=(Table|PartialObjectMetadata(List)?)/;

/** Reads `Accept`: the first form in the client's order that is served. */
export function representation(kind: ResourceKind, accept: string | undefined, query: URLSearchParams, now: () => number): Represent {
  const forms = (accept ?? '').split(',').map((form) => form.replaceAll(' ', ''));
  const wanted = forms.find((form) => form.startsWith('application/json') || form === '*/*' || form === 'application/*') ?? '';
  const parts = META_TYPES.exec(`;${wanted.split(';').slice(1).join(';')}`);
  const form = parts?.[1] ?? parts?.[3];
  if (form === 'Table') {
    const include = query.get('includeObject') ?? 'Metadata';
    return {
      one: (object) => toTable(kind, [object], { now: now(), include, listMeta: { resourceVersion: object.metadata.resourceVersion } }),
      list: (items, listMeta) => toTable(kind, items, { now: now(), include, listMeta }),
      event: (object, first) =>
        toTable(kind, [object], { now: now(), include, listMeta: { resourceVersion: object.metadata.resourceVersion }, columns: first }),
    };
  }
  if (form) {
    return {
      one: partial,
      list: (items, metadata) => ({ kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata, items: items.map(partial) }),
      event: partial,
    };
  }
  return { one: (object) => object, list: (items, metadata) => listBody(kind, items, metadata), event: (object) => object };
}
