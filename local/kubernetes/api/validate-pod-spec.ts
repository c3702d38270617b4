/** Checks of a pod's spec, alone or inside a template. */
import { type Fields, type KubeObject, sameJson } from '../kube-object.ts';
import { LABEL, LABEL_MESSAGE, type Problems } from './field-problems.ts';

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const RESTART_POLICIES = ['Always', 'Never', 'OnFailure'];

export function validatePodSpec(problems: Problems, at: string, spec: Fields): void {
  const containers = (spec.containers ?? []) as Fields[];
  if (containers.length === 0) problems.required(`${at}.containers`);
  if (spec.restartPolicy && !RESTART_POLICIES.includes(spec.restartPolicy)) {
    problems.unsupported(`${at}.restartPolicy`, spec.restartPolicy, RESTART_POLICIES);
  }
  problems.atLeast(`${at}.terminationGracePeriodSeconds`, spec.terminationGracePeriodSeconds);
  // A container here is a request handler: it never ends by itself, so a pod with init containers would never start.
  if (spec.initContainers?.length) problems.forbidden(`${at}.initContainers`, 'this cluster does not run init containers');
  for (const [index, container] of containers.entries()) {
    validateContainer(problems, `${at}.containers[${index}]`, container);
    if (containers.findIndex((other) => other.name === container.name) < index)
      problems.duplicate(`${at}.containers[${index}].name`, container.name);
  }
}

function validateContainer(problems: Problems, at: string, container: Fields): void {
  if (!container.name) problems.required(`${at}.name`);
  else if (!LABEL.test(container.name) || container.name.length > 63) problems.invalid(`${at}.name`, container.name, LABEL_MESSAGE);
  if (!container.image) problems.required(`${at}.image`);
  else if (container.image !== container.image.trim())
    problems.invalid(`${at}.image`, container.image, 'must not have leading or trailing whitespace');
  if (container.imagePullPolicy && !PULL_POLICIES.includes(container.imagePullPolicy)) {
    problems.unsupported(`${at}.imagePullPolicy`, container.imagePullPolicy, PULL_POLICIES);
  }
  for (const [index, port] of ((container.ports ?? []) as Fields[]).entries()) {
    if (!port.containerPort) problems.required(`${at}.ports[${index}].containerPort`);
    else if (port.containerPort < 1 || port.containerPort > 65535) {
      problems.invalid(`${at}.ports[${index}].containerPort`, port.containerPort, 'must be between 1 and 65535, inclusive');
    }
  }
  for (const [index, variable] of ((container.env ?? []) as Fields[]).entries()) {
    if (!variable.name) problems.required(`${at}.env[${index}].name`);
    if (variable.value && variable.valueFrom)
      problems.invalid(`${at}.env[${index}].valueFrom`, '', 'may not be specified when `value` is not empty');
  }
  for (const name of ['readinessProbe', 'livenessProbe', 'startupProbe']) {
    if (container[name]) validateProbe(problems, `${at}.${name}`, container[name], name === 'readinessProbe');
  }
}

function validateProbe(problems: Problems, at: string, probe: Fields, readiness: boolean): void {
  const handlers = ['httpGet', 'tcpSocket', 'exec', 'grpc'].filter((name) => probe[name]);
  if (handlers.length === 0) problems.required(at, 'must specify a handler type');
  if (handlers.length > 1) problems.forbidden(`${at}.${handlers[1]}`, 'may not specify more than 1 handler type');
  if (probe.exec || probe.grpc) problems.forbidden(`${at}.${handlers[0]}`, 'this cluster runs httpGet and tcpSocket probes only');
  if (probe.httpGet && probe.httpGet.port === undefined) problems.required(`${at}.httpGet.port`);
  for (const name of ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold']) {
    problems.atLeast(`${at}.${name}`, probe[name]);
  }
  if (!readiness && probe.successThreshold > 1) problems.invalid(`${at}.successThreshold`, probe.successThreshold, 'must be 1');
}

/** A running pod's spec is fixed but for images, tolerations and deadlines. */
export function validatePodUpdate(problems: Problems, object: KubeObject, before: KubeObject): void {
  const loose = (spec: Fields = {}): Fields => {
    const copy = structuredClone(spec);
    for (const container of copy.containers ?? []) container.image = '';
    // The scheduler gives a pod its node, once.
    if (!before.spec?.nodeName) delete copy.nodeName;
    delete copy.activeDeadlineSeconds;
    delete copy.tolerations;
    delete copy.terminationGracePeriodSeconds;
    return copy;
  };
  if (!sameJson(loose(object.spec), loose(before.spec))) {
    problems.forbidden(
      'spec',
      'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
    );
  }
}
