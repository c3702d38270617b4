/** Holds the log against the state table: what a request's head says was recorded last must be sealed, or still wait to be sealed. */

/** Newest event of a request as its head in the table names it. */
export interface HeadOfRequest {
  rid: string;
  seq: number;
  /** Hash of its line, hex. */
  lastLine: string;
}

export interface Difference {
  rid: string;
  /** `missing`: events that the table recorded are neither sealed nor pending. `ahead`: the log knows more than the table. `other`: not the same event. */
  kind: 'missing' | 'ahead' | 'other';
  detail: string;
}

export interface ReconcileFacts {
  /** Read first: what they name was recorded before the rest was read. */
  heads: readonly HeadOfRequest[];
  /** Read second: `rid` and `seq` of what waits to be sealed. */
  pending: readonly { rid: string; seq: number }[];
  /** Read last: newest sealed event of a request. */
  sealed(rid: string): { seq: number; hash: string } | undefined;
  /** Requests that the log holds events of. */
  rids(): Iterable<string>;
}

/** Every request whose two histories do not agree, in the order of their names. `ahead` may also mean that the request went on while this was read. */
export function reconcile({ heads, pending, sealed, rids }: ReconcileFacts): Difference[] {
  const waiting = new Set(pending.map(({ rid, seq }) => `${seq} ${rid}`));
  const known = new Set(heads.map(({ rid }) => rid));
  const differences: Difference[] = [];
  for (const { rid, seq, lastLine } of heads) {
    const last = sealed(rid) ?? { seq: 0, hash: '' };
    const missing: number[] = [];
    for (let at = last.seq + 1; at <= seq; at++) if (!waiting.has(`${at} ${rid}`)) missing.push(at);
    if (missing.length > 0)
      differences.push({ rid, kind: 'missing', detail: `events ${missing.join(', ')} were recorded and are neither sealed nor pending` });
    else if (last.seq > seq) differences.push({ rid, kind: 'ahead', detail: `the log has ${last.seq} events, the table ${seq}` });
    else if (last.seq === seq && last.hash !== lastLine)
      differences.push({ rid, kind: 'other', detail: `event ${seq} is another one in the log` });
  }
  for (const rid of rids()) {
    if (!known.has(rid) && !rid.startsWith('sys:'))
      differences.push({ rid, kind: 'ahead', detail: 'the table does not know this request' });
  }
  return differences.toSorted((left, right) => left.rid.localeCompare(right.rid));
}
