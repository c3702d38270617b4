/** Signed callbacks that do not say themselves which run they answer: each is accepted for the run that it came for first. */
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import { callbackMessageKey } from '../state/keys.ts';
import { type Table, WriteConflict } from '../state/table.ts';

const SORT = 'MESSAGE';
/** A message is believed for five minutes either way; afterwards its time stamp refuses it. */
const KEEP_SECONDS = 15 * 60;

/** Keeps what the message was accepted for. False when it was another run. `signature` is one that has been found right. */
export async function acceptFor(table: Table, runId: string, signature: string, now: Date): Promise<boolean> {
  const ttl = Math.ceil(now.getTime() / 1000) + KEEP_SECONDS;
  try {
    await table.put(
      { PK: callbackMessageKey(sha256Hex(signature)), SK: SORT, ttl, runId },
      { expression: 'attribute_not_exists(PK) OR runId = :run', values: { ':run': runId } },
    );
    return true;
  } catch (error) {
    if (error instanceof WriteConflict) return false;
    throw error;
  }
}
