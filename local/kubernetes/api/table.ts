/** `Table` answers (`as=Table;v=v1;g=meta.k8s.io`): the columns that kubectl prints. */
import type { Fields, KubeObject } from '../kube-object.ts';
import type { ResourceKind } from '../resource-kinds.ts';
import { formatLabelSelector } from '../selectors.ts';
import { podColumns } from './table-pod.ts';

/** `[name, type, cell, wide]`; wide columns are shown by `-o wide` only. */
export type Column = [string, 'string' | 'integer', (object: KubeObject, now: number) => unknown, true?];

/** Table of the objects. `columns` false leaves the definitions out, as a watch does after its first event. */
export function toTable(
  kind: ResourceKind,
  objects: KubeObject[],
  options: { now: number; include: string; listMeta?: object; columns?: boolean },
): unknown {
  const columns: Column[] = [['Name', 'string', (object) => object.metadata.name], ...(COLUMNS[kind.kind] ?? []), AGE];
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: options.listMeta ?? {},
    columnDefinitions:
      options.columns === false
        ? null
        : columns.map(([name, type, , wide]) => ({
            name,
            type,
            format: name === 'Name' ? 'name' : '',
            description: '',
            priority: wide ? 1 : 0,
          })),
    rows: objects.map((object) => ({
      cells: columns.map(([, , cell]) => cell(object, options.now)),
      ...(options.include === 'None' ? {} : { object: options.include === 'Object' ? object : partial(object) }),
    })),
  };
}

/** The object's metadata alone. */
export function partial(object: KubeObject): unknown {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}

/** `5m12s`, `3h4m`, `12d`: as kubectl shortens durations. */
export function age(since: string | undefined, now: number): string {
  if (!since) return '<unknown>';
  const seconds = Math.floor((now - Date.parse(since)) / 1000);
  if (seconds < 0) return seconds >= -1 ? '0s' : '<invalid>';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  return hours < 192 && hours % 24 !== 0 ? `${days}d${hours % 24}h` : `${days}d`;
}

const AGE: Column = ['Age', 'string', (object, now) => age(object.metadata.creationTimestamp, now)];
const containers = (object: KubeObject) => (object.spec?.template?.spec?.containers ?? object.spec?.containers ?? []) as Fields[];
const names: Column = [
  'Containers',
  'string',
  (object) =>
    containers(object)
      .map((each) => each.name)
      .join(','),
  true,
];
const images: Column = [
  'Images',
  'string',
  (object) =>
    containers(object)
      .map((each) => each.image)
      .join(','),
  true,
];
const selector: Column = ['Selector', 'string', (object) => formatLabelSelector(object.spec?.selector), true];

function servicePorts(object: KubeObject): string {
  const ports = (object.spec?.ports ?? []) as Fields[];
  return ports.map((port) => `${port.port}${port.nodePort ? `:${port.nodePort}` : ''}/${port.protocol}`).join(',') || '<none>';
}

function externalAddress(object: KubeObject): string {
  const ingress = (object.status?.loadBalancer?.ingress ?? []) as Fields[];
  if (ingress.length > 0) return ingress.map((each) => each.ip ?? each.hostname).join(',');
  return object.spec?.type === 'LoadBalancer' ? '<pending>' : '<none>';
}

function readyAddresses(object: KubeObject): string {
  const found = ((object.subsets ?? []) as Fields[]).flatMap((subset) =>
    ((subset.addresses ?? []) as Fields[]).flatMap((address) =>
      ((subset.ports ?? []) as Fields[]).map((port) => `${address.ip}:${port.port}`),
    ),
  );
  return found.length > 3 ? `${found.slice(0, 3).join(',')} + ${found.length - 3} more...` : found.join(',') || '<none>';
}

const roleRef: Column = ['Role', 'string', ({ roleRef: ref }) => `${(ref as Fields)?.kind}/${(ref as Fields)?.name}`];

const COLUMNS: Record<string, Column[]> = {
  Deployment: [
    ['Ready', 'string', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`],
    ['Up-to-date', 'integer', ({ status }) => status?.updatedReplicas ?? 0],
    ['Available', 'integer', ({ status }) => status?.availableReplicas ?? 0],
    names,
    images,
    selector,
  ],
  ReplicaSet: [
    ['Desired', 'integer', ({ spec }) => spec?.replicas ?? 0],
    ['Current', 'integer', ({ status }) => status?.replicas ?? 0],
    ['Ready', 'integer', ({ status }) => status?.readyReplicas ?? 0],
    names,
    images,
    selector,
  ],
  Pod: podColumns,
  Service: [
    ['Type', 'string', ({ spec }) => spec?.type],
    ['Cluster-IP', 'string', ({ spec }) => spec?.clusterIP ?? '<none>'],
    ['External-IP', 'string', externalAddress],
    ['Port(s)', 'string', servicePorts],
    ['Selector', 'string', ({ spec }) => formatLabelSelector({ matchLabels: spec?.selector }) || '<none>', true],
  ],
  Endpoints: [['Endpoints', 'string', readyAddresses]],
  ConfigMap: [['Data', 'integer', ({ data, binaryData }) => Object.keys({ ...(data as object), ...(binaryData as object) }).length]],
  Namespace: [['Status', 'string', ({ status }) => status?.phase]],
  Node: [
    [
      'Status',
      'string',
      ({ status }) => (status?.conditions?.some((each: Fields) => each.type === 'Ready' && each.status === 'True') ? 'Ready' : 'NotReady'),
    ],
    ['Roles', 'string', () => '<none>'],
    ['Version', 'string', ({ status }) => status?.nodeInfo?.kubeletVersion],
  ],
  Event: [
    ['Last Seen', 'string', (object, now) => age((object.lastTimestamp as string) ?? object.metadata.creationTimestamp, now)],
    ['Type', 'string', ({ type }) => type],
    ['Reason', 'string', ({ reason }) => reason],
    ['Object', 'string', ({ involvedObject: about }) => `${String((about as Fields)?.kind).toLowerCase()}/${(about as Fields)?.name}`],
    ['Message', 'string', ({ message }) => message],
  ],
  Lease: [['Holder', 'string', ({ spec }) => spec?.holderIdentity ?? '']],
  RoleBinding: [roleRef],
  ClusterRoleBinding: [roleRef],
  Ingress: [
    ['Class', 'string', ({ spec }) => spec?.ingressClassName ?? '<none>'],
    ['Hosts', 'string', ({ spec }) => ((spec?.rules ?? []) as Fields[]).map((rule) => rule.host ?? '*').join(',') || '*'],
    ['Address', 'string', externalAddress],
  ],
};
