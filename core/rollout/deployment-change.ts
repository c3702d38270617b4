/**
 * How a Deployment (or a route) may be written: under the fence of the environment's lock, under the resourceVersion that was read, and never over somebody
 * else's edit. Annotations of the object (not of pods) hold who wrote last and which generation that made.
 */
import { Fault } from '../errors.ts';
import { type Deployment, type DeploymentPatch, imageOf, type ObjectMeta, wantedReplicas } from './workload.ts';

export const FENCE = 'greenlight.dev/fence';
export const REQUEST = 'greenlight.dev/request';
/** `metadata.generation` that our last write made: any other means that somebody else changed the spec since. */
export const GENERATION = 'greenlight.dev/generation';
/** Image that the Deployment had before this request first wrote it. */
export const BEFORE = 'greenlight.dev/image-before';

/** `forward` or `back`: once the way back has begun, a step forward that still runs somewhere must not write any more. */
export const WAY = 'greenlight.dev/way';

export interface Holder {
  requestId: string;
  fence: number;
}

export interface WantedSpec {
  container: string;
  image: string;
  replicas: number;
}

export type DeploymentDecision = { kind: 'is-so' } | { kind: 'patch'; patch: DeploymentPatch };

/**
 * What to write so that the Deployment is as wanted. Throws LOCK_LOST when a later holder has written, CLUSTER_CONFLICT when somebody edited the
 * spec since our last write, CLUSTER_REFUSED when it has no such container. `back`: on the way back an edit that already is what we want is welcome.
 */
export function decideDeployment(deployment: Deployment, wanted: WantedSpec, holder: Holder, back = false): DeploymentDecision {
  const { metadata } = deployment;
  const image = imageOf(deployment, wanted.container);
  if (image === undefined) {
    throw new Fault('CLUSTER_REFUSED', `Deployment ${metadata.name} has no container ${wanted.container}`, {
      hint: 'name it in the catalog: workload.container',
    });
  }
  const isSo = image === wanted.image && wantedReplicas(deployment) === wanted.replicas;
  const annotations = notesOf(deployment, { isSo, counts: true }, holder, back);
  if (annotations === undefined) return { kind: 'is-so' };
  const before = isOurs(deployment, holder) ? metadata.annotations?.[BEFORE] : image;
  return {
    kind: 'patch',
    patch: {
      metadata: { resourceVersion: metadata.resourceVersion, annotations: { ...annotations, [BEFORE]: before ?? image } },
      spec: { replicas: wanted.replicas, template: { spec: { containers: [{ name: wanted.container, image: wanted.image }] } } },
    },
  };
}

/** What has fences and generations: Deployments and routes. */
export interface Written {
  kind?: string;
  metadata: ObjectMeta;
}

export interface Standing {
  /** Its spec is as wanted. */
  isSo: boolean;
  /**
   * Whether a write counts up its generation. The API server counts those that change the spec; of a Deployment also those that change annotations, as it
   * hands them on to ReplicaSets. Every write of ours does.
   */
  counts: boolean;
}

/** Annotations that a write of the object carries; undefined when it is as wanted and ours already. Throws as `decideDeployment` does. */
export function notesOf(object: Written, { isSo, counts }: Standing, holder: Holder, back: boolean): Record<string, string> | undefined {
  const { metadata } = object;
  checkFence(object, holder);
  const ours = isOurs(object, holder);
  if (ours && !back && metadata.annotations?.[WAY] === 'back') throw new Fault('LOCK_LOST', `the way back of ${metadata.name} has begun`);
  if (ours && isSo && back) return undefined;
  if (ours) checkUnedited(object, holder);
  if (ours && isSo) return undefined;
  return {
    [FENCE]: String(holder.fence),
    [REQUEST]: holder.requestId,
    [GENERATION]: String((metadata.generation ?? 0) + (counts ? 1 : 0)),
    [WAY]: back ? 'back' : 'forward',
  };
}

/** The fence of whoever wrote last must not be above ours: a run that lost its lock and does not know it yet must not write. */
export function checkFence(object: Written, holder: Holder): void {
  const fence = Number(object.metadata.annotations?.[FENCE] ?? 0);
  // Annotations can be written by whoever may edit the object: what is no number is an edit like any other.
  if (Number.isFinite(fence) && fence <= holder.fence) return;
  throw new Fault('LOCK_LOST', `${nameOf(object)} was written under a later fence`, {
    hint: `if the state table was made anew, remove the annotation ${FENCE} from it`,
  });
}

/** Has this holder written the object already? */
export function isOurs(object: Written, holder: Holder): boolean {
  const annotations = object.metadata.annotations ?? {};
  return annotations[FENCE] === String(holder.fence) && annotations[REQUEST] === holder.requestId;
}

/** Throws CLUSTER_CONFLICT when the spec is not as our last write left it. */
export function checkUnedited(object: Written, holder: Holder): void {
  const { metadata } = object;
  if (!isOurs(object, holder) || metadata.annotations?.[GENERATION] === String(metadata.generation ?? 0)) return;
  throw conflict(object);
}

export function conflict(object: Written): Fault {
  return new Fault('CLUSTER_CONFLICT', `somebody else changed ${nameOf(object)} during the rollout`, {
    hint: 'nothing was overwritten: look at both Deployments and the route, then start a new promotion or restore the old version by hand',
  });
}

function nameOf({ kind = 'Deployment', metadata }: Written): string {
  return `${kind} ${metadata.name}`;
}
