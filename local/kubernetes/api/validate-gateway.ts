/** What the schemas of Gateway and HTTPRoute refuse: bounds, enumerations, and the rules that they write in CEL. */
import type { Fields, KubeObject } from '../kube-object.ts';
import type { Problems } from './field-problems.ts';

const HOSTNAME = /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];
const FILTERS = ['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestMirror', 'RequestRedirect', 'URLRewrite', 'ExtensionRef'];
const HIGHEST_WEIGHT = 1_000_000;

export function validateRoute(problems: Problems, { spec = {} }: KubeObject): void {
  const rules = (spec.rules ?? []) as Fields[];
  atMost(problems, 'spec.parentRefs', spec.parentRefs, 32);
  atMost(problems, 'spec.hostnames', spec.hostnames, 16);
  atMost(problems, 'spec.rules', rules, 16);
  for (const [index, parent] of ((spec.parentRefs ?? []) as Fields[]).entries()) {
    if (!parent.name) problems.required(`spec.parentRefs[${index}].name`);
    port(problems, `spec.parentRefs[${index}].port`, parent.port);
  }
  for (const [index, hostname] of ((spec.hostnames ?? []) as string[]).entries())
    if (!HOSTNAME.test(hostname)) problems.invalid(`spec.hostnames[${index}]`, hostname, `should match '${HOSTNAME.source}'`);
  for (const [index, rule] of rules.entries()) validateRule(problems, `spec.rules[${index}]`, rule);
}

function validateRule(problems: Problems, at: string, rule: Fields): void {
  atMost(problems, `${at}.backendRefs`, rule.backendRefs, 16);
  atMost(problems, `${at}.filters`, rule.filters, 16);
  atMost(problems, `${at}.matches`, rule.matches, 64);
  for (const [index, match] of ((rule.matches ?? []) as Fields[]).entries()) {
    const path = `${at}.matches[${index}]`;
    oneOf(problems, `${path}.path.type`, match.path?.type, ['Exact', 'PathPrefix', 'RegularExpression']);
    oneOf(problems, `${path}.method`, match.method, METHODS);
    if (match.path?.type !== 'RegularExpression' && !String(match.path?.value).startsWith('/'))
      problems.invalid(
        `${path}.path`,
        match.path,
        "value must be an absolute path and start with '/' when type one of ['Exact', 'PathPrefix']",
      );
  }
  for (const [index, ref] of ((rule.backendRefs ?? []) as Fields[]).entries()) {
    const path = `${at}.backendRefs[${index}]`;
    if (!ref.name) problems.required(`${path}.name`);
    port(problems, `${path}.port`, ref.port);
    if (ref.group === '' && ref.kind === 'Service' && ref.port === undefined)
      problems.invalid(path, ref, 'Must have port for Service reference');
    if (ref.weight < 0) problems.invalid(`${path}.weight`, ref.weight, `${path}.weight in body should be greater than or equal to 0`);
    if (ref.weight > HIGHEST_WEIGHT)
      problems.invalid(`${path}.weight`, ref.weight, `${path}.weight in body should be less than or equal to ${HIGHEST_WEIGHT}`);
    validateFilters(problems, `${path}.filters`, ref.filters);
  }
  validateFilters(problems, `${at}.filters`, rule.filters);
}

function validateFilters(problems: Problems, at: string, filters: Fields[] = []): void {
  for (const [index, filter] of filters.entries()) {
    if (filter.type === undefined) problems.required(`${at}[${index}].type`);
    oneOf(problems, `${at}[${index}].type`, filter.type, FILTERS);
  }
}

export function validateGateway(problems: Problems, { spec = {} }: KubeObject): void {
  const listeners = (spec.listeners ?? []) as Fields[];
  if (!spec.gatewayClassName) problems.required('spec.gatewayClassName');
  if (listeners.length === 0) problems.invalid('spec.listeners', 0, 'spec.listeners in body should have at least 1 items');
  atMost(problems, 'spec.listeners', listeners, 64);
  for (const [index, listener] of listeners.entries()) {
    const at = `spec.listeners[${index}]`;
    for (const field of ['name', 'port', 'protocol']) if (listener[field] === undefined) problems.required(`${at}.${field}`);
    port(problems, `${at}.port`, listener.port);
    if (listener.protocol === 'HTTP' && listener.tls)
      problems.invalid('spec.listeners', listeners, "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']");
    if (listeners.findIndex(({ name }) => name === listener.name) < index) problems.duplicate(at, { name: listener.name });
    oneOf(problems, `${at}.allowedRoutes.namespaces.from`, listener.allowedRoutes?.namespaces?.from, ['All', 'Selector', 'Same', 'None']);
  }
}

function atMost(problems: Problems, at: string, list: unknown[] | undefined, most: number): void {
  if ((list?.length ?? 0) > most) problems.invalid(at, list?.length, `must have at most ${most} items`);
}

function port(problems: Problems, at: string, value: number | undefined): void {
  if (value !== undefined && !(value >= 1 && value <= 65_535)) problems.invalid(at, value, 'must be between 1 and 65535, inclusive');
}

function oneOf(problems: Problems, at: string, value: string | undefined, values: string[]): void {
  if (value !== undefined && !values.includes(value)) problems.unsupported(at, value, values);
}
