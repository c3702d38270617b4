/** The resources that this API serves. A kind that is not listed here does not exist for clients: they get 404, as for a missing CRD. */

export interface ResourceKind {
  group: string;
  version: string;
  kind: string;
  plural: string;
  singular: string;
  namespaced: boolean;
  shortNames: string[];
  /** Subresources that are served. */
  subresources: ('status' | 'scale')[];
  /** True where the API counts `metadata.generation` on changes of the spec. */
  generation: boolean;
  /** True where it counts changes of annotations too: a Deployment hands them on to its ReplicaSets. */
  countsAnnotations: boolean;
  /** A custom resource: it takes no strategic merge patch, and wrong types in it are 422 instead of 400. */
  custom: boolean;
  /** False for review kinds, which are answered and not kept. */
  stored: boolean;
  inAll: boolean;
  /** Name of the schema class in @kubernetes/client-node. */
  schema: string;
  /** Fields beyond metadata.name and metadata.namespace that field selectors may name. */
  selectable: string[];
}

function kind(group: string, version: string, name: string, plural: string, options: Partial<ResourceKind> = {}): ResourceKind {
  return {
    group,
    version,
    kind: name,
    plural,
    singular: name.toLowerCase(),
    namespaced: true,
    shortNames: [],
    subresources: [],
    generation: false,
    countsAnnotations: false,
    custom: false,
    stored: true,
    inAll: false,
    schema: `V1${name}`,
    selectable: [],
    ...options,
  };
}

const POD_FIELDS = ['spec.nodeName', 'spec.restartPolicy', 'spec.schedulerName', 'spec.serviceAccountName', 'status.phase', 'status.podIP'];
const EVENT_FIELDS = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map(
  (field) => `involvedObject.${field}`,
);
const APPS = { generation: true, inAll: true, subresources: ['status', 'scale'] } as const;
const CLUSTER = { namespaced: false };
const REVIEW = { namespaced: false, stored: false };

export const NAMESPACES = kind('', 'v1', 'Namespace', 'namespaces', {
  ...CLUSTER,
  shortNames: ['ns'],
  subresources: ['status'],
  selectable: ['status.phase'],
});
export const PODS = kind('', 'v1', 'Pod', 'pods', { shortNames: ['po'], subresources: ['status'], inAll: true, selectable: POD_FIELDS });
export const SERVICES = kind('', 'v1', 'Service', 'services', {
  shortNames: ['svc'],
  subresources: ['status'],
  inAll: true,
  selectable: ['spec.clusterIP', 'spec.type'],
});
export const ENDPOINTS = kind('', 'v1', 'Endpoints', 'endpoints', { shortNames: ['ep'] });
export const CONFIG_MAPS = kind('', 'v1', 'ConfigMap', 'configmaps', { shortNames: ['cm'] });
export const EVENTS = kind('', 'v1', 'Event', 'events', {
  shortNames: ['ev'],
  schema: 'CoreV1Event',
  selectable: [...EVENT_FIELDS, 'reason', 'reportingComponent', 'source', 'type'],
});
export const NODES = kind('', 'v1', 'Node', 'nodes', {
  ...CLUSTER,
  shortNames: ['no'],
  subresources: ['status'],
  selectable: ['spec.unschedulable'],
});
export const SERVICE_ACCOUNTS = kind('', 'v1', 'ServiceAccount', 'serviceaccounts', { shortNames: ['sa'] });
export const RESOURCE_QUOTAS = kind('', 'v1', 'ResourceQuota', 'resourcequotas', { shortNames: ['quota'], subresources: ['status'] });
export const DEPLOYMENTS = kind('apps', 'v1', 'Deployment', 'deployments', {
  ...APPS,
  subresources: [...APPS.subresources],
  countsAnnotations: true,
  shortNames: ['deploy'],
});
export const REPLICA_SETS = kind('apps', 'v1', 'ReplicaSet', 'replicasets', {
  ...APPS,
  subresources: [...APPS.subresources],
  shortNames: ['rs'],
});
export const ROLES = kind('rbac.authorization.k8s.io', 'v1', 'Role', 'roles');
export const ROLE_BINDINGS = kind('rbac.authorization.k8s.io', 'v1', 'RoleBinding', 'rolebindings');
export const CLUSTER_ROLES = kind('rbac.authorization.k8s.io', 'v1', 'ClusterRole', 'clusterroles', CLUSTER);
export const CLUSTER_ROLE_BINDINGS = kind('rbac.authorization.k8s.io', 'v1', 'ClusterRoleBinding', 'clusterrolebindings', CLUSTER);
export const ACCESS_REVIEWS = kind('authorization.k8s.io', 'v1', 'SelfSubjectAccessReview', 'selfsubjectaccessreviews', REVIEW);
export const SELF_REVIEWS = kind('authentication.k8s.io', 'v1', 'SelfSubjectReview', 'selfsubjectreviews', REVIEW);
export const INGRESSES = kind('networking.k8s.io', 'v1', 'Ingress', 'ingresses', {
  shortNames: ['ing'],
  subresources: ['status'],
  generation: true,
});
export const LEASES = kind('coordination.k8s.io', 'v1', 'Lease', 'leases');
export const ENDPOINT_SLICES = kind('discovery.k8s.io', 'v1', 'EndpointSlice', 'endpointslices');

const GATEWAY = { custom: true, generation: true, subresources: ['status'] as ['status'] };
export const GATEWAY_CLASSES = kind('gateway.networking.k8s.io', 'v1', 'GatewayClass', 'gatewayclasses', {
  ...GATEWAY,
  ...CLUSTER,
  shortNames: ['gc'],
  schema: 'GatewayClass',
});
export const GATEWAYS = kind('gateway.networking.k8s.io', 'v1', 'Gateway', 'gateways', {
  ...GATEWAY,
  shortNames: ['gtw'],
  schema: 'Gateway',
});
export const HTTP_ROUTES = kind('gateway.networking.k8s.io', 'v1', 'HTTPRoute', 'httproutes', { ...GATEWAY, schema: 'HTTPRoute' });

export const RESOURCE_KINDS: readonly ResourceKind[] = [
  NAMESPACES,
  PODS,
  SERVICES,
  ENDPOINTS,
  CONFIG_MAPS,
  EVENTS,
  NODES,
  SERVICE_ACCOUNTS,
  RESOURCE_QUOTAS,
  DEPLOYMENTS,
  REPLICA_SETS,
  ROLES,
  ROLE_BINDINGS,
  CLUSTER_ROLES,
  CLUSTER_ROLE_BINDINGS,
  ACCESS_REVIEWS,
  SELF_REVIEWS,
  INGRESSES,
  LEASES,
  ENDPOINT_SLICES,
  GATEWAY_CLASSES,
  GATEWAYS,
  HTTP_ROUTES,
];

/** `apps/v1`, or `v1` for the core group. */
export function groupVersion(resource: ResourceKind): string {
  return resource.group ? `${resource.group}/${resource.version}` : resource.version;
}

/** The resource of a path segment such as `deployments`, if it is served. */
export function findResource(group: string, version: string, plural: string): ResourceKind | undefined {
  return RESOURCE_KINDS.find((each) => each.group === group && each.version === version && each.plural === plural);
}

/** The resource of an object's own apiVersion and kind, if it is served. */
export function resourceOf(apiVersion: string, kindName: string): ResourceKind | undefined {
  return RESOURCE_KINDS.find((each) => groupVersion(each) === apiVersion && each.kind === kindName);
}
