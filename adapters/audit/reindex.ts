/**
 * Makes what follows from the log again: search rows, and the mark that has the sealer make missing tiles. For an operator with rights of their own: the
 * table is scanned, which no function may do.
 */
import type { KeyObject } from 'node:crypto';
import { type DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { LogFiles } from '../../core/audit/log-files.ts';
import { storedTilesBetween, TILE_WIDTH, tileName } from '../../core/audit/tiles.ts';
import { type Verdict, verifyLog } from '../../core/audit/verify-log.ts';
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import { AUDIT_POSITION, AUDIT_TENANTS, auditEventKey, HEAD, LOG_HEAD } from '../state/keys.ts';
import type { Item, Table } from '../state/table.ts';
import { TILES } from './log-head.ts';
import { logIndex } from './log-index.ts';

export interface Reindexed {
  verdict: Verdict;
  /** Rows that the log's lines make. */
  checked: number;
  /** Of them, those that were missing or said something else. */
  repaired: number;
  /** Rows that no line makes. */
  foreign: number;
  /** Tiles that are not stored; the sealer makes them in its next runs. */
  tiles: number;
}

export interface ReindexParts {
  files: LogFiles;
  table: Table;
  /** The same table, for the scan. */
  client: DynamoDBClient;
  name: string;
  key: KeyObject;
  clock: Clock;
}

/** Prefix of every search row. */
const ROWS = auditEventKey('').slice(0, 'AUDIT#'.length);
/** 52 bits of a key's hash: of five million rows one in a thousand runs takes a foreign one for its own. */
const fingerprint = ({ PK, SK }: Item): number => Number.parseInt(sha256Hex(`${String(PK)}\n${String(SK)}`).slice(0, 13), 16);

/** Looks only and changes nothing with `isDry`. A log that is not valid is not indexed. */
export async function reindex(parts: ReindexParts, isDry: boolean): Promise<Reindexed> {
  const { files, table, key, clock } = parts;
  const verdict = await verifyLog(files, { key, now: clock.now() });
  const done: Reindexed = { verdict, checked: 0, repaired: 0, foreign: 0, tiles: 0 };
  if (!verdict.valid) return done;
  const own = new Set<number>();
  await logIndex(table, files).rebuild(verdict.size, {
    isDry,
    each(row, isRight) {
      const before = own.size;
      if (own.add(fingerprint(row)).size > before && !isRight) done.repaired++;
    },
  });
  for await (const row of storedRows(parts)) {
    if (own.has(fingerprint(row)) || !isForeign(row, verdict.size)) continue;
    done.foreign++;
    if (!isDry) await table.remove(String(row['PK']), String(row['SK']));
  }
  const tiles = await missingTiles(files, verdict.size);
  if (!isDry) {
    // Also when it was ahead: then rows of later lines were never written.
    await table.put({ PK: AUDIT_POSITION, SK: HEAD, size: verdict.size });
    if (tiles > 0) await table.put({ PK: LOG_HEAD, SK: TILES, size: 0 });
  }
  return { ...done, checked: own.size, tiles };
}

async function* storedRows({ client, name }: ReindexParts): AsyncGenerator<Item> {
  const pages = paginateScan(
    { client },
    {
      TableName: name,
      ConsistentRead: true,
      FilterExpression: 'begins_with(PK, :prefix)',
      ProjectionExpression: 'PK, SK, #index',
      ExpressionAttributeNames: { '#index': 'index' },
      ExpressionAttributeValues: { ':prefix': { S: ROWS } },
    },
  );
  for await (const { Items = [] } of pages) for (const item of Items) yield unmarshall(item);
}

/** Rows of lines that were sealed meanwhile are not ours to judge; the position and the list of tenants belong to no line. */
function isForeign({ PK, SK, index }: Item, size: number): boolean {
  if (PK === AUDIT_POSITION || PK === AUDIT_TENANTS) return false;
  const at = Number(index ?? /#(\d{16})$/.exec(String(SK))?.[1]);
  return !(at >= size);
}

async function missingTiles(files: LogFiles, size: number): Promise<number> {
  const wanted = new Set<string>(storedTilesBetween(0, size - (size % TILE_WIDTH)).map(tileName));
  for await (const { name } of files.list()) wanted.delete(name);
  return wanted.size;
}
