/** Which pending events the next batch of the log takes, and in which order. */
import { LINES_PER_BATCH } from './layout.ts';
import { eventId, LONGEST_LINE_BYTES } from './line.ts';

/** A row of the outbox. */
export interface PendingEvent {
  /** Sort key: where the row lies. */
  key: string;
  rid: string;
  seq: number;
  line: string;
}

/** A row that cannot become a line. It stays where it is until somebody looks. */
export interface PoisonedRow {
  key: string;
  /** Its request, as far as it can be told: later events of it wait too. */
  rid: string | undefined;
  reason: string;
}

/** Reads one row. Rows are written in the business transactions only, yet one bad row must never stop the log of everybody else. */
export function readPending(row: Record<string, unknown>): PendingEvent | PoisonedRow {
  const { SK, rid, seq, line } = row;
  const key = String(SK);
  const reason = faultOf(row);
  return reason === undefined
    ? { key, rid: rid as string, seq: seq as number, line: line as string }
    : { key, rid: typeof rid === 'string' ? rid : undefined, reason };
}

function faultOf({ id, rid, seq, line }: Record<string, unknown>): string | undefined {
  if (typeof line !== 'string' || line === '') return 'there is no line';
  if (typeof rid !== 'string' || !Number.isSafeInteger(seq) || (seq as number) < 1) return 'request or sequence is missing';
  if (/[\n\r]/.test(line)) return 'the line is not one line';
  if (Buffer.byteLength(line) > LONGEST_LINE_BYTES) return 'the line is too long';
  let event: { id?: unknown; rid?: unknown; seq?: unknown };
  try {
    event = JSON.parse(line) as typeof event;
  } catch {
    return 'the line is not JSON';
  }
  const isConsistent = event?.rid === rid && event.seq === seq && event.id === id && id === eventId(rid, seq as number);
  return isConsistent ? undefined : 'row and line do not agree';
}

export interface Choice {
  batch: PendingEvent[];
  poisoned: PoisonedRow[];
  /** Events that wait for another event of their request. */
  held: number;
}

/**
 * Takes the oldest events, at most 99. An event goes in only when nothing earlier of its request is pending outside: clocks of writers differ, so the
 * order of keys is not the order of a request. `seen` holds the keys of an earlier, complete reading of the outbox: what was there then has its
 * predecessors, which were written before it, either sealed or among `pending`. One reading alone may miss a predecessor that was written behind it.
 */
export function nextBatch(seen: ReadonlySet<string>, pending: readonly (PendingEvent | PoisonedRow)[]): Choice {
  const poisoned: PoisonedRow[] = [];
  const blocked = new Set<string>();
  const earliest = new Map<string, number[]>();
  const events: PendingEvent[] = [];
  const places = new Set<string>();
  for (const row of pending) {
    if (!('line' in row)) {
      poisoned.push(row);
      if (row.rid !== undefined) blocked.add(row.rid);
      continue;
    }
    const { key, rid, seq } = row;
    if (places.has(`${seq} ${rid}`)) {
      poisoned.push({ key, rid, reason: 'another row holds the same event' });
      blocked.add(rid);
      continue;
    }
    places.add(`${seq} ${rid}`);
    events.push(row);
    earliest.set(rid, [...(earliest.get(rid) ?? []), seq]);
  }
  for (const sequences of earliest.values()) sequences.sort((left, right) => left - right);

  const batch: PendingEvent[] = [];
  let held = 0;
  for (const event of events) {
    const waiting = earliest.get(event.rid)!;
    if (blocked.has(event.rid) || !seen.has(event.key) || waiting[0] !== event.seq) held += 1;
    else if (batch.length < LINES_PER_BATCH) {
      batch.push(event);
      waiting.shift();
    }
  }
  return { batch, poisoned, held };
}
