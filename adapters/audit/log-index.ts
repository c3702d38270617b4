/**
 * Search rows of the sealed log: derived, so they may be written twice, late, or again from nothing. Each event has a row under its id, its tenant, its
 * artifact, its environment and its actor; a row tells the index, so that whatever is found can be proven.
 */
import { batchName, linesOf } from '../../core/audit/layout.ts';
import { eventId } from '../../core/audit/line.ts';
import { entryOf, type LogEntry } from '../../core/audit/log-entry.ts';
import { Fault } from '../../core/errors.ts';
import { AUDIT_POSITION, AUDIT_TENANTS, auditEventKey, auditKey, HEAD } from '../state/keys.ts';
import { type Condition, type Item, type Table, type Write, WriteConflict } from '../state/table.ts';
import type { AuditVault } from './audit-vault.ts';

/** Where an event stands. */
export interface Place {
  index: number;
  /** First index of the batch that holds it. */
  batch: number;
  tenant: string;
  rid: string;
}

export interface LogSearch {
  /** Rows of one tenant; the narrowest of the three decides which are read, the others filter. */
  tenant: string;
  actor?: string;
  artifact?: string;
  environment?: string;
  type?: string;
  /** ISO, both included. */
  from?: string;
  to?: string;
  limit: number;
  /** Position of the last entry that was given out. */
  after?: string;
}

export interface Rebuilding {
  /** Nothing is written. */
  isDry: boolean;
  /** Called with every row that the log makes; several batches may make the same one. `isRight`: it was there. */
  each(row: Item, isRight: boolean): void;
}

export interface LogIndex {
  /** Indexes what is sealed up to `size` and not indexed yet; answers how far it came. */
  catchUp(size: number, inTime: () => boolean): Promise<number>;
  /** Newest first. `more`: the position to go on from. */
  search(query: LogSearch): Promise<{ entries: LogEntry[]; more?: string }>;
  /** All events of a request that are indexed, in their order. */
  eventsOf(rid: string): Promise<LogEntry[]>;
  /** Every tenant that the log knows of; empty: events of the log itself. */
  tenants(): Promise<string[]>;
  /** Undefined: no such event is indexed. */
  placeOf(eventId: string): Promise<Place | undefined>;
  /** Writes the rows of lines 0 to before `size` again where they are not what the log says. */
  rebuild(size: number, how: Rebuilding): Promise<void>;
}

/** Rows per transaction: DynamoDB takes 100, and each of up to 4 MB. */
const ROWS_AT_ONCE = 90;
/** Rows that are read at the same time. */
const READS_AT_ONCE = 25;
/** Facts of an event that are longer stay in the line alone. */
const LONGEST_DATA = 1_000;
/** Events of one request that are read; a promotion has some twenty. */
const MOST_EVENTS = 2_000;
const EVENTS_AT_ONCE = 25;
const DIGITS = 16;
const padded = (index: number): string => String(index).padStart(DIGITS, '0');
const positionOf = ({ ts, index }: Pick<LogEntry, 'ts' | 'index'>): string => `${ts}#${padded(index)}`;

export function logIndex(table: Table, vault: Pick<AuditVault, 'read'>): LogIndex {
  const linesFrom = async (start: number): Promise<Buffer[]> => {
    const batch = await vault.read(batchName(start));
    const lines = batch && linesOf(batch);
    if (!lines) throw new Fault('UNAVAILABLE', `the log has no batch ${start}`, { hint: 'verify the log: greenlight audit verify' });
    return lines;
  };
  return {
    async catchUp(size, inTime) {
      let done = Number((await table.get(AUDIT_POSITION, HEAD))?.['size'] ?? 0);
      while (done < size && inTime()) {
        const lines = await linesFrom(done);
        await write(table, rowsOf(lines, done));
        done += lines.length;
        await advance(table, done);
      }
      return done;
    },
    async search(query) {
      const { entries, last } = await readEntries(table, query);
      return { entries, ...(last === undefined ? {} : { more: last }) };
    },
    async eventsOf(rid) {
      const entries: LogEntry[] = [];
      for (let seq = 1; seq <= MOST_EVENTS; seq += EVENTS_AT_ONCE) {
        const keys = Array.from({ length: EVENTS_AT_ONCE }, (_, more) => auditEventKey(eventId(rid, seq + more)));
        const rows = await Promise.all(keys.map((key) => table.get(key, 'EVENT')));
        entries.push(...rows.flatMap((row) => (row ? [row['body'] as LogEntry] : [])));
        if (rows.at(-1) === undefined) break;
      }
      return entries;
    },
    async tenants() {
      return (await table.all({ pk: AUDIT_TENANTS })).map((row) => String(row['tenant']));
    },
    async placeOf(eventId) {
      const row = await table.get(auditEventKey(eventId), 'EVENT');
      return row && { index: Number(row['index']), batch: Number(row['batch']), tenant: String(row['tenant']), rid: String(row['rid']) };
    },
    async rebuild(size, { isDry, each }) {
      for (let start = 0; start < size; ) {
        const lines = await linesFrom(start);
        const rows = rowsOf(lines, start);
        const stored: (Item | undefined)[] = [];
        for (let from = 0; from < rows.length; from += READS_AT_ONCE) {
          const some = rows.slice(from, from + READS_AT_ONCE);
          stored.push(...(await Promise.all(some.map((row) => table.get(String(row['PK']), String(row['SK']))))));
        }
        const isRight = rows.map((row, at) => JSON.stringify(sorted(row)) === JSON.stringify(sorted(stored[at] ?? {})));
        if (!isDry) {
          await write(
            table,
            rows.filter((_, at) => !isRight[at]),
          );
        }
        for (const [at, row] of rows.entries()) each(row, isRight[at]!);
        start += lines.length;
      }
    },
  };
}

