/** Who owns which fields: a plain write takes the fields that it changes; `server-side-apply.ts` takes those that it names. */
import { type KubeObject, kubeTime, type ManagedFieldsEntry, sameJson } from '../kube-object.ts';
import { groupVersion, type ResourceKind } from '../resource-kinds.ts';
import { type FieldPath, fromFieldsV1, leavesOf, toFieldsV1 } from './field-paths.ts';

export interface Owner {
  entry: Omit<ManagedFieldsEntry, 'fieldsV1'>;
  paths: Set<FieldPath>;
}

export function ownersOf(object: KubeObject | undefined): Owner[] {
  return (object?.metadata.managedFields ?? []).map(({ fieldsV1, ...entry }) => ({ entry, paths: fromFieldsV1(fieldsV1) }));
}

/** Writes the owners into the object's managedFields; those that own nothing are left out. */
export function setOwners(object: KubeObject, owners: Owner[]): void {
  const entries = owners.filter((owner) => owner.paths.size > 0).map(({ entry, paths }) => ({ ...entry, fieldsV1: toFieldsV1(paths) }));
  if (entries.length > 0) object.metadata.managedFields = entries;
  else delete object.metadata.managedFields;
}

/** The entry of a manager, made where there is none. */
export function ownerFor(
  owners: Owner[],
  kind: ResourceKind,
  manager: string,
  operation: 'Apply' | 'Update',
  now: number,
  subresource?: string,
): Owner {
  const found = owners.find(({ entry }) => entry.manager === manager && entry.operation === operation && entry.subresource === subresource);
  if (found) return found;
  const entry = { manager, operation, apiVersion: groupVersion(kind), time: kubeTime(now), fieldsType: 'FieldsV1' as const };
  const owner: Owner = { entry: subresource ? { ...entry, subresource } : entry, paths: new Set() };
  owners.push(owner);
  return owner;
}

/** Moves the fields that a create, update or patch has changed to its manager, in place. */
export function recordOwnership(
  kind: ResourceKind,
  object: KubeObject,
  before: KubeObject | undefined,
  options: { manager?: string; subresource?: 'status' | 'scale' },
  now: number,
): void {
  const part = options.subresource === 'status' ? 'status' : 'spec';
  const after = leavesOf(kind.schema, object, part);
  const earlier = before ? leavesOf(kind.schema, before, part) : new Map<FieldPath, unknown>();
  const changed = [...after].filter(([path, value]) => !earlier.has(path) || !sameJson(earlier.get(path), value)).map(([path]) => path);
  const removed = [...earlier.keys()].filter((path) => !after.has(path));
  if (changed.length === 0 && removed.length === 0) return;
  const owners = ownersOf(before);
  const owner = ownerFor(owners, kind, options.manager!, 'Update', now, options.subresource);
  for (const other of owners) {
    for (const path of removed) other.paths.delete(path);
    if (other !== owner) for (const path of changed) other.paths.delete(path);
  }
  for (const path of changed) owner.paths.add(path);
  owner.entry.time = kubeTime(now);
  setOwners(object, owners);
}
