/** Lambda `guard`: every hour, looks at the log from outside the sealer. It may read and nothing else; what it finds becomes an alarm. */
import { S3Client } from '@aws-sdk/client-s3';
import { openVault } from '../../adapters/audit/audit-vault.ts';
import { logState } from '../../adapters/audit/log-head.ts';
import { lockFaults, remembering, tailFaults } from '../../adapters/audit/watch-log.ts';
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
const older = remembering(vault);
const state = logState(openTable(), { now: () => new Date() });

/** Answers how many faults there are of each kind. What one look finds is told also when the other one fails. */
export async function handler(): Promise<{ lock: number; log: number }> {
  const head = await state.head();
  if (!head) return { lock: 0, log: 0 };
  const failures: unknown[] = [];
  const told = async (metric: string, what: string, look: () => Promise<string[]>): Promise<number> => {
    try {
      const faults = await look();
      for (const detail of faults) log.error(what, { detail });
      putMetrics({ [metric]: { value: faults.length, unit: 'Count' } });
      return faults.length;
    } catch (error) {
      failures.push(error);
      return 0;
    }
  };
  const found = {
    lock: await told('LogNotLocked', 'the log is not locked as it was deployed', () =>
      lockFaults(client, bucket, origin, { mode, days: Number(days) }, head, new Date()),
    ),
    log: await told('LogNotWhole', 'the log is not whole', async () =>
      tailFaults(client, bucket, origin, { log: vault, older, head, tiled: await state.tiled(), now: new Date() }),
    ),
  };
  // The alarm on errors calls somebody: what could not be looked at is not known to be in order.
  if (failures.length > 0) throw failures[0];
  return found;
}
