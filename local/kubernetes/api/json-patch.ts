/** JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7386). */
import { KubeError } from '../kube-error.ts';
import { sameJson } from '../kube-object.ts';

interface Operation {
  op: string;
  path: string;
  from?: string;
  value?: unknown;
}

const UNSAFE = new Set(['__proto__', 'constructor', 'prototype']);

/** Applies the operations to a copy. Throws 422 where one does not apply, as the API server does. */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch))
    throw new KubeError(400, 'BadRequest', 'error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch');
  let result: unknown = structuredClone(document);
  for (const operation of patch as Operation[]) result = applyOperation(result, operation);
  return result;
}

function applyOperation(root: unknown, operation: Operation): unknown {
  const { op, path } = operation;
  const at = pointer(path);
  switch (op) {
    case 'add':
      return put(root, at, structuredClone(operation.value), 'add');
    case 'replace':
      // A member that is not there is added, as by the library of the real server; an item of a list must be there.
      if (Array.isArray(at.length > 0 ? parentOf(root, at) : undefined)) read(root, at);
      return put(root, at, structuredClone(operation.value), 'replace');
    case 'remove':
      read(root, at);
      return remove(root, at);
    case 'move': {
      const value = read(root, pointer(operation.from));
      return put(remove(root, pointer(operation.from)), at, value, 'add');
    }
    case 'copy':
      return put(root, at, structuredClone(read(root, pointer(operation.from))), 'add');
    case 'test':
      if (!sameJson(read(root, at), operation.value)) throw failed();
      return root;
    default:
      throw failed();
  }
}

function pointer(path: string | undefined): string[] {
  if (path === undefined || (path !== '' && !path.startsWith('/'))) throw failed();
  const segments = path
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
  // The path comes from the client: it must not reach a prototype.
  if (segments.some((segment) => UNSAFE.has(segment))) throw failed();
  return segments;
}

function read(root: unknown, path: string[]): unknown {
  let at: unknown = root;
  for (const segment of path) {
    const holds = typeof at === 'object' && at !== null && Object.hasOwn(at, segment);
    if (!holds) throw failed();
    at = (at as Record<string, unknown>)[segment];
  }
  return at;
}

function parentOf(root: unknown, path: string[]): Record<string, unknown> | unknown[] {
  const parent = read(root, path.slice(0, -1));
  if (typeof parent !== 'object' || parent === null) throw failed();
  return parent as Record<string, unknown> | unknown[];
}

function put(root: unknown, path: string[], value: unknown, mode: 'add' | 'replace'): unknown {
  if (path.length === 0) return value;
  const parent = parentOf(root, path);
  const last = path.at(-1)!;
  if (!Array.isArray(parent)) {
    parent[last] = value;
    return root;
  }
  const index = last === '-' ? parent.length : Number(last);
  if (!Number.isInteger(index) || index < 0 || index > parent.length) throw failed();
  parent.splice(index, mode === 'replace' ? 1 : 0, value);
  return root;
}

function remove(root: unknown, path: string[]): unknown {
  if (path.length === 0) return null;
  const parent = parentOf(root, path);
  if (Array.isArray(parent)) parent.splice(Number(path.at(-1)), 1);
  else delete parent[path.at(-1)!];
  return root;
}

/** The real server does not say which operation it was. */
function failed(): KubeError {
  return new KubeError(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
}

/** The document with the merge patch applied; null removes. */
export function applyMergePatch(document: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return structuredClone(patch);
  const base = typeof document === 'object' && document !== null && !Array.isArray(document) ? (document as Record<string, unknown>) : {};
  const entries = new Map(Object.entries(structuredClone(base)));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) entries.delete(name);
    else if (!UNSAFE.has(name)) entries.set(name, applyMergePatch(base[name], value));
  }
  return Object.fromEntries(entries);
}
