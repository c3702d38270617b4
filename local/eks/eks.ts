/**
 * Amazon EKS (REST JSON): DescribeCluster, ListClusters and the access entries of clusters that run in this process.
 * Clusters are given at the start and cannot be created or deleted through the API: any other operation is refused by name.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFileDurably } from '../durable-file.ts';
import { createCluster } from '../kubernetes/cluster.ts';
import type { RunContainer } from '../kubernetes/node/container.ts';
import type { CloudContext, LocalService, ServiceError, ServiceRequest, ServiceResponse } from '../service.ts';
import { AccessEntries, type AccessEntryPattern } from './access-entries.ts';
import { type ClusterState, describeCluster } from './describe-cluster.ts';
import { EksError, eksOperation, notFound } from './eks-operations.ts';
import { writeKubeconfig } from './kubeconfig.ts';

export interface EksClusterOptions {
  name: string;
  /** Who may enter, and with which groups. `rolePattern`: role ARN or name with `*`. */
  accessEntries: AccessEntryPattern[];
  /** Kubernetes objects created at the first start, in order. */
  manifests?: object[];
}

export interface EksOptions {
  clusters: EksClusterOptions[];
  /** Server certificate for 127.0.0.1, by cluster name. */
  tls: (name: string) => { key: string; cert: string };
  /** PEM of the authority that signed it. */
  certificate: string;
  /** Origin of the AWS endpoint, which presigned STS tokens must name. */
  stsOrigin: () => string;
  runContainer: RunContainer;
}

export interface Eks extends LocalService {
  /** Origin of the first cluster's API. */
  kubernetesOrigin: string;
  /** Path (0600): one context per cluster, the first is current. */
  kubeconfig: string;
  adminToken: string;
  /** Addresses of LoadBalancer Services, by `namespace/name`. */
  apps(): Record<string, string>;
}

/** Opens all clusters; they serve when this resolves. Manifests, controllers and pods wait for `start`. */
export async function createEks(context: CloudContext, options: EksOptions): Promise<Eks> {
  const adminToken = secretOf(join(context.folder, 'admin-token'));
  const entries = new AccessEntries(context, options.clusters);
  const clusters: ClusterState[] = [];
  for (const { name, manifests } of options.clusters) {
    const cluster = await createCluster({
      context,
      name,
      folder: join(context.folder, name),
      tls: options.tls(name),
      adminToken,
      accessEntries: () => entries.of(name),
      stsOrigin: options.stsOrigin,
      runContainer: options.runContainer,
      ...(manifests ? { manifests } : {}),
    });
    clusters.push({ name, cluster, arn: arnOf(context, name) });
  }
  const kubeconfig = join(context.folder, 'kubeconfig');
  writeKubeconfig(kubeconfig, options.certificate, adminToken, clusters);

  return {
    name: 'eks',
    scopes: ['eks'],
    resources: {},
    kubernetesOrigin: clusters[0]?.cluster.origin ?? '',
    kubeconfig,
    adminToken,
    apps: () => Object.assign({}, ...clusters.map(({ cluster }) => cluster.apps())) as Record<string, string>,
    operation: (request) => eksOperation(request).name,
    checks(request) {
      const { name, cluster } = eksOperation(request);
      return [{ action: `eks:${name}`, resource: cluster === undefined ? '*' : arnOf(context, cluster) }];
    },
    async handle(request) {
      try {
        return answer(request);
      } catch (error) {
        if (error instanceof EksError) return errorResponse(request, error);
        throw error;
      }
    },
    errorResponse,
    async start() {
      for (const { cluster } of clusters) await cluster.start();
    },
    async close() {
      for (const { cluster } of clusters) await cluster.close();
    },
  };

  function answer(request: ServiceRequest): ServiceResponse {
    const operation = eksOperation(request);
    if (operation.name === 'ListClusters') return json(200, { clusters: clusters.map(({ name }) => name) });
    const state = clusters.find(({ name }) => name === operation.cluster);
    if (operation.cluster !== undefined && !state) throw notFound(`No cluster found for name: ${operation.cluster}.`);
    switch (operation.name) {
      case 'DescribeCluster':
        return json(200, { cluster: describeCluster(context, state!, options.certificate) });
      case 'ListAccessEntries':
        return json(200, { accessEntries: entries.list(state!.name) });
      case 'DescribeAccessEntry':
        return json(200, { accessEntry: entries.describe(state!.name, operation.principal!) });
      case 'CreateAccessEntry':
        return json(200, { accessEntry: entries.create(state!.name, request.body) });
      case 'DeleteAccessEntry':
        entries.delete(state!.name, operation.principal!);
        return json(200, {});
      default:
        context.log('unsupported EKS operation', { operation: operation.name });
        throw new EksError(400, 'InvalidRequestException', `The local cloud does not support ${operation.name}`);
    }
  }
}

function errorResponse(request: ServiceRequest, error: ServiceError): ServiceResponse {
  const response = json(error.status, { message: error.message });
  response.headers = { ...response.headers, 'x-amzn-errortype': error.code, 'x-amzn-requestid': request.requestId };
  return response;
}

function json(status: number, body: unknown): ServiceResponse {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

function arnOf(context: CloudContext, cluster: string): string {
  return `arn:aws:eks:${context.region}:${context.account}:cluster/${cluster}`;
}

/** A random secret that the folder keeps. */
function secretOf(file: string): string {
  createFileDurably(file, randomBytes(32).toString('base64url'));
  return readFileSync(file, 'utf8');
}
