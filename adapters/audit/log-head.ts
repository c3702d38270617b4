/** Where the log ends, in the state table: size, frontier and the last signed checkpoint; and the outbox of what is still to be sealed. */
import { ulid } from 'ulid';
import { ENGINE } from '../../core/access/identity.ts';
import { HEARTBEAT, HEARTBEAT_EVERY_MS, LOG_REQUEST } from '../../core/audit/layout.ts';
import { auditLine, eventId, lineHash } from '../../core/audit/line.ts';
import { EMPTY_TREE, type Tree } from '../../core/audit/merkle.ts';
import { type PendingEvent, type PoisonedRow, readPending } from '../../core/audit/next-batch.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import { HEAD, LOG_HEAD, OUTBOX } from '../state/keys.ts';
import { type Table, type Write, WriteConflict } from '../state/table.ts';

export interface LogHead {
  tree: Tree;
  /** Root in hex and the note that signed it; both empty before the first batch. */
  root: string;
  checkpoint: string;
}

/** Sort key of the pulse: the chain of heartbeats, kept beside the head so that both belong to the sealer alone. */
const PULSE = 'HEARTBEAT';

export interface LogState {
  /** Undefined: nothing was ever sealed, or the row is lost. */
  head(): Promise<LogHead | undefined>;
  /** Everything pending, oldest key first. */
  pending(): Promise<(PendingEvent | PoisonedRow)[]>;
  /** The head moves on and the sealed rows go, or nothing happens and the answer is false: another sealer was faster. */
  advance(before: LogHead | undefined, after: LogHead, sealed: readonly PendingEvent[]): Promise<boolean>;
  /** Puts a heartbeat into the outbox when one is due. */
  beat(size: number): Promise<void>;
}

export function logState(table: Table, clock: Clock): LogState {
  return {
    async head() {
      const row = await table.get(LOG_HEAD, HEAD);
      if (!row) return undefined;
      const frontier = (row['frontier'] as string[]).map((hash) => Buffer.from(hash, 'hex'));
      return { tree: { size: Number(row['size']), frontier }, root: String(row['root']), checkpoint: String(row['checkpoint']) };
    },
    async pending() {
      return (await table.all({ pk: OUTBOX })).map(readPending);
    },
    async advance(before, after, sealed) {
      const row = {
        PK: LOG_HEAD,
        SK: HEAD,
        size: after.tree.size,
        frontier: after.tree.frontier.map((hash) => hash.toString('hex')),
        root: after.root,
        checkpoint: after.checkpoint,
        at: clock.now().toISOString(),
      };
      const condition = before
        ? { expression: '#size = :before', names: { '#size': 'size' }, values: { ':before': before.tree.size } }
        : { expression: 'attribute_not_exists(PK)' };
      return won(table, [{ put: row, condition }, ...sealed.map(({ key }): Write => ({ remove: { pk: OUTBOX, sk: key } }))]);
    },
    async beat(size) {
      const now = clock.now();
      const last = await table.get(LOG_HEAD, PULSE);
      if (last && now.getTime() - Date.parse(String(last['at'])) < HEARTBEAT_EVERY_MS) return;
      const before = Number(last?.['seq'] ?? 0);
      const seq = before + 1;
      const at = now.toISOString();
      const line = auditLine(
        { rid: LOG_REQUEST, seq, prev: String(last?.['prev'] ?? ''), ts: at, tenant: '' },
        { type: HEARTBEAT, actor: ENGINE, auth: 'engine', channel: 'schedule', data: { size } },
      );
      // Of several sealers at once one beats: the others find another sequence and leave it.
      await won(table, [
        {
          put: { PK: LOG_HEAD, SK: PULSE, seq, prev: lineHash(line), at },
          condition: last
            ? { expression: '#seq = :before', names: { '#seq': 'seq' }, values: { ':before': before } }
            : { expression: 'attribute_not_exists(PK)' },
        },
        {
          put: { PK: OUTBOX, SK: ulid(now.getTime()), id: eventId(LOG_REQUEST, seq), rid: LOG_REQUEST, seq, line },
          condition: { expression: 'attribute_not_exists(PK)' },
        },
      ]);
    },
  };
}

export const NO_HEAD: LogHead = { tree: EMPTY_TREE, root: '', checkpoint: '' };

async function won(table: Table, writes: readonly Write[]): Promise<boolean> {
  try {
    await table.transact(writes);
    return true;
  } catch (error) {
    if (error instanceof WriteConflict) return false;
    throw error;
  }
}
