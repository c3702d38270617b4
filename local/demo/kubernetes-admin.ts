/** The demo's `kubectl`: creates objects that are missing and reads them, as the administrator of the kubeconfig. */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { parse } from 'yaml';

interface Kubeconfig {
  clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
  users: { user: { token: string } }[];
}

interface KubeReference {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
}

/** Plural names of the kinds that the demo uses. */
const PLURALS: Record<string, string> = {
  Namespace: 'namespaces',
  Role: 'roles',
  RoleBinding: 'rolebindings',
  Service: 'services',
  Deployment: 'deployments',
};

export class KubernetesAdmin {
  readonly #origin: string;
  readonly #ca: Buffer;
  readonly #token: string;

  /** Uses the first cluster and user of the file. */
  constructor(kubeconfig: string) {
    const { clusters, users } = parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig;
    this.#origin = clusters[0]!.cluster.server;
    this.#ca = Buffer.from(clusters[0]!.cluster['certificate-authority-data'], 'base64');
    this.#token = users[0]!.user.token;
  }

  /** Creates what does not exist yet, in order; what exists stays as it is. */
  async create(objects: readonly object[]): Promise<void> {
    for (const object of objects as KubeReference[]) {
      const { status, body } = await this.#send('POST', collectionOf(object), object);
      if (status !== 201 && status !== 409) throw failed(`create ${object.kind} ${object.metadata.name}`, status, body);
    }
  }

  /** The object as it is now; undefined when there is none. */
  async get<T = Record<string, unknown>>(apiVersion: string, kind: string, namespace: string, name: string): Promise<T | undefined> {
    const reference = { apiVersion, kind, metadata: { name, namespace } };
    const { status, body } = await this.#send('GET', `${collectionOf(reference)}/${name}`);
    if (status === 404) return undefined;
    if (status !== 200) throw failed(`get ${kind} ${name}`, status, body);
    return JSON.parse(body) as T;
  }

  /** Sets the replicas of a Deployment. */
  scale(namespace: string, name: string, replicas: number): Promise<void> {
    return this.#patch(namespace, name, { replicas });
  }

  /** Sets the image of a container of a Deployment. */
  setImage(namespace: string, name: string, container: string, image: string): Promise<void> {
    return this.#patch(namespace, name, { template: { spec: { containers: [{ name: container, image }] } } });
  }

  async #patch(namespace: string, name: string, spec: object): Promise<void> {
    const path = `${collectionOf({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace } })}/${name}`;
    const { status, body } = await this.#send('PATCH', path, { spec }, 'application/strategic-merge-patch+json');
    if (status !== 200) throw failed(`patch ${name}`, status, body);
  }

  #send(method: string, path: string, object?: object, contentType = 'application/json'): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${this.#token}`, accept: 'application/json', 'content-type': contentType };
      const outgoing = request(new URL(path, this.#origin), { method, headers, ca: this.#ca, timeout: 30_000 }, (answer) => {
        let body = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => (body += chunk));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }));
        answer.on('error', reject);
      });
      outgoing.on('error', reject);
      outgoing.on('timeout', () => outgoing.destroy(new Error(`the cluster did not answer ${method} ${path}`)));
      outgoing.end(object && JSON.stringify(object));
    });
  }
}

function collectionOf({ apiVersion, kind, metadata }: KubeReference): string {
  const plural = PLURALS[kind];
  if (!plural) throw new Error(`the demo does not use ${kind}`);
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return metadata.namespace === undefined ? `${group}/${plural}` : `${group}/namespaces/${metadata.namespace}/${plural}`;
}

function failed(what: string, status: number, body: string): Error {
  return new Error(`${what}: the cluster answered ${status}: ${body.slice(0, 500)}`);
}
