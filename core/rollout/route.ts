/**
 * Weights of a Gateway API `HTTPRoute` (`gateway.networking.k8s.io/v1`): what the rollout reads and writes of it. Only weights and our annotations are
 * ever changed; everything else of the route stays as it was read.
 */
import { Fault } from '../errors.ts';
import { type Holder, notesOf } from './deployment-change.ts';
import type { ObjectMeta } from './workload.ts';

export interface BackendRef {
  name: string;
  kind?: string;
  namespace?: string;
  /** The API's default is 1. */
  weight?: number;
}

interface RouteRule {
  backendRefs?: BackendRef[];
}

interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  observedGeneration?: number;
}

export interface ParentRef {
  name: string;
  kind?: string;
  namespace?: string;
  sectionName?: string;
  port?: number;
}

export interface HttpRoute {
  kind?: string;
  metadata: ObjectMeta;
  spec: { parentRefs?: ParentRef[]; hostnames?: string[]; rules?: RouteRule[] };
  status?: { parents?: { controllerName?: string; conditions?: Condition[] }[] };
}

export interface Gateway {
  metadata: ObjectMeta;
  spec: { listeners?: { name: string; port: number; protocol: string }[] };
  status?: { addresses?: { type?: string; value: string }[] };
}

/** Which route splits the traffic, between which Services. */
export interface RouteSplit {
  route: string;
  stable: string;
  canary: string;
}

/** Names that are not written follow the workload's, as those of its Deployments do. */
export function routeSplitOf({ name, gateway = {} }: { name: string; gateway?: Partial<RouteSplit> }): RouteSplit {
  return { route: name, stable: `${name}-stable`, canary: `${name}-canary`, ...gateway };
}

/** JSON merge patch: custom resources take no strategic one, and a merge patch replaces lists as a whole, so it holds all rules. */
export interface RoutePatch {
  metadata: { resourceVersion: string; annotations: Record<string, string> };
  spec: { rules: RouteRule[] };
}

export type RouteDecision = { kind: 'is-so' } | { kind: 'patch'; patch: RoutePatch };

/**
 * What to write so that `canaryWeight` percent of the requests go to the canary's Service. Throws as `decideDeployment` does, and CLUSTER_REFUSED
 * when the route does not split between the two Services.
 */
export function decideRoute(route: HttpRoute, split: RouteSplit, canaryWeight: number, holder: Holder, back = false): RouteDecision {
  const named: HttpRoute = { ...route, kind: 'HTTPRoute' };
  const weights = { [split.stable]: 100 - canaryWeight, [split.canary]: canaryWeight };
  const splitting = new Set(splittingRules(route, split));
  const rules = (route.spec.rules ?? []).map((rule) =>
    splitting.has(rule) ? { ...rule, backendRefs: rule.backendRefs!.map((ref) => ({ ...ref, weight: weights[ref.name] ?? 0 })) } : rule,
  );
  const isSo = canaryShare(route, split) === canaryWeight;
  const annotations = notesOf(named, { isSo, counts: !isSo }, holder, back);
  if (annotations === undefined) return { kind: 'is-so' };
  return {
    kind: 'patch',
    patch: {
      metadata: { resourceVersion: route.metadata.resourceVersion, annotations },
      // An equal share may be spelled otherwise (9 and 1): a write that only claims the route leaves it, or it would count up the generation.
      spec: { rules: isSo ? (route.spec.rules ?? []) : rules },
    },
  };
}

/** Share of the requests in percent (one decimal) that the route sends to the canary: of the rule that sends the most there. */
export function canaryShare(route: HttpRoute, split: RouteSplit): number {
  const shares = splittingRules(route, split).map(({ backendRefs }) => {
    const all = backendRefs!.reduce((sum, { weight = 1 }) => sum + weight, 0);
    const canary = backendRefs!.reduce((sum, { name, weight = 1 }) => sum + (name === split.canary ? weight : 0), 0);
    return all === 0 ? Number.NaN : Math.round((canary / all) * 1000) / 10;
  });
  // Rules that differ are in nobody's wanted state: NaN equals no weight, so all of them are written; so are rules that send nowhere.
  return shares.every((share) => share === shares[0]) ? shares[0]! : Number.NaN;
}

/** Why the Gateways do not serve this generation of the route yet; undefined when all of them do. */
export function notAccepted({ metadata, status }: HttpRoute): string | undefined {
  const parents = status?.parents ?? [];
  if (parents.length === 0) return `no Gateway has taken HTTPRoute ${metadata.name}`;
  for (const { controllerName = 'a controller', conditions = [] } of parents) {
    for (const type of ['Accepted', 'ResolvedRefs']) {
      const found = conditions.find((condition) => condition.type === type);
      if (found === undefined || (found.observedGeneration ?? 0) < (metadata.generation ?? 0))
        return `${controllerName} has not looked at HTTPRoute ${metadata.name} since it was changed`;
      if (found.status !== 'True') return `${controllerName} says ${type} ${found.status} of HTTPRoute ${metadata.name}: ${found.reason}`;
    }
  }
  return undefined;
}

/** Throws CLUSTER_REFUSED when the route cannot carry weights: better known before a pod of the new version starts. */
export function checkRoute(route: HttpRoute, split: RouteSplit): void {
  splittingRules(route, split);
}

/** Rules that name both Services. Others (a header that leads to the canary, paths that only stable serves) are their owner's and stay. */
function splittingRules(route: HttpRoute, { stable, canary }: RouteSplit): RouteRule[] {
  const rules = (route.spec.rules ?? []).filter(({ backendRefs = [] }) =>
    [stable, canary].every((name) => backendRefs.some((ref) => ref.name === name && (ref.kind ?? 'Service') === 'Service')),
  );
  if (rules.length === 0)
    throw refused(route, `no rule of it names both Services ${stable} and ${canary}`, 'apply kubernetes/production/http-route.yaml');
  for (const { backendRefs } of rules) {
    const other = backendRefs!.find(({ name, weight = 1 }) => name !== stable && name !== canary && weight > 0);
    if (other) throw refused(route, `a rule also sends to ${other.name}`, `take ${other.name} out of the rule that names ${canary}`);
  }
  return rules;
}

function refused({ metadata }: HttpRoute, why: string, hint: string): Fault {
  return new Fault('CLUSTER_REFUSED', `HTTPRoute ${metadata.name} cannot carry weights: ${why}`, { hint });
}

/** `scheme://host[:port]` under which the Gateway serves the route; undefined while it has no address. */
export function originOfRoute(route: HttpRoute, gateway: Gateway): string | undefined {
  const parent = gatewayOf(route);
  const listeners = gateway.spec.listeners ?? [];
  const listener = listeners.find(({ name, port }) =>
    parent?.sectionName ? name === parent.sectionName : !parent?.port || port === parent.port,
  );
  const host = route.spec.hostnames?.find((name) => !name.startsWith('*')) ?? gateway.status?.addresses?.[0]?.value;
  if (listener === undefined || host === undefined) return undefined;
  const secure = listener.protocol === 'HTTPS' || listener.protocol === 'TLS';
  const standard = listener.port === (secure ? 443 : 80);
  return `${secure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}${standard ? '' : `:${listener.port}`}`;
}

/** The first Gateway that the route names. */
export function gatewayOf({ spec }: HttpRoute): ParentRef | undefined {
  return spec.parentRefs?.find(({ kind }) => (kind ?? 'Gateway') === 'Gateway');
}
