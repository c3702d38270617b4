/** Lambda `guard`: every hour, looks at the log from outside the sealer. It may read and nothing else; what it finds becomes an alarm. */
import { S3Client } from '@aws-sdk/client-s3';
import { openVault } from '../../adapters/audit/audit-vault.ts';
import { logState } from '../../adapters/audit/log-head.ts';
import { lockFaults, tailFaults } from '../../adapters/audit/watch-log.ts';
import { openTable, requiredVariable } from '../../adapters/state/table.ts';
import { VARIABLES } from '../../core/environment/variables.ts';
import { log } from '../kit/log.ts';
import { putMetrics } from '../kit/metrics.ts';

const client = new S3Client({ maxAttempts: 5 });
const bucket = requiredVariable(VARIABLES.LOG_BUCKET);
const origin = requiredVariable(VARIABLES.LOG_ORIGIN);
/** As it was deployed: `COMPLIANCE 731`. */
const [mode = '', days = ''] = requiredVariable(VARIABLES.LOG_LOCK).split(' ');
const vault = openVault(bucket, origin, client);
const state = logState(openTable(), { now: () => new Date() });

/** Answers how many faults there are of each kind. */
export async function handler(): Promise<{ lock: number; log: number }> {
  const head = await state.head();
  if (!head) return { lock: 0, log: 0 };
  const lock = await lockFaults(client, bucket, origin, { mode, days: Number(days) }, head, new Date());
  const faults = await tailFaults(client, bucket, origin, vault, head, await state.tiled());
  for (const detail of lock) log.error('the log is not locked as it was deployed', { detail });
  for (const detail of faults) log.error('the log is not whole', { detail });
  putMetrics({
    LogNotLocked: { value: lock.length, unit: 'Count' },
    LogNotWhole: { value: faults.length, unit: 'Count' },
  });
  return { lock: lock.length, log: faults.length };
}
