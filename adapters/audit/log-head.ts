/** Where the log ends, in the state table: size, frontier and the last signed checkpoint; and the outbox of what is still to be sealed. */
import { ulid } from 'ulid';
import { ENGINE } from '../../core/access/identity.ts';
import { HEARTBEAT, HEARTBEAT_EVERY_MS, KEY_ADDED, LOG_REQUEST } from '../../core/audit/layout.ts';
import { auditLine, eventId, lineHash } from '../../core/audit/line.ts';
import { EMPTY_TREE, type Tree } from '../../core/audit/merkle.ts';
import { type PendingEvent, type PoisonedRow, readPending } from '../../core/audit/next-batch.ts';
import type { EventDraft } from '../../core/promotion/change.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import { HEAD, LOG_HEAD, OUTBOX } from '../state/keys.ts';
import { type Item, type Table, type Write, WriteConflict } from '../state/table.ts';

export interface LogHead {
  tree: Tree;
  /** Root in hex and the note that signed it; both empty before the first batch. */
  root: string;
  checkpoint: string;
  /** For each key of the log, oldest first, the size above which it signs. */
  keyStarts: readonly number[];
}

/** Sort key of the pulse: the chain of heartbeats, kept beside the head so that both belong to the sealer alone. */
export const PULSE = 'HEARTBEAT';
/** Sort key of the row that says how far tiles are stored. */
export const TILES = 'TILES';

export interface LogState {
  /** Undefined: nothing was ever sealed, or the row is lost. */
  head(): Promise<LogHead | undefined>;
  /** Everything pending, oldest key first. */
  pending(): Promise<(PendingEvent | PoisonedRow)[]>;
  /** The head moves on and the sealed rows go, or nothing happens and the answer is false: another sealer was faster. */
  advance(before: LogHead | undefined, after: LogHead, sealed: readonly PendingEvent[]): Promise<boolean>;
  /** Puts a heartbeat into the outbox when one is due. */
  beat(size: number): Promise<void>;
  /** Another key begins: the head knows it from now on, and an event says so. False: the head has moved meanwhile. */
  addKey(head: LogHead, fromSize: number): Promise<boolean>;
  /** Lines whose tiles are stored. */
  tiled(): Promise<number>;
  setTiled(size: number): Promise<void>;
}

export function logState(table: Table, clock: Clock): LogState {
  return {
    async head() {
      const row = await table.get(LOG_HEAD, HEAD);
      if (!row) return undefined;
      const frontier = (row['frontier'] as string[]).map((hash) => Buffer.from(hash, 'hex'));
      const keyStarts = String(row['keyStarts'] ?? '0')
        .split(',')
        .map(Number);
      return { tree: { size: Number(row['size']), frontier }, root: String(row['root']), checkpoint: String(row['checkpoint']), keyStarts };
    },
    async pending() {
      return (await table.all({ pk: OUTBOX })).map(readPending);
    },
    async advance(before, after, sealed) {
      return won(table, [headWrite(before, after), ...sealed.map(({ key }): Write => ({ remove: { pk: OUTBOX, sk: key } }))]);
    },
    async beat(size) {
      const last = await table.get(LOG_HEAD, PULSE);
      if (last && clock.now().getTime() - Date.parse(String(last['at'])) < HEARTBEAT_EVERY_MS) return;
      // Of several sealers at once one beats: the others find another sequence and leave it.
      await won(table, ownEvent(last, HEARTBEAT, { size }, true));
    },
    async addKey(head, fromSize) {
      const after = { ...head, keyStarts: [...head.keyStarts, fromSize] };
      const last = await table.get(LOG_HEAD, PULSE);
      return won(table, [headWrite(head, after), ...ownEvent(last, KEY_ADDED, { number: after.keyStarts.length, fromSize }, false)]);
    },
    async tiled() {
      return Number((await table.get(LOG_HEAD, TILES))?.['size'] ?? 0);
    },
    async setTiled(size) {
      await table.put({ PK: LOG_HEAD, SK: TILES, size });
    },
  };

  function headWrite(before: LogHead | undefined, after: LogHead): Write {
    const row = {
      PK: LOG_HEAD,
      SK: HEAD,
      size: after.tree.size,
      frontier: after.tree.frontier.map((hash) => hash.toString('hex')),
      root: after.root,
      checkpoint: after.checkpoint,
      keyStarts: after.keyStarts.join(),
      at: clock.now().toISOString(),
    };
    if (!before) return { put: row, condition: { expression: 'attribute_not_exists(PK)' } };
    return {
      put: row,
      condition: {
        // A sealer that does not know the newest key must not move the head: it would sign with the wrong one.
        expression: '#size = :before AND (#keys = :keys OR attribute_not_exists(#keys))',
        names: { '#size': 'size', '#keys': 'keyStarts' },
        values: { ':before': before.tree.size, ':keys': before.keyStarts.join() },
      },
    };
  }

  /** The next event of the log itself, chained to the one before. */
  function ownEvent(last: Item | undefined, type: EventDraft['type'], data: EventDraft['data'], isBeat: boolean): Write[] {
    const now = clock.now();
    const before = Number(last?.['seq'] ?? 0);
    const seq = before + 1;
    const at = now.toISOString();
    const line = auditLine(
      { rid: LOG_REQUEST, seq, prev: String(last?.['prev'] ?? ''), ts: at, tenant: '' },
      { type, actor: ENGINE, auth: 'engine', channel: 'schedule', data },
    );
    return [
      {
        put: { PK: LOG_HEAD, SK: PULSE, seq, prev: lineHash(line), at: isBeat ? at : String(last?.['at'] ?? at) },
        condition: last
          ? { expression: '#seq = :before', names: { '#seq': 'seq' }, values: { ':before': before } }
          : { expression: 'attribute_not_exists(PK)' },
      },
      {
        put: { PK: OUTBOX, SK: ulid(now.getTime()), id: eventId(LOG_REQUEST, seq), rid: LOG_REQUEST, seq, line },
        condition: { expression: 'attribute_not_exists(PK)' },
      },
    ];
  }
}

export const NO_HEAD: LogHead = { tree: EMPTY_TREE, root: '', checkpoint: '', keyStarts: [0] };

async function won(table: Table, writes: readonly Write[]): Promise<boolean> {
  try {
    await table.transact(writes);
    return true;
  } catch (error) {
    if (error instanceof WriteConflict) return false;
    throw error;
  }
}
