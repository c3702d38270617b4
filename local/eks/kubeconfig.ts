/** The kubeconfig of the data folder: static administrator token and pinned authority, one context per cluster. */
import { stringify } from 'yaml';
import { writeFileDurably } from '../durable-file.ts';
import type { ClusterState } from './describe-cluster.ts';

/** Writes the file for its owner alone (0600). */
export function writeKubeconfig(path: string, certificate: string, adminToken: string, clusters: ClusterState[]): void {
  const authority = Buffer.from(certificate).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: clusters.map(({ name, cluster }) => ({ name, cluster: { server: cluster.origin, 'certificate-authority-data': authority } })),
    users: [{ name: 'admin', user: { token: adminToken } }],
    contexts: clusters.map(({ name }) => ({ name, context: { cluster: name, user: 'admin' } })),
    'current-context': clusters[0]?.name ?? '',
  };
  writeFileDurably(path, stringify(config), 0o600);
}
