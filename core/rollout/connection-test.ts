/**
 * The connection test of an environment's cluster: what a rollout needs there, and what is said of what was found. Words of the cluster are never
 * repeated: it was shown our token and could say it.
 */
import type { ArtifactConfiguration, EnvironmentConfiguration } from '../environment/configuration.ts';
import { routeSplitOf } from './route.ts';

/** One permission, as a SelfSubjectAccessReview asks for it. */
export interface Need {
  verb: 'get' | 'patch' | 'list';
  group: string;
  resource: string;
  namespace: string;
  name?: string;
}

/** An object that the configuration names. */
export interface Named {
  kind: 'Deployment' | 'Service' | 'HTTPRoute' | 'Gateway';
  namespace: string;
  name: string;
  /** Container that the Deployment has to have. */
  container?: string;
  /** Where it splits the traffic: its Gateway is read too, for the address of the smoke checks. */
  leadsToGateway?: true;
}

/** What a call at the API server came to. `code` is chosen by Node or by us, never by the server. */
export type Outcome =
  | { kind: 'answer'; status: number; body: unknown }
  | { kind: 'untrusted'; code: string }
  | { kind: 'unreachable'; code: string };

export interface Check {
  area: 'connection' | 'permission' | 'object';
  name: string;
  /** `unknown`: it could not be looked at. */
  status: 'passed' | 'failed' | 'unknown';
  detail: string;
  /** What to do; null where nothing has to be done. */
  hint: string | null;
}

export interface ConnectionReport {
  environment: string;
  /** Null: the environment has no cluster. */
  cluster: string | null;
  kind: 'platform_managed' | 'external_managed' | null;
  namespace: string;
  /** Origin of the API server, once it is known. */
  server: string | null;
  version: string | null;
  outcome: 'passed' | 'failed' | 'unreachable' | 'none';
  checks: Check[];
}

/** Group and plural of the kinds; all are of version v1. */
export const PLACES: Readonly<Record<Named['kind'], { group: string; resource: string }>> = {
  Deployment: { group: 'apps', resource: 'deployments' },
  Service: { group: '', resource: 'services' },
  HTTPRoute: { group: 'gateway.networking.k8s.io', resource: 'httproutes' },
  Gateway: { group: 'gateway.networking.k8s.io', resource: 'gateways' },
};

const MANIFESTS = 'kubernetes/production';
const MANIFEST: Readonly<Record<Named['kind'], string>> = {
  Deployment: 'stable-deployment.yaml and canary-deployment.yaml',
  Service: 'service.yaml',
  HTTPRoute: 'http-route.yaml, and the Gateway API itself',
  Gateway: 'gateway.yaml, and the Gateway API itself',
};

/** The Role of kubernetes/production/access-role.yaml, and the objects behind it, for the artifacts that run in the environment. */
export function wantedIn(environment: EnvironmentConfiguration, artifacts: readonly ArtifactConfiguration[]): (Need | Named)[] {
  const { namespace } = environment;
  // What a job rolls out, it also reaches.
  const ways = [environment.rollout, environment.rollback.rollout].filter(({ strategy }) => strategy !== 'job');
  const workloads = artifacts.flatMap(({ workload }) => (workload ? [workload] : []));
  if (ways.length === 0 || workloads.length === 0) return [];
  const pods: Need = { verb: 'list', group: '', resource: 'pods', namespace };
  const wanted = workloads.flatMap((workload): (Need | Named)[] => {
    const { name, container, smoke, smokeOrigin } = workload;
    const asksForAddress = (gateway: boolean) =>
      smokeOrigin === undefined && smoke.length > 0 && ways.some((way) => way.smoke && (way.provider === 'gateway') === gateway);
    const deployments = [`${name}-stable`, `${name}-canary`].flatMap((each) =>
      written({ kind: 'Deployment', namespace, name: each, container }),
    );
    const service = asksForAddress(false) ? readOnly({ kind: 'Service', namespace, name }) : [];
    const route: Named = { kind: 'HTTPRoute', namespace, name: routeSplitOf(workload).route };
    if (asksForAddress(true)) route.leadsToGateway = true;
    return [...deployments, ...service, ...(ways.some(({ provider }) => provider === 'gateway') ? written(route) : [])];
  });
  return [pods, ...wanted];
}

/** An object that is only read, with the permission for that. */
export function readOnly(named: Named): (Need | Named)[] {
  const { namespace, name } = named;
  return [{ verb: 'get', ...PLACES[named.kind], namespace, name }, named];
}

function written(named: Named): (Need | Named)[] {
  const [get, object] = readOnly(named);
  return [get!, { ...(get as Need), verb: 'patch' }, object!];
}

export function isNeed(wanted: Need | Named): wanted is Need {
  return 'verb' in wanted;
}

export function nameOf(wanted: Need | Named): string {
  if (!isNeed(wanted)) return `${wanted.kind} ${wanted.namespace}/${wanted.name}`;
  const { verb, group, resource, namespace, name } = wanted;
  return `${verb} ${resource}${group === '' ? '' : `.${group}`} ${namespace}/${name ?? '*'}`;
}

