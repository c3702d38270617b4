/** Token bucket for failures: after 60 a minute from one source, the next ones are told to wait. Valid credentials never pass through here. */
import { limitKey } from '../../adapters/state/keys.ts';
import type { Table } from '../../adapters/state/table.ts';
import { Refusal } from '../../core/errors.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import { log } from './log.ts';

/** Failures that a source may have in a minute. */
const FAILURES_PER_MINUTE = 60;
const MINUTE_MS = 60_000;

export type LimitKind = 'signin' | 'link' | 'hook';

/**
 * Counts one failure of `source` (an address, from API Gateway). Refusal TOO_MANY_REQUESTS beyond the limit. A table that does not answer limits
 * nobody: the failure itself is refused anyway. `reached` is called once a minute and source, when the limit is.
 */
export async function countFailure(
  table: Table,
  clock: Clock,
  kind: LimitKind,
  source: string,
  reached?: () => Promise<void>,
): Promise<void> {
  const now = clock.now().getTime();
  const minute = Math.floor(now / MINUTE_MS);
  const pk = limitKey(kind, source, minute);
  let failures = 0;
  try {
    const item = await table.update({
      update: { pk, sk: 'LIMIT' },
      expression: 'SET #ttl = :ttl ADD failures :one',
      names: { '#ttl': 'ttl' },
      values: { ':one': 1, ':ttl': Math.ceil(now / 1000) + 300 },
    });
    failures = Number(item['failures']);
  } catch (error) {
    log.warn('failure not counted', { kind, error });
  }
  if (failures <= FAILURES_PER_MINUTE) return;
  if (failures === FAILURES_PER_MINUTE + 1 && reached) {
    await reached().catch((error: unknown) => log.warn('alert not raised', { kind, error }));
  }
  const retryAfter = Math.max(1, Math.ceil(((minute + 1) * MINUTE_MS - now) / 1000));
  throw new Refusal('TOO_MANY_REQUESTS', 'too many failed attempts from this address', { retryAfter, hint: 'wait, then sign in again' });
}
