/** What the cluster serves: `/api`, `/apis`, `/apis/<group>`, `/apis/<group>/<version>`, `/version`. */
import { groupVersion, RESOURCE_KINDS, type ResourceKind } from '../resource-kinds.ts';

const MINOR = '34';
export const CLUSTER_VERSION = `1.${MINOR}`;
export const GIT_VERSION = `v1.${MINOR}.4-eks-local`;

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** The discovery document of a path, or undefined where there is none. */
export function discover(path: string): unknown {
  const [root, group, version] = path.split('/').filter(Boolean);
  if (root === 'version') return VERSION;
  if (root === 'api' && group === undefined) {
    return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '127.0.0.1' }] };
  }
  if (root === 'api' && version === undefined) return resourceList(group!, (each) => each.group === '' && each.version === group);
  if (root !== 'apis') return undefined;
  if (group === undefined) return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups() };
  if (version === undefined) {
    const found = groups().find((each) => each.name === group);
    return found && { kind: 'APIGroup', apiVersion: 'v1', ...found };
  }
  return resourceList(`${group}/${version}`, (each) => each.group === group && each.version === version);
}

const VERSION = {
  major: '1',
  minor: MINOR,
  gitVersion: GIT_VERSION,
  gitCommit: '0000000000000000000000000000000000000000',
  gitTreeState: 'clean',
  buildDate: '2026-01-01T00:00:00Z',
  goVersion: 'go1.23.0',
  compiler: 'gc',
  platform: 'linux/amd64',
};

function groups() {
  const names = [...new Set(RESOURCE_KINDS.map((each) => each.group).filter(Boolean))];
  return names.map((name) => {
    const version = { groupVersion: `${name}/v1`, version: 'v1' };
    return { name, versions: [version], preferredVersion: version };
  });
}

function resourceList(name: string, belongs: (kind: ResourceKind) => boolean): unknown {
  const resources = RESOURCE_KINDS.filter(belongs).flatMap(describe);
  return resources.length === 0 ? undefined : { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: name, resources };
}

function describe(kind: ResourceKind): Record<string, unknown>[] {
  const base = { name: kind.plural, singularName: kind.singular, namespaced: kind.namespaced, kind: kind.kind };
  if (!kind.stored) return [{ ...base, verbs: ['create'] }];
  const main = {
    ...base,
    verbs: VERBS,
    ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
    ...(kind.inAll ? { categories: ['all'] } : {}),
  };
  const subresources = kind.subresources.map((name) => ({
    ...base,
    name: `${kind.plural}/${name}`,
    singularName: '',
    ...(name === 'scale' ? { group: 'autoscaling', version: 'v1', kind: 'Scale' } : {}),
    verbs: ['get', 'patch', 'update'],
  }));
  return [main, ...subresources];
}

/** Group version path under `/openapi/v3`: `api/v1` or `apis/apps/v1`. */
export function openApiPath(kind: ResourceKind): string {
  return kind.group ? `apis/${groupVersion(kind)}` : `api/${kind.version}`;
}