/** Address, certificate and token, from the answer to a first call. The first line that has not passed is the last one. */
export function judgeConnection(outcome: Outcome, kind: 'platform_managed' | 'external_managed'): Check[] {
  const eks = kind === 'platform_managed';
  if (outcome.kind === 'unreachable') {
    const network = eks
      ? 'let the network of the function reach the endpoint of the cluster (public access, or its security group)'
      : 'compare the address in the kubeconfig, and let the network of the function reach it';
    return [connection('address', 'failed', `no answer (${outcome.code})`, network)];
  }
  if (outcome.kind === 'untrusted' && outcome.code === EGRESS) {
    const hint = 'use a public https address, or add its origin to ALLOWED_ORIGINS of the deployment';
    return [connection('address', 'failed', 'the address is not one that we may talk to', hint)];
  }
  const reached = connection('address', 'passed', 'it answers');
  if (outcome.kind === 'untrusted') {
    const hint = eks
      ? 'something between the function and EKS answers in its place: look at proxies and DNS'
      : 'put the authority of this API server into certificate-authority-data of the kubeconfig';
    return [reached, connection('certificate', 'failed', `not issued by the authority that we know (${outcome.code})`, hint)];
  }
  const trusted = [reached, connection('certificate', 'passed', 'issued by the pinned authority')];
  const { status } = outcome;
  if (status === 401) {
    const hint = eks
      ? 'make the access entry of the role of the function rollout: see access-role.yaml in kubernetes/production'
      : 'put a kubeconfig with a valid token or client certificate of the service account into the secret';
    return [...trusted, connection('token', 'failed', 'not accepted (401)', hint)];
  }
  if (status === 403) return [...trusted, connection('token', 'passed', 'accepted; the version may not be read (403)')];
  if (status === 200) return [...trusted, connection('token', 'passed', 'accepted')];
  const hint = 'compare the address: what answers there is no API server, or a proxy before it';
  return [...trusted, connection('token', 'unknown', `not looked at: the version was answered with ${status}`, hint)];
}

/** Code of an address that is refused before anything is sent. */
export const EGRESS = 'EGRESS_REFUSED';

/** That the cluster's address and authority could not even be learned. */
export function judgeDescription(kind: 'platform_managed' | 'external_managed', reason: string): Check {
  const hint =
    kind === 'platform_managed'
      ? 'compare the name under clusters with the one in EKS, and the region; the role of the function rollout needs eks:DescribeCluster'
      : 'put a kubeconfig with a https server, certificate-authority-data and a token or client certificate into the secret that kubeconfig names';
  return connection(kind === 'platform_managed' ? 'EKS' : 'kubeconfig', 'failed', reason, hint);
}

/** Major and minor version with what the vendor adds; anything longer could be something else. */
export function versionOf(outcome: Outcome): string | null {
  const { gitVersion } = (outcome.kind === 'answer' && outcome.status === 200 ? (outcome.body ?? {}) : {}) as { gitVersion?: unknown };
  return typeof gitVersion === 'string' && /^v\d{1,3}\.\d{1,3}\.\d{1,3}(?:[-+][\w.+-]{1,24})?$/.test(gitVersion) ? gitVersion : null;
}

export function judgeNeed(need: Need, outcome: Outcome): Check {
  const say = (status: Check['status'], detail: string, hint: string | null = null): Check => ({
    ...{ area: 'permission', name: nameOf(need), status, detail, hint },
  });
  const { allowed } = statusOf(outcome);
  if (allowed === true) return say('passed', 'allowed');
  if (allowed === false)
    return say('failed', 'not allowed', `apply ${MANIFESTS}/access-role.yaml with the names of this workload and namespace`);
  return say(
    'unknown',
    `not answered (${reasonOf(outcome)})`,
    'bind the ClusterRole system:basic-user: with it everybody may ask what he may do',
  );
}

function statusOf(outcome: Outcome): { allowed?: unknown } {
  if (outcome.kind !== 'answer' || outcome.status > 201) return {};
  return (outcome.body as { status?: { allowed?: unknown } } | undefined)?.status ?? {};
}

export function judgeNamed(named: Named, outcome: Outcome): Check {
  const say = (status: Check['status'], detail: string, hint: string | null = null): Check => ({
    ...{ area: 'object', name: nameOf(named), status, detail, hint },
  });
  const answered = outcome.kind === 'answer' ? outcome.status : 0;
  if (answered === 404)
    return say('failed', 'it does not exist', `apply ${MANIFEST[named.kind]} of ${MANIFESTS}, or correct its name in greenlight.yaml`);
  if (answered === 403) return say('unknown', 'it may not be read (403)', `apply ${MANIFESTS}/access-role.yaml with this name`);
  if (outcome.kind !== 'answer' || answered !== 200) return say('unknown', `not read (${reasonOf(outcome)})`, 'ask again');
  if (named.container !== undefined && !containersOf(outcome.body).includes(named.container))
    return say('failed', `it has no container ${named.container}`, 'name its container in greenlight.yaml: workload.container');
  return say('passed', 'it exists');
}

function containersOf(body: unknown): string[] {
  const { spec } = (body ?? {}) as { spec?: { template?: { spec?: { containers?: { name: string }[] } } } };
  return (spec?.template?.spec?.containers ?? []).map(({ name }) => name);
}

function reasonOf(outcome: Outcome): string {
  return outcome.kind === 'answer' ? String(outcome.status) : outcome.code;
}

function connection(name: string, status: Check['status'], detail: string, hint: string | null = null): Check {
  return { area: 'connection', name, status, detail, hint };
}

/** What the lines come to together. Only an API server that does not answer makes it `unreachable`. */
export function outcomeOf(checks: readonly Check[], reached: boolean): ConnectionReport['outcome'] {
  if (!reached) return 'unreachable';
  return checks.every(({ status }) => status === 'passed') ? 'passed' : 'failed';
}
