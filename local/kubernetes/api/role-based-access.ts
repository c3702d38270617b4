/** RBAC as the API server evaluates it: (Cluster)RoleBindings of the user and the groups, rules of the (Cluster)Roles, nothing else allows. */
import { forbidden, KubeError } from '../kube-error.ts';
import type { Fields, KubeObject } from '../kube-object.ts';
import type { ObjectStore } from '../object-store.ts';
import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, type ResourceKind, ROLE_BINDINGS, ROLES } from '../resource-kinds.ts';

export interface User {
  name: string;
  groups: string[];
  /** Name in the calls log: the session (function) name of the role, `admin`, or `anonymous`. */
  callerName: string;
}

export interface Attributes {
  verb: string;
  group: string;
  /** Plural, with `/subresource` where there is one. */
  resource: string;
  namespace?: string | undefined;
  name?: string | undefined;
  /** For requests outside of resources, e.g. `/version`. */
  path?: string;
}

/** Members may do everything, whatever the roles say. */
const MASTERS = 'system:masters';

export class RoleBasedAccess {
  readonly #store: ObjectStore;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  allows(user: User, wanted: Attributes): boolean {
    if (user.groups.includes(MASTERS)) return true;
    return this.#rulesFor(user, wanted.namespace).some((rule) => covers(rule, wanted));
  }

  /** Refuses a role or binding that would give more than its author has (privilege escalation). */
  checkGrant(user: User, kind: ResourceKind, namespace: string | undefined, object: KubeObject): void {
    if (user.groups.includes(MASTERS)) return;
    const { name } = object.metadata;
    const isRole = kind === ROLES || kind === CLUSTER_ROLES;
    if (!isRole && kind !== ROLE_BINDINGS && kind !== CLUSTER_ROLE_BINDINGS) return;
    const group = 'rbac.authorization.k8s.io';
    const ref = object.roleRef as Fields | undefined;
    const target = isRole
      ? { resource: kind.plural, name }
      : { resource: ref?.kind === 'Role' ? 'roles' : 'clusterroles', name: ref?.name };
    if (this.allows(user, { verb: isRole ? 'escalate' : 'bind', group, namespace, ...target })) return;
    const rules = isRole ? ((object.rules ?? []) as Fields[]) : this.#rulesOf(ref ?? {}, namespace);
    const missing = rules.flatMap(expand).filter((each) => !this.allows(user, { ...each, namespace }));
    if (missing.length === 0) return;
    const list = missing.map((each) => `{APIGroups:["${each.group}"], Resources:["${each.resource}"], Verbs:["${each.verb}"]}`).join('\n');
    throw forbidden(
      kind,
      name,
      `user "${user.name}" (groups=${JSON.stringify(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${list}`,
    );
  }

  #rulesFor(user: User, namespace: string | undefined): Fields[] {
    const cluster = this.#store.list(CLUSTER_ROLE_BINDINGS);
    const local = namespace ? this.#store.list(ROLE_BINDINGS, namespace) : [];
    return [...cluster, ...local]
      .filter((binding) => ((binding.subjects ?? []) as Fields[]).some((subject) => isSubject(user, subject)))
      .flatMap((binding) => this.#rulesOf((binding.roleRef ?? {}) as Fields, binding.metadata.namespace));
  }

  #rulesOf(ref: Fields, namespace: string | undefined): Fields[] {
    const role = ref.kind === 'Role' ? this.#store.get(ROLES, namespace, ref.name) : this.#store.get(CLUSTER_ROLES, undefined, ref.name);
    return (role?.rules ?? []) as Fields[];
  }
}

function isSubject(user: User, subject: Fields): boolean {
  if (subject.kind === 'User') return subject.name === user.name;
  if (subject.kind === 'Group') return user.groups.includes(subject.name);
  return user.name === `system:serviceaccount:${subject.namespace}:${subject.name}`;
}

function covers(rule: Fields, wanted: Attributes): boolean {
  const has = (list: string[] | undefined, value: string) => list?.includes('*') || list?.includes(value) || false;
  if (!has(rule.verbs, wanted.verb)) return false;
  if (wanted.path !== undefined) {
    return ((rule.nonResourceURLs ?? []) as string[]).some(
      (url) => url === wanted.path || (url.endsWith('*') && wanted.path!.startsWith(url.slice(0, -1))),
    );
  }
  if (!has(rule.apiGroups, wanted.group)) return false;
  const subresource = wanted.resource.split('/')[1];
  if (!has(rule.resources, wanted.resource) && !(subresource && rule.resources?.includes(`*/${subresource}`))) return false;
  return !rule.resourceNames?.length || (wanted.name !== undefined && rule.resourceNames.includes(wanted.name));
}

function expand(rule: Fields): Attributes[] {
  const verbs = (rule.verbs ?? []) as string[];
  const paths = verbs.flatMap((verb) =>
    ((rule.nonResourceURLs ?? []) as string[]).map((path) => ({ verb, group: '', resource: '', path })),
  );
  const names = (rule.resourceNames?.length ? rule.resourceNames : [undefined]) as (string | undefined)[];
  const resources = verbs.flatMap((verb) =>
    ((rule.apiGroups ?? []) as string[]).flatMap((group) =>
      ((rule.resources ?? []) as string[]).flatMap((resource) => names.map((name) => ({ verb, group, resource, name }))),
    ),
  );
  return [...paths, ...resources];
}

/** `deployments.apps "x" is forbidden: User "u" cannot get resource "deployments" in API group "apps" in the namespace "prod"`. */
export function denial(user: User, kind: ResourceKind, wanted: Attributes): KubeError {
  const where = wanted.namespace ? `in the namespace "${wanted.namespace}"` : 'at the cluster scope';
  return forbidden(
    kind,
    wanted.name ?? '',
    `User "${user.name}" cannot ${wanted.verb} resource "${wanted.resource}" in API group "${wanted.group}" ${where}`,
  );
}

export function pathDenial(user: User, verb: string, path: string): KubeError {
  return new KubeError(403, 'Forbidden', `forbidden: User "${user.name}" cannot ${verb} path "${path}"`, {});
}
