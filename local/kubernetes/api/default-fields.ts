/** The values that a real API server fills in where a client leaves them out. */
import type { Fields, KubeObject } from '../kube-object.ts';

/** Fills the defaults of the object's kind, in place. */
export function setDefaults(object: KubeObject): void {
  DEFAULTS[object.kind]?.(object);
}

const DEFAULTS: Record<string, (object: KubeObject) => void> = {
  Deployment: (object) => defaultDeployment(specOf(object)),
  ReplicaSet: (object) => {
    const spec = specOf(object);
    spec.replicas ??= 1;
    defaultTemplate(spec);
  },
  Pod: (object) => {
    const spec = specOf(object);
    defaultPodSpec(spec);
    spec.enableServiceLinks ??= true;
    spec.serviceAccountName ??= 'default';
    spec.serviceAccount ??= spec.serviceAccountName;
    spec.preemptionPolicy ??= 'PreemptLowerPriority';
    spec.priority ??= 0;
  },
  Service: (object) => defaultService(specOf(object)),
  Namespace: (object) => {
    object.spec = { finalizers: ['kubernetes'], ...object.spec };
    object.metadata.labels = { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name };
  },
  Ingress: (object) => {
    for (const rule of (object.spec?.rules ?? []) as Fields[])
      for (const path of rule.http?.paths ?? []) path.pathType ??= 'ImplementationSpecific';
  },
  HTTPRoute: (object) => defaultRoute(specOf(object)),
  Gateway: (object) => {
    for (const listener of (object.spec?.listeners ?? []) as Fields[]) {
      listener.allowedRoutes ??= {};
      listener.allowedRoutes.namespaces = { from: 'Same', ...listener.allowedRoutes.namespaces };
    }
  },
  RoleBinding: defaultBinding,
  ClusterRoleBinding: defaultBinding,
};

function specOf(object: KubeObject): Fields {
  object.spec ??= {};
  return object.spec;
}

function defaultBinding(object: KubeObject): void {
  const ref = (object.roleRef ?? {}) as Fields;
  ref.apiGroup ||= 'rbac.authorization.k8s.io';
  for (const subject of (object.subjects ?? []) as Fields[]) {
    subject.apiGroup ||= subject.kind === 'ServiceAccount' ? undefined : 'rbac.authorization.k8s.io';
  }
}

/** Defaults of the custom resource's schema. */
function defaultRoute(spec: Fields): void {
  for (const parent of (spec.parentRefs ?? []) as Fields[]) {
    parent.group ??= 'gateway.networking.k8s.io';
    parent.kind ??= 'Gateway';
  }
  spec.rules ??= [{}];
  for (const rule of spec.rules as Fields[]) {
    rule.matches ??= [{}];
    for (const match of rule.matches as Fields[]) match.path = { type: 'PathPrefix', value: '/', ...match.path };
    for (const ref of (rule.backendRefs ?? []) as Fields[]) {
      ref.group ??= '';
      ref.kind ??= 'Service';
      ref.weight ??= 1;
    }
  }
}

function defaultDeployment(spec: Fields): void {
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= 10;
  spec.progressDeadlineSeconds ??= 600;
  spec.strategy ??= {};
  const { strategy } = spec;
  strategy.type ??= 'RollingUpdate';
  if (strategy.type === 'RollingUpdate') strategy.rollingUpdate = { maxSurge: '25%', maxUnavailable: '25%', ...strategy.rollingUpdate };
  defaultTemplate(spec);
}

function defaultTemplate(spec: Fields): void {
  spec.template ??= {};
  const { template } = spec;
  template.metadata ??= {};
  template.spec ??= {};
  defaultPodSpec(template.spec);
}

function defaultPodSpec(spec: Fields): void {
  spec.restartPolicy ??= 'Always';
  spec.terminationGracePeriodSeconds ??= 30;
  spec.dnsPolicy ??= 'ClusterFirst';
  spec.securityContext ??= {};
  spec.schedulerName ??= 'default-scheduler';
  if (spec.serviceAccountName) spec.serviceAccount ??= spec.serviceAccountName;
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])] as Fields[]) defaultContainer(container);
}

function defaultContainer(container: Fields): void {
  container.imagePullPolicy ??= pullPolicy(String(container.image ?? ''));
  container.terminationMessagePath ??= '/dev/termination-log';
  container.terminationMessagePolicy ??= 'File';
  container.resources ??= {};
  for (const [name, quantity] of Object.entries((container.resources.limits ?? {}) as Record<string, string>)) {
    container.resources.requests = { [name]: quantity, ...container.resources.requests };
  }
  for (const port of (container.ports ?? []) as Fields[]) port.protocol ??= 'TCP';
  for (const name of ['readinessProbe', 'livenessProbe', 'startupProbe']) {
    const probe = container[name] as Fields | undefined;
    if (!probe) continue;
    probe.timeoutSeconds ??= 1;
    probe.periodSeconds ??= 10;
    probe.successThreshold ??= 1;
    probe.failureThreshold ??= 3;
    if (probe.httpGet) {
      probe.httpGet.path ??= '/';
      probe.httpGet.scheme ??= 'HTTP';
    }
  }
}

function pullPolicy(image: string): string {
  if (image.includes('@')) return 'IfNotPresent';
  const name = image.slice(image.lastIndexOf('/') + 1);
  return !name.includes(':') || name.endsWith(':latest') ? 'Always' : 'IfNotPresent';
}

function defaultService(spec: Fields): void {
  spec.sessionAffinity ??= 'None';
  spec.type ??= 'ClusterIP';
  for (const port of (spec.ports ?? []) as Fields[]) {
    port.protocol ??= 'TCP';
    port.targetPort ??= port.port;
  }
  if (spec.type === 'ExternalName') return;
  spec.internalTrafficPolicy ??= 'Cluster';
  spec.ipFamilyPolicy ??= 'SingleStack';
  spec.ipFamilies ??= ['IPv4'];
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
  if (spec.type !== 'ClusterIP') spec.externalTrafficPolicy ??= 'Cluster';
}
