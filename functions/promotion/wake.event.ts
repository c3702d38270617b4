/** Lambda `wake`: the only holder of StartExecution and SendTask*. Woken by the table's stream and every minute; a lost record costs a minute, not a run. */
import { invokeLater } from '../../adapters/promotion/function-calls.ts';
import { stateMachineRuns } from '../../adapters/promotion/state-machine-runs.ts';
import type { WakeRow } from '../../adapters/promotion/wake-rows.ts';
import { NOTICE, POSTING } from '../../adapters/state/keys.ts';
import { requiredVariable } from '../../adapters/state/table.ts';
import { log } from '../kit/log.ts';
import { wakes } from '../kit/state.ts';

const runs = stateMachineRuns();

/** Stream records carry keys only; a schedule carries none. */
interface WakeEvent {
  Records?: { dynamodb?: { Keys?: { PK?: { S?: string } } } }[];
}

/** The function ends after 60 s; one row takes well below 10. */
const LIMIT_MS = 50_000;

/** Starts or wakes every run that has a wake row, then removes the row. Doing it twice does nothing twice. */
export async function handler(event: WakeEvent = {}): Promise<{ woken: number }> {
  const keys = event.Records?.map((record) => record.dynamodb?.Keys?.PK?.S);
  // A stream serves two readers well, so new notices come through here; the minute schedules of `deliver` and `dispatch` catch what is lost.
  if (keys?.includes(NOTICE)) await invokeLater(requiredVariable('DELIVER_FUNCTION'));
  if (keys?.includes(POSTING)) await invokeLater(requiredVariable('DISPATCH_FUNCTION'));
  if (keys?.every((key) => key === NOTICE || key === POSTING)) return { woken: 0 };
  const end = performance.now() + LIMIT_MS;
  const failures: unknown[] = [];
  let woken = 0;
  for (const wake of await wakes.pending()) {
    // After a burst there are more than one run serves: the rest is for the next record, or the next minute.
    if (performance.now() >= end) break;
    woken++;
    try {
      await serve(wake);
      await wakes.done(wake);
    } catch (error) {
      failures.push(error);
      log.error('wake failed', { requestId: wake.requestId, kind: wake.kind, error });
    }
  }
  if (failures.length > 0) throw failures[0];
  return { woken };
}

async function serve(wake: WakeRow): Promise<void> {
  if (wake.kind === 'start') return runs.start(wake.requestId, wake.attempt);
  const kept = await wakes.token(wake.requestId, wake.attempt);
  // No token, or one of another wait: the run reads the request again before it waits the next time.
  if (!kept || (wake.wait !== undefined && wake.wait !== kept.wait)) return;
  await runs.wake(kept.taskToken);
  await wakes.dropToken(wake.requestId, wake.attempt, kept.taskToken);
}
