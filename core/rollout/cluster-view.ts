/** Workloads of a namespace that say by a label on which artifact they build. A job looks; previews read what it saw, and need no right at the cluster. */
import type { ClusterView, ConsumingWorkload } from './impact.ts';
import type { Deployment } from './workload.ts';

/** Its value is the artifact's name, with a dot for each slash: a label takes none. */
export const CONSUMES_LABEL = 'greenlight.dev/consumes';
/** `true` where the workload keeps state that a change of version resets. */
export const STATE_LABEL = 'greenlight.dev/state';
/** A namespace with more says nothing to a reader. */
const MOST_WORKLOADS = 500;
/** The job runs every minute; labels change by the day. */
const FRESH_MS = 3_600_000;

/** What the job saw, or why it saw nothing. */
export type ClusterSight = { at: string } & ({ workloads: (ConsumingWorkload & { label: string })[] } | { unread: string });

/** Is it time to look again? */
export function isDue(last: ClusterSight | undefined, now: Date): boolean {
  return last === undefined || now.getTime() - Date.parse(last.at) >= FRESH_MS;
}

/** Labels are written by whoever may edit the Deployment: they are compared and shown, nothing else. */
export function sightOf(deployments: readonly Deployment[], at: string): ClusterSight {
  const workloads = deployments.flatMap(({ metadata: { name, namespace = '', labels = {} } }) => {
    const label = Object.hasOwn(labels, CONSUMES_LABEL) ? labels[CONSUMES_LABEL]! : '';
    return label === '' ? [] : [{ namespace, name, state: labels[STATE_LABEL] === 'true', label }];
  });
  return { at, workloads: workloads.slice(0, MOST_WORKLOADS) };
}

/** What of it concerns an artifact. `hasCluster`: the environment has one at all. */
export function viewOf(sight: ClusterSight | undefined, artifact: string, hasCluster: boolean): ClusterView {
  if (!hasCluster) return { unread: 'the environment has no cluster in the configuration' };
  if (!sight) return { unread: 'nobody has looked yet; the job does within a minute' };
  if ('unread' in sight) return { unread: sight.unread };
  const label = artifact.replaceAll('/', '.');
  const mine = sight.workloads.filter((workload) => workload.label === label);
  return { at: sight.at, workloads: mine.map(({ namespace, name, state }) => ({ namespace, name, state })) };
}
