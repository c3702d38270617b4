/** Lambda `seal`: the only writer of the audit log. Woken by new outbox rows, every minute, and by whoever needs evidence now. */
import { openVault } from '../../adapters/audit/audit-vault.ts';
import { checkpointSigners } from '../../adapters/audit/checkpoint-signer.ts';
import { logState } from '../../adapters/audit/log-head.ts';
import { type Sealed, seal } from '../../adapters/audit/sealer.ts';
import { openTable } from '../../adapters/state/table.ts';
import { log } from '../kit/log.ts';

/** The function ends after 120 s; one batch takes well below 20. */
const LIMIT_MS = 100_000;

const parts = { log: logState(openTable(), { now: () => new Date() }), vault: openVault(), signers: checkpointSigners() };

/** Seals until the outbox is empty or 100 s have passed. What called it carries nothing: the outbox says what there is to do. */
export async function handler(): Promise<Pick<Sealed, 'sealed' | 'size'>> {
  const end = performance.now() + LIMIT_MS;
  const { sealed, size, poisoned } = await seal(parts, () => performance.now() < end);
  for (const row of poisoned) log.error('event cannot be sealed', { ...row });
  if (sealed > 0) log.info('sealed', { sealed, size });
  return { sealed, size };
}
