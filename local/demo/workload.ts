/** The demo's cluster as Kubernetes objects: what an operator applies before Greenlight may roll out there. */

export const NAMESPACES = ['dev', 'staging', 'prod'] as const;
export const WORKLOAD = 'payment-api';
/** Replicas of the stable Deployment; staging and prod as greenlight.yaml has them. */
const REPLICAS: Record<string, number> = { dev: 2, staging: 10, prod: 10 };

/** Groups that the access entries put the functions' roles into. */
export const ROLLOUT_GROUP = 'greenlight:rollout';
export const ADOPT_GROUP = 'greenlight:adopt';

const RBAC = 'rbac.authorization.k8s.io';

/** Namespaces, what the functions may do in them, and the Services: everything that does not need an image. */
export function clusterObjects(): object[] {
  return NAMESPACES.flatMap((namespace) => [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    role(namespace, 'greenlight-rollout', [
      { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get', 'list', 'patch'] },
      { apiGroups: [''], resources: ['services'], verbs: ['get'] },
      { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
    ]),
    binding(namespace, 'greenlight-rollout', ROLLOUT_GROUP),
    role(namespace, 'greenlight-adopt', [
      { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get', 'list'] },
      { apiGroups: [''], resources: ['services'], verbs: ['get'] },
      { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
    ]),
    binding(namespace, 'greenlight-adopt', ADOPT_GROUP),
    service(namespace),
  ]);
}

/** The two Deployments of an environment. `image` names a digest, e.g. `127.0.0.1:5000/payment-api@sha256:…`. */
export function deployments(namespace: string, image: string, version: string): object[] {
  return [deployment(namespace, 'stable', image, version, REPLICAS[namespace] ?? 1), deployment(namespace, 'canary', image, version, 0)];
}

function deployment(namespace: string, track: 'stable' | 'canary', image: string, version: string, replicas: number): object {
  const labels = { app: WORKLOAD, track };
  const probe = { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 1 };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `${WORKLOAD}-${track}`, namespace, labels, annotations: { 'greenlight.dev/version': version } },
    spec: {
      replicas,
      // Ready pods never fall below the replicas, forward or back.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: '50%' } },
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: WORKLOAD, image, ports: [{ name: 'http', containerPort: 8080 }], readinessProbe: probe }] },
      },
    },
  };
}

function service(namespace: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: WORKLOAD, namespace, labels: { app: WORKLOAD } },
    spec: { type: 'LoadBalancer', selector: { app: WORKLOAD }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
  };
}

function role(namespace: string, name: string, rules: object[]): object {
  return { apiVersion: `${RBAC}/v1`, kind: 'Role', metadata: { name, namespace }, rules };
}

function binding(namespace: string, name: string, group: string): object {
  return {
    apiVersion: `${RBAC}/v1`,
    kind: 'RoleBinding',
    metadata: { name, namespace },
    roleRef: { apiGroup: RBAC, kind: 'Role', name },
    subjects: [{ apiGroup: RBAC, kind: 'Group', name: group }],
  };
}
