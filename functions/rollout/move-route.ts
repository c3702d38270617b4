/** Brings the weights of a Gateway API route to what is wanted, and waits until the Gateways have taken them. */
import { Fault } from '../../core/errors.ts';
import { checkFence, checkUnedited, conflict, isOurs } from '../../core/rollout/deployment-change.ts';
import type { Stopwatch } from '../../core/rollout/ports.ts';
import { decideRoute, type HttpRoute, notAccepted, type RouteSplit } from '../../core/rollout/route.ts';
import type { Place } from './rollout-world.ts';

/** Gateways write the status of a route when its weights or the pods behind it change. */
const MOST_CONFLICTS = 30;
const PAUSE_MS = 200;

/** Writes the weights if they are not as wanted. Faults: LOCK_LOST, CLUSTER_CONFLICT, CLUSTER_REFUSED, UNAVAILABLE. */
export async function moveRoute(place: Place, split: RouteSplit, canaryWeight: number, back = false): Promise<void> {
  const { cluster, namespace, holder } = place;
  let read = await cluster.httpRoute(namespace, split.route);
  for (let attempt = 1; attempt <= MOST_CONFLICTS; attempt++) {
    const decision = decideRoute(read, split, canaryWeight, holder, back);
    if (decision.kind === 'is-so') return;
    if (await cluster.patchHttpRoute(namespace, split.route, decision.patch)) return;
    const now = await cluster.httpRoute(namespace, split.route);
    // Only the status moved, or our own write got through and its answer was lost: then the generation is the one that we noted with it.
    const same = now.metadata.generation === read.metadata.generation;
    if (!same && decideRoute(now, split, canaryWeight, holder, back).kind !== 'is-so') throw conflict({ ...now, kind: 'HTTPRoute' });
    read = now;
  }
  throw new Fault('UNAVAILABLE', `HTTPRoute ${split.route} changes faster than it can be written`);
}

/**
 * Everything to stable again, on the way back. What the route's owner or the cluster has made of it must not keep the workload from being restored: a
 * refusal is answered as a reason, where this rollout had written the route.
 */
export async function restoreRoute(place: Place, split: RouteSplit): Promise<string | undefined> {
  try {
    await moveRoute(place, split, 0, true);
    return undefined;
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'CLUSTER_REFUSED') throw error;
    const route = await place.cluster.httpRoute(place.namespace, split.route).catch(() => undefined);
    return route !== undefined && !isOurs(route, place.holder) ? undefined : error.message;
  }
}

/** One look at the route. Throws CLUSTER_CONFLICT when somebody edited it since our last write, LOCK_LOST when a later holder wrote it. */
export async function lookAtRoute({ cluster, namespace, holder }: Place, { route: name }: RouteSplit): Promise<HttpRoute> {
  const route = await cluster.httpRoute(namespace, name);
  checkFence({ ...route, kind: 'HTTPRoute' }, holder);
  checkUnedited({ ...route, kind: 'HTTPRoute' }, holder);
  return route;
}

/** Waits until every Gateway serves the route as it is now; answers why not when `seconds` of real time have passed. */
export async function awaitAccepted(
  stopwatch: Stopwatch,
  seconds: number,
  { cluster, namespace }: Place,
  { route }: RouteSplit,
  between: () => Promise<void> = async () => undefined,
): Promise<string | undefined> {
  const end = stopwatch.nowMs() + seconds * 1000;
  for (;;) {
    const reason = notAccepted(await cluster.httpRoute(namespace, route));
    if (reason === undefined || stopwatch.nowMs() >= end) return reason;
    await between();
    await stopwatch.sleep(PAUSE_MS);
  }
}
