/** Lambda `seal`: the only writer of the audit log. Woken by new outbox rows, every minute, and by whoever needs evidence now. */
import { decodeTime, isValid } from 'ulid';
import { openVault } from '../../adapters/audit/audit-vault.ts';
import { checkpointSigners } from '../../adapters/audit/checkpoint-signer.ts';
import { logState } from '../../adapters/audit/log-head.ts';
import { recordFailures } from '../../adapters/audit/record-failures.ts';
import { type Sealed, seal } from '../../adapters/audit/sealer.ts';
import { SealerHalted } from '../../adapters/audit/sealer-halted.ts';
import { openTable } from '../../adapters/state/table.ts';
import { log } from '../kit/log.ts';
import { putMetrics } from '../kit/metrics.ts';

/** The function ends after 120 s; one batch takes well below 20. */
const LIMIT_MS = 100_000;

const table = openTable();
const clock = { now: () => new Date() };
const parts = { log: logState(table, clock), vault: openVault(), signers: checkpointSigners() };

/** Seals until the outbox is empty or 100 s have passed. What called it carries nothing: the outbox says what there is to do. */
export async function handler(): Promise<Pick<Sealed, 'sealed' | 'size'>> {
  const end = performance.now() + LIMIT_MS;
  await recordedFailures();
  try {
    const { sealed, size, poisoned } = await seal(parts, () => performance.now() < end);
    for (const row of poisoned) log.error('event cannot be sealed', { ...row });
    if (sealed > 0) log.info('sealed', { sealed, size });
    await report(false, poisoned.length);
    return { sealed, size };
  } catch (error) {
    await report(error instanceof SealerHalted, 0);
    throw error;
  }
}

/** Failed sign-ins become events before they are sealed; what goes wrong with them holds up no other event. */
async function recordedFailures(): Promise<void> {
  try {
    const { unreadable } = await recordFailures(table, clock);
    if (unreadable.length > 0) log.error('failed sign-ins cannot be recorded', { unreadable });
  } catch (error) {
    log.error('failed sign-ins are not recorded yet', { error });
  }
}

/** What the alarms on the log go by. Without the table there is no lag to tell; that no number comes at all is an alarm too. */
async function report(isHalted: boolean, poisoned: number): Promise<void> {
  const [oldest] = await parts.log.pending();
  const recorded = oldest && isValid(oldest.key) ? decodeTime(oldest.key) : Date.now();
  putMetrics({
    SealingLag: { value: Math.max(0, Math.round((Date.now() - recorded) / 1000)), unit: 'Seconds' },
    SealerHalted: { value: isHalted ? 1 : 0, unit: 'Count' },
    PoisonedEvents: { value: poisoned, unit: 'Count' },
  });
}
