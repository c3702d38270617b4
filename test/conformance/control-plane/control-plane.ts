/**
 * A real control plane on loopback: etcd, kube-apiserver with RBAC, kube-controller-manager. Scheduler and kubelet are not there: `node-agent.ts` plays them.
 * Its authority is its own, its data is gone afterwards.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import { openCertificateAuthority } from '../../../local/certificate-authority.ts';
import type { Fields } from '../../../local/kubernetes/kube-object.ts';
import { type Caller, callerOf } from '../../local/kubernetes/test-cluster.ts';
import type { Programs } from './programs.ts';

export interface ControlPlane extends Caller {
  /** Creates the objects of YAML files, in order, strictly checked. */
  apply(...files: string[]): Promise<void>;
  /** Token of a ServiceAccount, from the TokenRequest API as `kubectl create token` asks it. */
  tokenOf(namespace: string, account: string): Promise<string>;
  /** Kills the API server with SIGKILL and starts it again at the same address. */
  restartApi(): Promise<void>;
  /** A kubeconfig as `kubectl config` writes it. */
  kubeconfig(token: string): string;
  stop(): Promise<void>;
}

/** A machine with two busy cores takes its time. */
const READY_MS = 120_000;
/** What Deployments, quotas, ServiceAccounts and namespaces need; controllers of nodes would miss the kubelet. */
const CONTROLLERS = [
  'deployment-controller',
  'replicaset-controller',
  'endpoints-controller',
  'endpointslice-controller',
  'garbage-collector-controller',
  'namespace-controller',
  'resourcequota-controller',
  'root-ca-certificate-publisher-controller',
  'serviceaccount-controller',
];

