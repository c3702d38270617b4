/** A cluster over a temporary folder, with a registry that serves made-up images and a client for its API. */
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { type Agent, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { openCertificateAuthority } from '../../../local/certificate-authority.ts';
import { runSampleApp } from '../../../local/demo/sample-app.ts';
import { createEks, type Eks, type EksOptions } from '../../../local/eks/eks.ts';
import type { Fields } from '../../../local/kubernetes/kube-object.ts';
import { makeContext, type TestContext } from '../context.ts';

/** An API server, ours or a real one, as its administrator calls it. */
export interface Caller {
  origin: string;
  ca: string;
  /** The administrator's. */
  token: string;
  call(method: string, path: string, body?: unknown, options?: CallOptions): Promise<Answer>;
}

export interface TestCluster extends Caller {
  context: TestContext;
  eks: Eks;
  stop(): Promise<void>;
  dispose(): Promise<void>;
}

export interface CallOptions {
  token?: string;
  contentType?: string;
  accept?: string;
}

export interface Answer {
  status: number;
  body: Fields;
  headers: Record<string, string | string[] | undefined>;
}

/** Starts an EKS cluster named `demo`; a hundred times faster than real time unless told otherwise. */
export async function startCluster(overrides: Partial<EksOptions> & { data?: string; scale?: number } = {}): Promise<TestCluster> {
  const { data, scale = 0.01, ...options } = overrides;
  const context = makeContext('eks', { scale, ...(data ? { data } : {}) });
  const authority = await openCertificateAuthority(join(context.data, 'ca'));
  const certificate = await authority.issue('demo');
  const eks = await createEks(context, {
    clusters: [{ name: 'demo', accessEntries: [] }],
    tls: () => certificate,
    certificate: authority.certificate,
    stsOrigin: () => 'http://127.0.0.1:1',
    runContainer: runSampleApp,
    ...options,
  });
  await eks.start?.();
  const stop = async () => {
    await eks.close?.();
    await context.stop();
  };
  return {
    context,
    eks,
    ...callerOf(eks.kubernetesOrigin, authority.certificate, eks.adminToken),
    stop,
    async dispose() {
      await stop();
      await context.dispose();
    },
  };
}

/** Calls of an API server as somebody, each on a connection of its own unless an agent keeps them. */
export function callerOf(origin: string, ca: string, token: string, agent?: Agent): Caller {
  return {
    origin,
    ca,
    token,
    call: (method, path, body, options = {}) => call(origin, ca, { token, ...options }, method, path, body, agent),
  };
}

function call(
  origin: string,
  ca: string,
  options: CallOptions,
  method: string,
  path: string,
  body: unknown,
  agent: Agent | false = false,
): Promise<Answer> {
  const sent = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const headers = {
      'content-length': String(Buffer.byteLength(sent)),
      accept: options.accept ?? 'application/json',
      'content-type': options.contentType ?? 'application/json',
      'user-agent': 'test/1',
      ...(options.token ? { authorization: `Bearer ${options.token}` } : {}),
    };
    const request = httpsRequest(new URL(path, origin), { method, ca, headers, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, body: text.startsWith('{') ? JSON.parse(text) : { text }, headers: response.headers });
      });
    });
    request.on('error', reject);
    request.end(sent);
  });
}

export interface TestRegistry {
  host: string;
  /** Adds an image of two platforms with these labels and answers its reference by digest. */
  add(repository: string, labels: Record<string, string>, tag?: string): string;
  requests: string[];
  close(): Promise<void>;
}

/** A registry that answers manifests and blobs from memory. */
export async function startRegistry(): Promise<TestRegistry> {
  const content = new Map<string, { type: string; bytes: Buffer }>();
  const requests: string[] = [];
  const server: Server = createServer((request, response) => {
    requests.push(request.url ?? '');
    const found = content.get(request.url ?? '');
    if (!found) return void response.writeHead(404).end('{}');
    response.writeHead(200, { 'content-type': found.type });
    response.end(found.bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const put = (repository: string, kind: 'manifests' | 'blobs', type: string, value: unknown) => {
    const bytes = Buffer.from(JSON.stringify(value));
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    content.set(`/v2/${repository}/${kind}/${digest}`, { type, bytes });
    return { digest, size: bytes.length, type, bytes };
  };
  return {
    host,
    requests,
    add(repository, labels, tag) {
      const manifestType = 'application/vnd.oci.image.manifest.v1+json';
      const indexType = 'application/vnd.oci.image.index.v1+json';
      const config = put(repository, 'blobs', 'application/vnd.oci.image.config.v1+json', {
        architecture: 'amd64',
        os: 'linux',
        config: { Labels: labels, Env: ['MODE=test'] },
      });
      const manifest = put(repository, 'manifests', manifestType, {
        schemaVersion: 2,
        mediaType: manifestType,
        config: { mediaType: config.type, digest: config.digest, size: config.size },
        layers: [],
      });
      const platform = (architecture: string) => ({
        mediaType: manifestType,
        digest: manifest.digest,
        size: manifest.size,
        platform: { os: 'linux', architecture },
      });
      const index = put(repository, 'manifests', indexType, {
        schemaVersion: 2,
        mediaType: indexType,
        manifests: [platform('arm64'), platform('amd64')],
      });
      if (tag) content.set(`/v2/${repository}/manifests/${tag}`, { type: indexType, bytes: index.bytes });
      return `${host}/${repository}@${index.digest}`;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A Deployment of the demo's shape. */
export function deployment(name: string, image: string, replicas = 2, more: Fields = {}): Fields {
  const labels = { app: 'payment-api', track: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'prod', labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [
            {
              name: 'app',
              image,
              ports: [{ containerPort: 8080 }],
              readinessProbe: { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 1 },
            },
          ],
        },
      },
      ...more,
    },
  };
}

export const NAMESPACE = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'prod' } };

export const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'payment-api', namespace: 'prod' },
  spec: { type: 'LoadBalancer', selector: { app: 'payment-api' }, ports: [{ port: 80, targetPort: 8080 }] },
};

export const DEPLOYMENTS = '/apis/apps/v1/namespaces/prod/deployments';
export const PODS = '/api/v1/namespaces/prod/pods';

/** Polls until the check answers something truthy. Virtual time runs on by itself: the clock of these tests is fast. */
export async function until<T>(check: () => Promise<T | undefined | false>, limitMs = 120_000): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (performance.now() > end) throw new Error(`not reached within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Waits until the Deployment has rolled out completely. */
export function rolledOut(cluster: TestCluster, name: string): Promise<Fields> {
  return until(async () => {
    const { body } = await cluster.call('GET', `${DEPLOYMENTS}/${name}`);
    const { spec, status, metadata } = body;
    const complete =
      status?.observedGeneration >= metadata?.generation &&
      (status.updatedReplicas ?? 0) === spec.replicas &&
      (status.replicas ?? 0) === spec.replicas;
    return complete && (status.availableReplicas ?? 0) === spec.replicas && body;
  });
}
