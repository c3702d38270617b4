/** SelfSubjectAccessReview (`kubectl auth can-i`) and SelfSubjectReview (`kubectl auth whoami`). */
import { KubeError } from '../kube-error.ts';
import type { Fields, KubeObject } from '../kube-object.ts';
import { ACCESS_REVIEWS, type ResourceKind } from '../resource-kinds.ts';
import type { RoleBasedAccess, User } from './role-based-access.ts';

/** The review as sent, with its answer in `status`. */
export function answerReview(kind: ResourceKind, review: KubeObject, user: User, access: RoleBasedAccess): KubeObject {
  if (kind !== ACCESS_REVIEWS) return { ...review, status: { userInfo: { username: user.name, groups: user.groups } } };
  const { resourceAttributes: resource, nonResourceAttributes: path } = (review.spec ?? {}) as {
    resourceAttributes?: Fields;
    nonResourceAttributes?: Fields;
  };
  if (!resource === !path) {
    const message = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    const cause = { reason: 'FieldValueInvalid', message: `Invalid value: null: ${message}`, field: 'spec.resourceAttributes' };
    const text = `.authorization.k8s.io "" is invalid: ${cause.field}: ${cause.message}`;
    throw new KubeError(422, 'Invalid', text, { group: kind.group, causes: [cause] });
  }
  const allowed = resource
    ? access.allows(user, {
        verb: resource.verb ?? '',
        group: resource.group ?? '',
        resource: resource.subresource ? `${resource.resource}/${resource.subresource}` : (resource.resource ?? ''),
        namespace: resource.namespace || undefined,
        name: resource.name || undefined,
      })
    : access.allows(user, { verb: path?.verb ?? '', group: '', resource: '', path: path?.path ?? '' });
  return { ...review, status: { allowed } };
}