function rowsOf(lines: readonly Buffer[], start: number): Item[] {
  const rows: Item[] = [];
  const tenants = new Set<string>();
  for (const [offset, line] of lines.entries()) {
    const entry = entryOf(line, start + offset);
    if (!entry) continue;
    const { tenant, artifact, to, actor, id, rid, index } = entry;
    const body = JSON.stringify(entry.data).length > LONGEST_DATA ? { ...entry, data: {} } : entry;
    tenants.add(tenant);
    const keys = [
      auditKey('T', tenant),
      ...(artifact === null ? [] : [auditKey('A', tenant, artifact)]),
      ...(to === null ? [] : [auditKey('N', tenant, to)]),
      ...(actor.id === '' ? [] : [auditKey('U', tenant, actor.id)]),
    ];
    rows.push({ PK: auditEventKey(id), SK: 'EVENT', index, batch: start, tenant, rid, body });
    const facts = { type: entry.type, artifact, environment: to, actor: actor.id, body };
    for (const PK of keys) rows.push({ PK, SK: positionOf(entry), ...facts });
  }
  // A sort key is never empty.
  return [...rows, ...[...tenants].map((tenant) => ({ PK: AUDIT_TENANTS, SK: `T#${tenant}`, tenant }))];
}

async function write(table: Table, rows: readonly Item[]): Promise<void> {
  for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
    const writes = rows.slice(from, from + ROWS_AT_ONCE).map((put): Write => ({ put }));
    try {
      await table.transact(writes);
    } catch (error) {
      // Somebody writes the same rows just now: what they hold follows from the log alone, so one after the other is as good.
      if (!(error instanceof WriteConflict)) throw error;
      for (const { put } of writes as { put: Item }[]) await table.put(put);
    }
  }
}

/** The position only grows: who came later with less has nothing to say. */
async function advance(table: Table, size: number): Promise<void> {
  try {
    await table.put(
      { PK: AUDIT_POSITION, SK: HEAD, size },
      { expression: 'attribute_not_exists(PK) OR #size < :size', names: { '#size': 'size' }, values: { ':size': size } },
    );
  } catch (error) {
    if (!(error instanceof WriteConflict)) throw error;
  }
}

async function readEntries(table: Table, query: LogSearch): Promise<{ entries: LogEntry[]; last?: string }> {
  const { tenant, actor, artifact, environment, limit } = query;
  const pk =
    actor !== undefined
      ? auditKey('U', tenant, actor)
      : artifact !== undefined
        ? auditKey('A', tenant, artifact)
        : environment !== undefined
          ? auditKey('N', tenant, environment)
          : auditKey('T', tenant);
  const low = `${query.from ?? ''}#`;
  const high = query.after ?? `${query.to ?? '9'}#~`;
  if (low > high) return { entries: [] };
  const filter = filterOf(query);
  const entries: LogEntry[] = [];
  let startKey: Item | undefined = query.after === undefined ? undefined : { PK: pk, SK: query.after };
  do {
    const page = await table.query({
      pk,
      between: [low, high],
      descending: true,
      limit: limit + 1 - entries.length,
      ...(filter ? { filter } : {}),
      ...(startKey ? { startKey } : {}),
    });
    entries.push(...page.items.map((item) => item['body'] as LogEntry));
    startKey = page.lastKey;
  } while (startKey && entries.length <= limit);
  if (entries.length <= limit) return { entries };
  const kept = entries.slice(0, limit);
  return { entries: kept, last: positionOf(kept.at(-1)!) };
}

function filterOf({ artifact, environment, type }: LogSearch): Condition | undefined {
  const wanted = Object.entries({ artifact, environment, type }).filter((entry): entry is [string, string] => entry[1] !== undefined);
  if (wanted.length === 0) return undefined;
  return {
    expression: wanted.map(([name]) => `#f_${name} = :f_${name}`).join(' AND '),
    names: Object.fromEntries(wanted.map(([name]) => [`#f_${name}`, name])),
    values: Object.fromEntries(wanted.map(([name, value]) => [`:f_${name}`, value])),
  };
}

/** The same value with its members in order, so that two can be compared. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
}
