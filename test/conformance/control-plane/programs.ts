/**
 * Where the programs of a real control plane are. `npm run build:kubernetes` builds them into the cache folder; `ETCD`, `KUBE_APISERVER`,
 * `KUBE_CONTROLLER_MANAGER` and `GATEWAY_API_CRDS` (a folder) name others.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** The versions that `build.ts` takes from the Go module proxy; etcd is the one that this Kubernetes is made with. */
export const VERSIONS = { kubernetes: '1.34.4', etcd: '3.6.4', gatewayApi: '1.4.1' } as const;
export const NAMES = ['etcd', 'kube-apiserver', 'kube-controller-manager'] as const;
export const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'greenlight', `kubernetes-${VERSIONS.kubernetes}`);
export const CRDS = join(CACHE, 'gateway-api');

export type Programs = Record<(typeof NAMES)[number], string> & { crds: string };

/** All of them, or undefined: then it is said what is missing, because the tests that need it are skipped. */
export function findPrograms(): Programs | undefined {
  const found = NAMES.map((name) => [name, locate(name)] as const);
  const crds = [process.env['GATEWAY_API_CRDS'], CRDS].find((folder) => folder !== undefined && existsSync(folder));
  const missing: string[] = found.flatMap(([name, path]) => (path === undefined ? [name] : []));
  if (crds === undefined) missing.push('the CRDs of the Gateway API');
  if (missing.length === 0) return { ...Object.fromEntries(found), crds } as Programs;
  console.warn(`${missing.join(', ')} not found: the tests against a real control plane are skipped (npm run build:kubernetes builds it)`);
  return undefined;
}

function locate(name: string): string | undefined {
  const named = process.env[name.toUpperCase().replaceAll('-', '_')];
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name));
  return [...(named ? [named] : []), join(CACHE, name), ...onPath].find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
