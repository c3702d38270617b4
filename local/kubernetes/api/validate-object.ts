/** Refuses objects that a real API server refuses: names, labels, required fields, immutable fields. */
import { invalid } from '../kube-error.ts';
import { type Fields, type KubeObject, sameJson } from '../kube-object.ts';
import type { ResourceKind } from '../resource-kinds.ts';
import { matchLabelSelector } from '../selectors.ts';
import { LABEL, LABEL_MESSAGE, Problems, UNCHECKED } from './field-problems.ts';
import { validateGateway, validateRoute } from './validate-gateway.ts';
import { validatePodSpec, validatePodUpdate } from './validate-pod-spec.ts';

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const SUBDOMAIN_MESSAGE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const SERVICE_NAME = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const SERVICE_MESSAGE =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const NAME_PART =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE_PART =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/** Throws 422 with every problem found. `before` is the stored object on an update. */
export function validateObject(kind: ResourceKind, object: KubeObject, before?: KubeObject): void {
  const problems = new Problems();
  validateName(problems, kind, object.metadata.name);
  validateLabels(problems, 'metadata.labels', object.metadata.labels);
  for (const key of Object.keys(object.metadata.annotations ?? {})) validateKey(problems, 'metadata.annotations', key);
  KINDS[kind.kind]?.(problems, object, before);
  if (before && object.metadata.uid && object.metadata.uid !== before.metadata.uid) {
    problems.invalid('metadata.uid', object.metadata.uid, 'field is immutable');
  }
  // The rules of a schema (CEL) are asked only of what has all members.
  if (kind.custom && problems.causes.some(({ reason }) => reason === 'FieldValueRequired')) problems.causes.push(UNCHECKED);
  if (problems.causes.length > 0) throw invalid(kind, object.metadata.name, problems.causes);
}

function validateName(problems: Problems, kind: ResourceKind, name: string | undefined): void {
  if (!name) {
    problems.required('metadata.name', 'name or generateName is required');
    return;
  }
  if (kind.group === 'rbac.authorization.k8s.io') {
    if (/[/%]/.test(name) || name === '.' || name === '..') problems.invalid('metadata.name', name, "may not contain '/' or '%'");
    return;
  }
  const [form, message, most] =
    kind.kind === 'Service'
      ? [SERVICE_NAME, SERVICE_MESSAGE, 63]
      : kind.kind === 'Namespace'
        ? [LABEL, LABEL_MESSAGE, 63]
        : [SUBDOMAIN, SUBDOMAIN_MESSAGE, 253];
  if (!(form as RegExp).test(name)) problems.invalid('metadata.name', name, message as string);
  if (name.length > (most as number)) problems.invalid('metadata.name', name, `must be no more than ${most} characters`);
}

export function validateLabels(problems: Problems, field: string, labels: Record<string, string> | undefined): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    validateKey(problems, field, key);
    if (!LABEL_VALUE.test(value)) problems.invalid(field, value, VALUE_PART);
    if (value.length > 63) problems.invalid(field, value, 'must be no more than 63 characters');
  }
}

function validateKey(problems: Problems, field: string, key: string): void {
  const parts = key.split('/');
  const name = parts.at(-1)!;
  if (parts.length > 2 || !QUALIFIED.test(name)) problems.invalid(field, key, NAME_PART);
  else if (name.length > 63) problems.invalid(field, key, 'name part must be no more than 63 characters');
  if (parts.length === 2 && !SUBDOMAIN.test(parts[0]!.toLowerCase())) problems.invalid(field, key, `prefix part ${SUBDOMAIN_MESSAGE}`);
}

const KINDS: Record<string, (problems: Problems, object: KubeObject, before?: KubeObject) => void> = {
  Deployment: validateWorkload,
  ReplicaSet: validateWorkload,
  Pod: (problems, object, before) => {
    validatePodSpec(problems, 'spec', object.spec ?? {});
    if (before) validatePodUpdate(problems, object, before);
  },
  Service: validateService,
  HTTPRoute: validateRoute,
  Gateway: validateGateway,
  ConfigMap: (problems, object, before) => {
    if (!before?.immutable) return;
    if (!object.immutable) problems.forbidden('immutable', 'field is immutable when `immutable` is set');
    if (!sameJson(object.data, before.data)) problems.forbidden('data', 'field is immutable when `immutable` is set');
  },
  RoleBinding: validateBinding,
  ClusterRoleBinding: validateBinding,
  Role: validateRules,
  ClusterRole: validateRules,
};

function validateWorkload(problems: Problems, object: KubeObject, before?: KubeObject): void {
  const spec = object.spec ?? {};
  problems.atLeast('spec.replicas', spec.replicas);
  problems.atLeast('spec.minReadySeconds', spec.minReadySeconds);
  problems.atLeast('spec.revisionHistoryLimit', spec.revisionHistoryLimit);
  const selector = spec.selector as Fields | undefined;
  const empty = !selector || (!Object.keys(selector.matchLabels ?? {}).length && !selector.matchExpressions?.length);
  if (!selector) problems.required('spec.selector');
  else if (empty) problems.invalid('spec.selector', selector, `empty selector is invalid for ${object.kind.toLowerCase()}`);
  validateLabels(problems, 'spec.selector.matchLabels', selector?.matchLabels);
  const labels = spec.template?.metadata?.labels as Record<string, string> | undefined;
  validateLabels(problems, 'spec.template.metadata.labels', labels);
  if ((!selector || !empty) && !matchLabelSelector(selector)(labels)) {
    problems.invalid('spec.template.metadata.labels', labels ?? {}, '`selector` does not match template `labels`');
  }
  if (before && !sameJson(before.spec?.selector, selector)) problems.invalid('spec.selector', selector, 'field is immutable');
  validatePodSpec(problems, 'spec.template.spec', spec.template?.spec ?? {});
  if (spec.template?.spec?.restartPolicy && spec.template.spec.restartPolicy !== 'Always') {
    problems.unsupported('spec.template.spec.restartPolicy', spec.template.spec.restartPolicy, ['Always']);
  }
  if (object.kind === 'Deployment') validateStrategy(problems, spec);
}

