/** Columns of pods: READY, STATUS (with the reason of a waiting container), RESTARTS. */
import type { Fields, KubeObject } from '../kube-object.ts';
import type { Column } from './table.ts';

export const podColumns: Column[] = [
  ['Ready', 'string', ({ spec, status }) => `${statuses(status).filter((each) => each.ready).length}/${spec?.containers?.length ?? 0}`],
  ['Status', 'string', podReason],
  ['Restarts', 'string', ({ status }) => String(statuses(status).reduce((sum, each) => sum + (each.restartCount ?? 0), 0))],
  ['IP', 'string', ({ status }) => status?.podIP ?? '<none>', true],
  ['Node', 'string', ({ spec }) => spec?.nodeName ?? '<none>', true],
];

function statuses(status: Fields | undefined): Fields[] {
  return (status?.containerStatuses ?? []) as Fields[];
}

function podReason({ metadata, status }: KubeObject): string {
  if (metadata.deletionTimestamp) return 'Terminating';
  for (const { state } of statuses(status)) {
    if (state?.waiting?.reason) return state.waiting.reason;
    if (state?.terminated) return state.terminated.reason ?? `ExitCode:${state.terminated.exitCode}`;
  }
  return status?.reason ?? status?.phase ?? 'Unknown';
}
