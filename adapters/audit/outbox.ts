/** Audit events that belong to no request: each thing has a pseudo request of its own, so that its events are chained like a request's. */
import { ulid } from 'ulid';
import { auditLine, eventId, type LineSubject, lineHash } from '../../core/audit/line.ts';
import type { EventDraft } from '../../core/promotion/change.ts';
import { OUTBOX } from '../state/keys.ts';
import type { Write } from '../state/table.ts';

export interface OutboxEvent {
  /** Pseudo request, e.g. `sys:delegation:dg-1f…`. */
  rid: string;
  /** Counts the events of the pseudo request, from 1. */
  seq: number;
  /** Hash of its line before; empty for the first. */
  prev: string;
  tenant: string;
  at: Date;
  /** What it is about, so that a search by artifact or environment finds it. */
  about?: Pick<LineSubject, 'artifact' | 'to'>;
  event: Pick<EventDraft, 'type' | 'actor' | 'auth' | 'channel' | 'data'>;
}

/** The write that goes into the transaction of the change, and the hash that the next event of the same thing names. */
export function outboxWrite({ rid, seq, prev, tenant, at, about, event }: OutboxEvent): {
  write: Extract<Write, { put: unknown }>;
  lastLine: string;
} {
  const line = auditLine({ rid, seq, prev, ts: at.toISOString(), tenant, ...about }, event);
  return {
    write: {
      put: { PK: OUTBOX, SK: ulid(at.getTime()), id: eventId(rid, seq), rid, seq, line },
      condition: { expression: 'attribute_not_exists(PK)' },
    },
    lastLine: lineHash(line),
  };
}
