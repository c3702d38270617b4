/** `/scale` of Deployments and ReplicaSets: an `autoscaling/v1` Scale that reads and writes `spec.replicas`. */
import { badRequest, invalid } from '../kube-error.ts';
import type { Fields, KubeObject } from '../kube-object.ts';
import type { ResourceKind } from '../resource-kinds.ts';
import { formatLabelSelector } from '../selectors.ts';

export function scaleOf(object: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = object.spec?.replicas ?? 0;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, uid, resourceVersion, creationTimestamp, ...(namespace === undefined ? {} : { namespace }) },
    spec: replicas === 0 ? {} : { replicas },
    status: { replicas: object.status?.replicas ?? 0, selector: formatLabelSelector(object.spec?.selector) },
  };
}

/** The object with the replicas of a written Scale, and its resourceVersion as a precondition. Throws 400 and 422. */
export function withScale(kind: ResourceKind, object: KubeObject, scale: unknown): KubeObject {
  if (typeof scale !== 'object' || scale === null || (scale as Fields).kind !== 'Scale')
    throw badRequest('expected an object of kind Scale');
  const { spec, metadata } = scale as Fields;
  const replicas = spec?.replicas ?? 0;
  if (!Number.isInteger(replicas) || replicas < 0) {
    const message = `Invalid value: ${JSON.stringify(replicas)}: must be greater than or equal to 0`;
    throw invalid({ ...kind, group: 'autoscaling', kind: 'Scale' }, object.metadata.name, [
      { reason: 'FieldValueInvalid', message, field: 'spec.replicas' },
    ]);
  }
  const result = structuredClone(object);
  result.spec = { ...result.spec, replicas };
  result.metadata.resourceVersion = metadata?.resourceVersion ?? '';
  return result;
}
