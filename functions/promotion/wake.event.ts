/** Lambda `wake`: the only holder of StartExecution and SendTask*. Woken by the table's stream and every minute; a lost record costs a minute, not a run. */
import { stateMachineRuns } from '../../adapters/promotion/state-machine-runs.ts';
import type { WakeRow } from '../../adapters/promotion/wake-rows.ts';
import { log } from '../kit/log.ts';
import { wakes } from '../kit/state.ts';

const runs = stateMachineRuns();

/** Starts or wakes every run that has a wake row, then removes the row. Doing it twice does nothing twice. */
export async function handler(): Promise<{ woken: number }> {
  const pending = await wakes.pending();
  const failures: unknown[] = [];
  for (const wake of pending) {
    try {
      await serve(wake);
      await wakes.done(wake);
    } catch (error) {
      failures.push(error);
      log.error('wake failed', { requestId: wake.requestId, kind: wake.kind, error });
    }
  }
  if (failures.length > 0) throw failures[0];
  return { woken: pending.length };
}

async function serve(wake: WakeRow): Promise<void> {
  if (wake.kind === 'start') return runs.start(wake.requestId, wake.attempt);
  const kept = await wakes.token(wake.requestId, wake.attempt);
  // No token, or one of another wait: the run reads the request again before it waits the next time.
  if (!kept || (wake.wait !== undefined && wake.wait !== kept.wait)) return;
  await runs.wake(kept.taskToken);
  await wakes.dropToken(wake.requestId, wake.attempt, kept.taskToken);
}
