/** Clusters: how each kind is reached, and the calls that a rollout and the adopting job make there. */
import { DescribeClusterCommand, EKSClient } from '@aws-sdk/client-eks';
import type { ClusterConfiguration } from '../../core/environment/configuration.ts';
import { Fault } from '../../core/errors.ts';
import type { Cluster, ConnectCluster } from '../../core/rollout/ports.ts';
import type { Gateway, HttpRoute } from '../../core/rollout/route.ts';
import type { Deployment, Pod, Service } from '../../core/rollout/workload.ts';
import { checkedUrl, publicLookup } from '../egress-address.ts';
import { resolveReference } from '../references.ts';
import { type ApiCall, type ApiServer, apiCaller, messageOfStatus, refusedBy } from './api-call.ts';
import { eksToken } from './eks-token.ts';

let eks: EKSClient | undefined;

/** Opens the cluster of a configuration: EKS by name, or what a kubeconfig in a secret describes. */
export const connectCluster: ConnectCluster = async (cluster) => clusterAt(await accessTo(cluster));

/** How its API server is reached: told by EKS, or by the kubeconfig. */
export function accessTo(cluster: ClusterConfiguration): Promise<ApiServer> {
  return cluster.kind === 'platform_managed' ? platformManaged(cluster) : externalManaged(cluster);
}

async function platformManaged(cluster: ClusterConfiguration): Promise<ApiServer> {
  eks ??= new EKSClient({ maxAttempts: 5 });
  const name = cluster.eksName ?? cluster.name;
  const described = await describe(name);
  if (!described?.endpoint || !described.certificateAuthority?.data) throw refusedBy(`EKS cluster ${name} has no endpoint yet`);
  return {
    server: described.endpoint.replace(/\/+$/, ''),
    ca: Buffer.from(described.certificateAuthority.data, 'base64').toString('utf8'),
    token: () => eksToken(name),
  };
}

async function describe(name: string) {
  try {
    return (await eks!.send(new DescribeClusterCommand({ name }))).cluster;
  } catch (error) {
    const { name: code, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
    const status = $metadata?.httpStatusCode ?? 0;
    if (status >= 400 && status < 500 && status !== 429 && code !== 'ThrottlingException')
      throw refusedBy(`EKS cluster ${name}: ${code}`, error);
    throw new Fault('UNAVAILABLE', `EKS does not describe ${name}`, { cause: error });
  }
}

async function externalManaged(cluster: ClusterConfiguration): Promise<ApiServer> {
  if (!cluster.kubeconfig) throw refusedBy(`cluster ${cluster.name} names no kubeconfig`);
  // Only who has such a cluster loads the YAML parser.
  const { readKubeconfig } = await import('./kubeconfig.ts');
  const access = readKubeconfig(await resolveReference(cluster.kubeconfig));
  // Whoever may write the secret chooses the address: public ones only, unless the deployment allows this origin.
  const { url, allowed } = checkedUrl(access.server);
  return {
    server: url.href.replace(/\/+$/, ''),
    ca: access.ca,
    ...(access.certificate ? { certificate: access.certificate } : {}),
    ...(access.token === undefined ? {} : { token: () => access.token! }),
    ...(allowed ? {} : { lookup: publicLookup }),
  };
}

/** The calls of a rollout at one API server. */
export function clusterAt(server: ApiServer): Cluster {
  const send = apiCaller(server);
  const read = async <Body>(call: ApiCall, what: string): Promise<Body> => {
    const answer = await send(call);
    if (answer.status !== 200) throw refusedBy(`${what}: ${messageOfStatus(answer)}`);
    return answer.body as Body;
  };
  const patch = async <Body>(path: string, contentType: string, body: unknown, what: string): Promise<Body | undefined> => {
    const answer = await send({ method: 'PATCH', path: `${path}?fieldManager=greenlight&fieldValidation=Strict`, contentType, body });
    if (answer.status === 409) return undefined;
    if (answer.status !== 200) throw refusedBy(`${what}: ${messageOfStatus(answer)}`);
    return answer.body as Body;
  };
  const gateways = (kind: string, namespace: string, name: string) =>
    `/apis/gateway.networking.k8s.io/v1/namespaces/${segment(namespace)}/${kind}/${segment(name)}`;
  const deployments = (namespace: string, name: string) => `/apis/apps/v1/namespaces/${segment(namespace)}/deployments/${segment(name)}`;
  return {
    deployment: (namespace, name) =>
      read<Deployment>({ method: 'GET', path: deployments(namespace, name) }, `Deployment ${namespace}/${name}`),
    patchDeployment: (namespace, name, body) =>
      patch<Deployment>(deployments(namespace, name), 'application/strategic-merge-patch+json', body, `Deployment ${namespace}/${name}`),
    httpRoute: (namespace, name) =>
      read<HttpRoute>({ method: 'GET', path: gateways('httproutes', namespace, name) }, `HTTPRoute ${namespace}/${name}`),
    // Custom resources take no strategic merge patch.
    patchHttpRoute: (namespace, name, body) =>
      patch<HttpRoute>(gateways('httproutes', namespace, name), 'application/merge-patch+json', body, `HTTPRoute ${namespace}/${name}`),
    gateway: (namespace, name) =>
      read<Gateway>({ method: 'GET', path: gateways('gateways', namespace, name) }, `Gateway ${namespace}/${name}`),
    async labelled(namespace, label) {
      const path = `/apis/apps/v1/namespaces/${segment(namespace)}/deployments?limit=500&labelSelector=${encodeURIComponent(label)}`;
      return (await read<{ items?: Deployment[] }>({ method: 'GET', path }, `Deployments of ${namespace}`)).items ?? [];
    },
    service: (namespace, name) =>
      read<Service>(
        { method: 'GET', path: `/api/v1/namespaces/${segment(namespace)}/services/${segment(name)}` },
        `Service ${namespace}/${name}`,
      ),
    async pods(namespace, labels) {
      const selector = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
      // An empty selector would list every pod of the namespace.
      if (selector.length === 0) throw refusedBy(`a Deployment in ${namespace} selects its pods by no label`);
      const path = `/api/v1/namespaces/${segment(namespace)}/pods?labelSelector=${encodeURIComponent(selector.join(','))}`;
      return (await read<{ items?: Pod[] }>({ method: 'GET', path }, `pods of ${namespace}`)).items ?? [];
    },
  };
}

/** Names come from the configuration, never from a request; they are path segments all the same. */
function segment(name: string): string {
  return encodeURIComponent(name);
}