export async function startControlPlane(programs: Programs): Promise<ControlPlane> {
  const folder = mkdtempSync(join(tmpdir(), 'greenlight-control-plane-'));
  const running: ChildProcess[] = [];
  const stop = async () => {
    for (const child of running.reverse()) await ended(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    return { ...(await start(programs, folder, running)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(programs: Programs, folder: string, running: ChildProcess[]): Promise<Omit<ControlPlane, 'stop'>> {
  const authority = await openCertificateAuthority(join(folder, 'ca'));
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const launch = (program: keyof Programs, options: Record<string, string>) => {
    const words = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
    const child = spawn(programs[program], words, { stdio: ['ignore', 'ignore', 'pipe'] });
    running.push(child);
    let log = '';
    child.stderr!.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-4_000);
    });
    return { child, log: () => `${program} said:\n${log}` };
  };

  const [clientPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
  const [client, peer] = [`http://127.0.0.1:${clientPort}`, `http://127.0.0.1:${peerPort}`];
  launch('etcd', {
    'data-dir': join(folder, 'etcd'),
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `default=${peer}`,
    'unsafe-no-fsync': 'true',
    'log-level': 'error',
  });

  const server = await authority.issue('kube-apiserver');
  const accounts = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const accountKey = file('accounts.key', accounts.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
  const token = randomBytes(16).toString('hex');
  const apiOptions = {
    'etcd-servers': client,
    'bind-address': '127.0.0.1',
    'secure-port': String(port),
    'tls-cert-file': file('server.crt', server.cert),
    'tls-private-key-file': file('server.key', server.key),
    'token-auth-file': file('tokens.csv', `${token},admin,admin,"system:masters"\n`),
    'authorization-mode': 'RBAC',
    // As in EKS, where nobody reads more than the health of the server without a token.
    'anonymous-auth': 'false',
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': file('accounts.pub', accounts.publicKey.export({ type: 'spki', format: 'pem' }) as string),
    'service-account-signing-key-file': accountKey,
    'service-cluster-ip-range': '10.96.0.0/16',
    // A loopback address may not be an endpoint of the Service `kubernetes`.
    'endpoint-reconciler-type': 'none',
    'cert-dir': join(folder, 'certificates'),
  };
  const origin = `https://127.0.0.1:${port}`;
  const caller = callerOf(origin, authority.certificate, token, new Agent({ keepAlive: true }));
  const startApi = async () => {
    const started = launch('kube-apiserver', apiOptions);
    await until(started, async () => (await caller.call('GET', '/readyz')).status === 200);
    return started.child;
  };
  let api = await startApi();

  const kubeconfig = (bearer: string) => kubeconfigOf(origin, authority.certificate, bearer);
  const controllers = launch('kube-controller-manager', {
    kubeconfig: file('controllers.kubeconfig', kubeconfig(token)),
    controllers: CONTROLLERS.join(','),
    'leader-elect': 'false',
    'secure-port': '0',
    'service-account-private-key-file': accountKey,
    'root-ca-file': authority.certificateFile,
    'kube-api-qps': '500',
    'kube-api-burst': '1000',
  });
  // Pods need the ServiceAccount that a controller makes in each namespace.
  await until(controllers, async () => (await caller.call('GET', '/api/v1/namespaces/default/serviceaccounts/default')).status === 200);

  const create = async (path: string, body: unknown): Promise<Fields> => {
    const answer = await caller.call('POST', path, body);
    if (answer.status !== 201) throw new Error(`POST ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  return {
    ...caller,
    kubeconfig,
    async restartApi() {
      const gone = new Promise((resolve) => api.once('exit', resolve));
      api.kill('SIGKILL');
      await gone;
      api = await startApi();
    },
    async apply(...files) {
      for (const path of files)
        for (const document of parseAllDocuments(readFileSync(path, 'utf8'))) {
          const object = document.toJS() as Fields | null;
          if (object) await create(`${collectionOf(object)}?fieldValidation=Strict`, object);
        }
    },
    async tokenOf(namespace, account) {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3_600 } };
      return (await create(path, body)).status.token as string;
    },
  };
}

/** Installs the CRDs of the Gateway API, and waits until they are served. */
export async function installGatewayApi(plane: ControlPlane, { crds }: Programs): Promise<void> {
  await plane.apply(
    ...readdirSync(crds)
      .filter((name) => /_(gatewayclasses|gateways|httproutes)\.yaml$/.test(name))
      .map((name) => join(crds, name)),
  );
  const kinds = ['gatewayclasses', 'gateways', 'httproutes'];
  for (let left = 1_200; left > 0; left--) {
    const answers = await Promise.all(kinds.map((plural) => plane.call('GET', `/apis/gateway.networking.k8s.io/v1/${plural}`)));
    if (answers.every(({ status }) => status === 200)) return;
    await sleep(100);
  }
  throw new Error('the CRDs of the Gateway API are not served');
}

const IRREGULAR: Record<string, string> = { GatewayClass: 'gatewayclasses', Ingress: 'ingresses' };
const CLUSTER_WIDE = /^(Namespace|ClusterRole|ClusterRoleBinding|CustomResourceDefinition|GatewayClass|Node)$/;

/** Path of the collection that an object belongs to. */
export function collectionOf({ apiVersion, kind, metadata }: Fields): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const plural = IRREGULAR[kind] ?? `${kind.toLowerCase()}s`;
  return CLUSTER_WIDE.test(kind) ? `${root}/${plural}` : `${root}/namespaces/${metadata.namespace ?? 'default'}/${plural}`;
}

function kubeconfigOf(server: string, ca: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'main',
    contexts: [{ name: 'main', context: { cluster: 'main', user: 'main' } }],
    clusters: [{ name: 'main', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
    users: [{ name: 'main', user: { token } }],
  });
}

async function until({ child, log }: { child: ChildProcess; log(): string }, check: () => Promise<boolean>): Promise<void> {
  for (const limit = performance.now() + READY_MS; ; await sleep(200)) {
    if (await check().catch(() => false)) return;
    if (child.exitCode !== null || performance.now() > limit) throw new Error(`not ready; ${log()}`);
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await Promise.race([gone, sleep(5_000)]);
  child.kill('SIGKILL');
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
