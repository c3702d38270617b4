/** One line of the audit log: the bytes stored are the bytes hashed. No personal data stands in a line. */

import { Refusal } from '../errors.ts';
import { sha256Hex } from '../promotion/canonical-json.ts';
import type { EventDraft } from '../promotion/change.ts';

/** A tlog leaf may hold 65,535 bytes; half of that leaves room for every consumer. */
export const LONGEST_LINE_BYTES = 32 * 1024;

export interface LineSubject {
  /** Request id, or a pseudo request such as `sys:log`. */
  rid: string;
  seq: number;
  /** SHA-256 of the previous line of the same request, hex; empty for the first. */
  prev: string;
  ts: string;
  tenant: string;
  artifact?: string;
  digest?: string;
  from?: string;
  to?: string;
  plan?: string;
}

/** Id of an event: 128 bit over request and sequence. */
export function eventId(rid: string, seq: number): string {
  return sha256Hex(`${rid}|${seq}`).slice(0, 32);
}

/** Spells the line (without newline). Refuses one that is too long before anything is written. */
export function auditLine(subject: LineSubject, event: Pick<EventDraft, 'type' | 'actor' | 'auth' | 'channel' | 'data'>): string {
  const line = JSON.stringify({
    v: 1,
    id: eventId(subject.rid, subject.seq),
    rid: subject.rid,
    seq: subject.seq,
    prev: subject.prev,
    type: event.type,
    ts: subject.ts,
    tenant: subject.tenant,
    actor: { id: event.actor.id, auth: event.auth, channel: event.channel },
    artifact: subject.artifact ?? null,
    digest: subject.digest ?? null,
    from: subject.from ?? null,
    to: subject.to ?? null,
    plan: subject.plan ?? null,
    data: event.data,
  });
  if (Buffer.byteLength(line) > LONGEST_LINE_BYTES) throw new Refusal('LIMIT', 'this event is larger than the audit log takes');
  return line;
}

/** Hash that the next line of the same request names as `prev`. */
export function lineHash(line: string): string {
  return sha256Hex(line);
}
