/**
 * Server-side apply (`application/apply-patch+yaml`): merges by the schema's list keys, refuses to take fields of other managers without `force`,
 * and removes what this manager applied earlier and no longer names, unless another manager owns it too.
 * Simpler than the real one: there is one API version per kind, so no owner is converted; defaults are owned by nobody.
 */
import { KubeError } from '../kube-error.ts';
import { type KubeObject, kubeTime, sameJson } from '../kube-object.ts';
import type { ResourceKind } from '../resource-kinds.ts';
import { ownerFor, ownersOf, setOwners } from './field-ownership.ts';
import { type FieldPath, isBelow, itemSegment, leavesOf, readablePath, segmentsOf } from './field-paths.ts';
import { mergeByKeys } from './merge-by-keys.ts';

export interface ApplyOptions {
  manager: string;
  force: boolean;
  now: number;
  subresource?: 'status';
}

/** The object after the apply, with its owners. `live` is undefined for a creation. Throws 409 with one cause per conflicting field. */
export function applyServerSide(kind: ResourceKind, live: KubeObject | undefined, config: KubeObject, options: ApplyOptions): KubeObject {
  const part = options.subresource ?? 'spec';
  const wanted = leavesOf(kind.schema, config, part);
  const present = live ? leavesOf(kind.schema, live, part) : new Map<FieldPath, unknown>();
  const owners = ownersOf(live);
  const mine = ownerFor(owners, kind, options.manager, 'Apply', options.now, options.subresource);
  const contested = [...wanted].filter(([path, value]) => !sameJson(present.get(path), value)).map(([path]) => path);
  const others = owners.filter((owner) => owner !== mine);
  const conflicts = contested.flatMap((path) => others.filter((other) => other.paths.has(path)).map((other) => ({ path, other })));
  if (conflicts.length > 0 && !options.force)
    throw applyConflict(conflicts.map(({ path, other }) => ({ path, manager: describe(other.entry) })));
  for (const { path, other } of conflicts) other.paths.delete(path);

  const merged = mergeByKeys(kind.schema, live ?? {}, config) as unknown as KubeObject;
  merged.metadata = { ...merged.metadata };
  for (const path of dropped(mine.paths, wanted)) {
    const heldByOther = others.some((other) => other.paths.has(path) || [...other.paths].some((held) => isBelow(held, path)));
    if (!heldByOther) removeAt(merged as unknown as Record<string, unknown>, segmentsOf(path));
  }
  const unchanged = sameJson([...mine.paths].sort(), [...wanted.keys()].sort());
  mine.paths = new Set(wanted.keys());
  if (!unchanged) mine.entry.time = kubeTime(options.now);
  setOwners(merged, owners);
  return merged;
}

function dropped(earlier: Set<FieldPath>, wanted: Map<FieldPath, unknown>): FieldPath[] {
  // A container that became a parent of named fields is not dropped; deepest first, so that emptied parents can go.
  const paths = [...earlier].filter((path) => !wanted.has(path) && ![...wanted.keys()].some((other) => isBelow(other, path)));
  return paths.sort((a, b) => segmentsOf(b).length - segmentsOf(a).length);
}

function removeAt(node: unknown, [segment, ...rest]: string[]): void {
  if (typeof node !== 'object' || node === null || segment === undefined) return;
  if (Array.isArray(node)) {
    const index = node.findIndex((item) => matches(item, segment));
    if (index < 0) return;
    if (rest.length === 0) node.splice(index, 1);
    else removeAt(node[index], rest);
    return;
  }
  const fields = node as Record<string, unknown>;
  const name = segment.slice(2);
  if (rest.length === 0) {
    delete fields[name];
    return;
  }
  const child = fields[name];
  removeAt(child, rest);
  if (typeof child === 'object' && child !== null && Object.keys(child).length === 0 && name !== 'metadata' && name !== 'spec')
    delete fields[name];
}

function matches(item: unknown, segment: string): boolean {
  if (segment.startsWith('v:')) return itemSegment(item, []) === segment;
  const keys = Object.keys(JSON.parse(segment.slice(2)) as object);
  return itemSegment(item, keys) === segment;
}

function describe(entry: { manager: string; operation: string; apiVersion: string; subresource?: string }): string {
  const details = entry.operation === 'Update' ? ` using ${entry.apiVersion}` : '';
  return `conflict with "${entry.manager}"${entry.subresource ? ` with subresource "${entry.subresource}"` : ''}${details}`;
}

function applyConflict(conflicts: { path: FieldPath; manager: string }[]): KubeError {
  const named = conflicts.map(({ path, manager }) => `${manager}: ${readablePath(path)}`);
  const count = conflicts.length === 1 ? '1 conflict' : `${conflicts.length} conflicts`;
  return new KubeError(409, 'Conflict', `Apply failed with ${count}: ${named.join('\n')}`, {
    causes: conflicts.map(({ path, manager }) => ({ reason: 'FieldManagerConflict', message: manager, field: readablePath(path) })),
  });
}
