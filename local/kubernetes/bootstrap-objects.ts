/** What a cluster holds before anybody uses it: namespaces, the node, and the default roles. */

import { GIT_VERSION } from './api/discovery.ts';
import type { KubeObject } from './kube-object.ts';
import { NODE_IP, NODE_NAME } from './node/pod-status.ts';

type Draft = Omit<KubeObject, 'metadata'> & { metadata: { name: string; namespace?: string; labels?: Record<string, string> } };

const RBAC = 'rbac.authorization.k8s.io';
const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];
const CORE = ['configmaps', 'endpoints', 'events', 'pods', 'resourcequotas', 'serviceaccounts', 'services', 'services/status'];
const APPS = ['deployments', 'deployments/scale', 'deployments/status', 'replicasets', 'replicasets/scale', 'replicasets/status'];

/** In the order of their creation. */
export function bootstrapObjects(): Draft[] {
  return [
    ...['default', 'kube-system', 'kube-public', 'kube-node-lease'].map((name) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name },
    })),
    node(),
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'GatewayClass',
      metadata: { name: 'local' },
      spec: { controllerName: 'local-cloud/gateway' },
    },
    clusterRole('cluster-admin', [
      { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
      { nonResourceURLs: ['*'], verbs: ['*'] },
    ]),
    clusterRole('admin', [
      ...workloadRules([...READ, ...WRITE]),
      { apiGroups: [RBAC], resources: ['roles', 'rolebindings'], verbs: [...READ, ...WRITE] },
    ]),
    clusterRole('edit', workloadRules([...READ, ...WRITE])),
    clusterRole('view', workloadRules(READ)),
    clusterRole('system:discovery', [
      {
        nonResourceURLs: [
          '/api',
          '/api/*',
          '/apis',
          '/apis/*',
          '/healthz',
          '/livez',
          '/openapi',
          '/openapi/*',
          '/readyz',
          '/version',
          '/version/',
        ],
        verbs: ['get'],
      },
    ]),
    clusterRole('system:basic-user', [
      { apiGroups: ['authorization.k8s.io'], resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'], verbs: ['create'] },
      { apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'], verbs: ['create'] },
    ]),
    binding('cluster-admin', 'system:masters'),
    binding('system:discovery', 'system:authenticated'),
    binding('system:basic-user', 'system:authenticated'),
  ];
}

/** Status of the node: it has room for everything and is ready. */
export function nodeStatus(now: string): Record<string, unknown> {
  const resources = { cpu: '4', memory: '16Gi', pods: '250' };
  return {
    capacity: resources,
    allocatable: resources,
    addresses: [
      { type: 'InternalIP', address: NODE_IP },
      { type: 'Hostname', address: NODE_NAME },
    ],
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'KubeletReady',
        message: 'kubelet is posting ready status',
        lastHeartbeatTime: now,
        lastTransitionTime: now,
      },
    ],
    nodeInfo: {
      architecture: 'amd64',
      bootID: '',
      containerRuntimeVersion: 'local://1.0.0',
      kernelVersion: '',
      kubeProxyVersion: '',
      kubeletVersion: GIT_VERSION,
      machineID: '',
      operatingSystem: 'linux',
      osImage: 'local cloud',
      systemUUID: '',
    },
  };
}

function node(): Draft {
  const labels = { 'kubernetes.io/hostname': NODE_NAME, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name: NODE_NAME, labels }, spec: {} };
}

function workloadRules(verbs: string[]): object[] {
  return [
    { apiGroups: [''], resources: [...CORE, 'pods/status'], verbs },
    { apiGroups: [''], resources: ['namespaces'], verbs: READ },
    { apiGroups: ['apps'], resources: APPS, verbs },
    { apiGroups: ['networking.k8s.io'], resources: ['ingresses'], verbs },
    { apiGroups: ['gateway.networking.k8s.io'], resources: ['gateways', 'httproutes'], verbs },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: READ },
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs },
  ];
}

function clusterRole(name: string, rules: object[]): Draft {
  return {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRole',
    metadata: { name, labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' } },
    rules,
  };
}

function binding(role: string, group: string): Draft {
  return {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: role },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup: RBAC, kind: 'Group', name: group }],
  };
}