function validateStrategy(problems: Problems, spec: Fields): void {
  const { type, rollingUpdate } = (spec.strategy ?? {}) as Fields;
  if (spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds <= (spec.minReadySeconds ?? 0)) {
    problems.invalid('spec.progressDeadlineSeconds', spec.progressDeadlineSeconds, 'must be greater than minReadySeconds');
  }
  if (type === 'Recreate') {
    if (rollingUpdate) problems.forbidden('spec.strategy.rollingUpdate', "may not be specified when strategy `type` is 'Recreate'");
    return;
  }
  if (type !== 'RollingUpdate') {
    problems.unsupported('spec.strategy', { Type: type, RollingUpdate: rollingUpdate ?? null }, ['Recreate', 'RollingUpdate']);
    return;
  }
  for (const field of ['maxSurge', 'maxUnavailable']) {
    const value = rollingUpdate?.[field];
    if (typeof value === 'number') problems.atLeast(`spec.strategy.rollingUpdate.${field}`, value);
    if (typeof value === 'string' && !/^\d+%$/.test(value)) {
      problems.invalid(
        `spec.strategy.rollingUpdate.${field}`,
        value,
        "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
      );
    }
  }
  if (Number.parseInt(rollingUpdate?.maxUnavailable, 10) === 0 && Number.parseInt(rollingUpdate?.maxSurge, 10) === 0) {
    problems.invalid('spec.strategy.rollingUpdate.maxUnavailable', rollingUpdate.maxUnavailable, 'may not be 0 when `maxSurge` is 0');
  }
}

function validateService(problems: Problems, object: KubeObject, before?: KubeObject): void {
  const spec = object.spec ?? {};
  const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
  if (!types.includes(spec.type)) problems.unsupported('spec.type', spec.type, types);
  const ports = (spec.ports ?? []) as Fields[];
  if (ports.length === 0 && spec.type !== 'ExternalName' && spec.clusterIP !== 'None') problems.required('spec.ports');
  for (const [index, port] of ports.entries()) {
    const at = `spec.ports[${index}]`;
    if (!(port.port >= 1 && port.port <= 65535)) problems.invalid(`${at}.port`, port.port ?? 0, 'must be between 1 and 65535, inclusive');
    if (typeof port.targetPort === 'number' && !(port.targetPort >= 1 && port.targetPort <= 65535))
      problems.invalid(`${at}.targetPort`, port.targetPort, 'must be between 1 and 65535, inclusive');
    if (ports.length > 1 && !port.name) problems.required(`${at}.name`);
    if (ports.findIndex((other) => other.port === port.port && other.protocol === port.protocol) < index) problems.duplicate(at, port);
    if (!['TCP', 'UDP', 'SCTP'].includes(port.protocol)) problems.unsupported(`${at}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']);
  }
  validateLabels(problems, 'spec.selector', spec.selector);
  if (before?.spec?.clusterIP && spec.clusterIP !== before.spec.clusterIP && spec.type !== 'ExternalName') {
    problems.invalid('spec.clusterIPs[0]', [spec.clusterIP ?? ''], 'may not change once set');
  }
}

function validateBinding(problems: Problems, object: KubeObject, before?: KubeObject): void {
  const ref = object.roleRef as Fields | undefined;
  if (!ref?.name) problems.required('roleRef.name');
  const kinds = object.kind === 'RoleBinding' ? ['ClusterRole', 'Role'] : ['ClusterRole'];
  if (ref && !kinds.includes(ref.kind)) problems.unsupported('roleRef.kind', ref.kind, kinds);
  if (before && !sameJson(before.roleRef, ref)) problems.invalid('roleRef', ref, 'cannot change roleRef');
  for (const [index, subject] of ((object.subjects ?? []) as Fields[]).entries()) {
    const kinds = ['ServiceAccount', 'User', 'Group'];
    if (!kinds.includes(subject.kind)) problems.unsupported(`subjects[${index}].kind`, subject.kind, kinds);
    if (!subject.name) problems.required(`subjects[${index}].name`);
  }
}

function validateRules(problems: Problems, object: KubeObject): void {
  for (const [index, rule] of ((object.rules ?? []) as Fields[]).entries()) {
    if (!rule.verbs?.length) problems.required(`rules[${index}].verbs`, 'verbs must contain at least one value');
    if (rule.nonResourceURLs?.length) continue;
    if (!rule.apiGroups?.length) problems.required(`rules[${index}].apiGroups`, 'resource rules must supply at least one api group');
    if (!rule.resources?.length) problems.required(`rules[${index}].resources`, 'resource rules must supply at least one resource');
  }
}
