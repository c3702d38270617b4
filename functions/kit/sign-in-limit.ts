/** Token bucket for failures: after 60 a minute from one source, the next ones are told to wait. Valid credentials never pass through here. */
import { addFailure } from '../../adapters/access/failure-counts.ts';
import type { Table } from '../../adapters/state/table.ts';
import { FAILURES_PER_MINUTE, type FailureKind, minuteOf, untilNextMinute } from '../../core/access/failed-sign-ins.ts';
import { Refusal } from '../../core/errors.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import { log } from './log.ts';

/**
 * Counts one failure of `source` (an address, from API Gateway), also for the log. Refusal TOO_MANY_REQUESTS beyond the limit. A table that does not
 * answer limits nobody: the failure itself is refused anyway. `reached` is called once a minute and source, when the limit is.
 */
export async function countFailure(
  table: Table,
  clock: Clock,
  kind: FailureKind,
  source: string,
  reached?: () => Promise<void>,
): Promise<void> {
  const now = clock.now();
  let failures = 0;
  try {
    failures = await addFailure(table, kind, source, minuteOf(now));
  } catch (error) {
    log.warn('failure not counted', { kind, error });
  }
  if (failures <= FAILURES_PER_MINUTE) return;
  if (failures === FAILURES_PER_MINUTE + 1 && reached) {
    await reached().catch((error: unknown) => log.warn('alert not raised', { kind, error }));
  }
  const retryAfter = Math.max(1, Math.ceil(untilNextMinute(now) / 1000));
  throw new Refusal('TOO_MANY_REQUESTS', 'too many failed attempts from this address', { retryAfter, hint: 'wait, then sign in again' });
}
