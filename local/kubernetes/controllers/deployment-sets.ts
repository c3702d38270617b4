/** ReplicaSets of a Deployment: finding the one of its present template, making it, and numbering revisions. */
import { createHash } from 'node:crypto';
import type { ObjectApi } from '../api/object-api.ts';
import { type Fields, type KubeObject, sameJson } from '../kube-object.ts';
import { REPLICA_SETS } from '../resource-kinds.ts';
import { isOwnedBy } from './replica-set-controller.ts';
import { strategyOf } from './rolling-update.ts';

export const HASH_LABEL = 'pod-template-hash';
export const REVISION = 'deployment.kubernetes.io/revision';
const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
const DESIRED = 'deployment.kubernetes.io/desired-replicas';
const MAXIMUM = 'deployment.kubernetes.io/max-replicas';
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** ReplicaSets that the Deployment controls, oldest first. */
export function setsOf(api: ObjectApi, deployment: KubeObject): KubeObject[] {
  return api.store
    .list(REPLICA_SETS, deployment.metadata.namespace)
    .filter((set) => isOwnedBy(set, deployment))
    .sort((a, b) => revisionOf(a) - revisionOf(b) || a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp));
}

export function revisionOf(object: KubeObject): number {
  return Number(object.metadata.annotations?.[REVISION] ?? 0);
}

/** The set whose template is the Deployment's, if there is one. */
export function newestSet(deployment: KubeObject, sets: KubeObject[]): KubeObject | undefined {
  return sets.find((set) => sameJson(bareTemplate(set.spec?.template), bareTemplate(deployment.spec?.template)));
}

function bareTemplate(template: Fields | undefined): Fields {
  const copy = structuredClone(template ?? {});
  delete copy.metadata?.labels?.[HASH_LABEL];
  delete copy.metadata?.creationTimestamp;
  return copy;
}

/** Annotations of a set: the Deployment's own, the revision, and how large it may get. */
export function setAnnotations(deployment: KubeObject, revision: number, set?: KubeObject): Record<string, string> {
  const { replicas, maxSurge } = strategyOf(deployment.spec ?? {});
  const own = Object.entries(deployment.metadata.annotations ?? {}).filter(([name]) => name !== LAST_APPLIED && name !== REVISION);
  const earlier = set ? revisionOf(set) : 0;
  const history = set?.metadata.annotations?.[REVISION_HISTORY];
  const numbers = earlier > 0 && earlier !== revision ? [history, String(earlier)].filter(Boolean).join(',') : history;
  return {
    ...Object.fromEntries(own),
    [DESIRED]: String(replicas),
    [MAXIMUM]: String(replicas + maxSurge),
    [REVISION]: String(Math.max(revision, earlier)),
    ...(numbers ? { [REVISION_HISTORY]: numbers } : {}),
  };
}

/** True where the Deployment's size was changed since the sets were sized. */
export function isResized(deployment: KubeObject, sets: KubeObject[]): boolean {
  return sets.some(
    (set) => (set.spec?.replicas ?? 0) > 0 && set.metadata.annotations?.[DESIRED] !== String(deployment.spec?.replicas ?? 1),
  );
}

/** Creates the set of the present template with the given size. */
export function createSet(api: ObjectApi, deployment: KubeObject, revision: number, replicas: number): KubeObject {
  const template = structuredClone(deployment.spec!.template) as Fields;
  const hash = templateHash(template);
  template.metadata = { ...template.metadata, labels: { ...template.metadata?.labels, [HASH_LABEL]: hash } };
  const { selector, minReadySeconds } = deployment.spec!;
  return api.create(REPLICA_SETS, deployment.metadata.namespace, {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      labels: template.metadata.labels,
      annotations: setAnnotations(deployment, revision),
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          name: deployment.metadata.name,
          uid: deployment.metadata.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    } as unknown as KubeObject['metadata'],
    spec: {
      replicas,
      ...(minReadySeconds ? { minReadySeconds } : {}),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [HASH_LABEL]: hash } },
      template,
    },
  });
}

const HASH_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

/** Ten letters that depend on the template alone, whatever the order of its keys. */
function templateHash(template: Fields): string {
  const digest = createHash('sha256')
    .update(JSON.stringify(sorted(bareTemplate(template))))
    .digest();
  return Array.from(digest.subarray(0, 10), (byte) => HASH_LETTERS[byte % HASH_LETTERS.length]).join('');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  );
}
