/** The chain of each request through the log: sequence without gap, each line naming the hash of the one before. */
import { hash } from 'node:crypto';
import { HEARTBEAT, LOG_REQUEST } from './layout.ts';
import { eventId } from './line.ts';

export type ChainFault = { reason: 'BAD_LINE' | 'DUPLICATE' | 'SEQUENCE_GAP' | 'CHAIN_BROKEN'; detail: string };

interface Line {
  id: string;
  rid: string;
  seq: number;
  prev: string;
  type: string;
  ts: string;
}

/** Follows lines in the log's order. Memory: one sequence number and one hash per request. */
export class RequestChains {
  readonly #last = new Map<string, { seq: number; hash: string }>();
  /** Instants of the heartbeats so far. */
  lastHeartbeat: string | undefined;
  /** Longest time between two heartbeats, and where it ended. */
  longestSilence = { milliseconds: 0, index: 0 };
  /** Time of the newest line. */
  lastTime: string | undefined;

  /** Every request that has events, pseudo requests among them. */
  rids(): Iterable<string> {
    return this.#last.keys();
  }

  /** Newest event of a request: its sequence and the hash of its line. */
  lastOf(rid: string): { seq: number; hash: string } | undefined {
    return this.#last.get(rid);
  }

  /** Takes the line at `index` (attacker-controlled bytes); answers what is wrong with it. */
  take(bytes: Buffer, index: number): ChainFault | undefined {
    const line = read(bytes);
    if (!line) return { reason: 'BAD_LINE', detail: 'the line is not an event' };
    const { rid, seq } = line;
    const last = this.#last.get(rid);
    const expected = (last?.seq ?? 0) + 1;
    if (seq < expected) return { reason: 'DUPLICATE', detail: `event ${seq} of ${rid} is there a second time` };
    if (seq > expected) return { reason: 'SEQUENCE_GAP', detail: `event ${expected} of ${rid} is missing before ${seq}` };
    if (line.id !== eventId(rid, seq)) return { reason: 'BAD_LINE', detail: `the id of event ${seq} of ${rid} is not its own` };
    if (line.prev !== (last?.hash ?? '')) return { reason: 'CHAIN_BROKEN', detail: `event ${seq} of ${rid} follows another line` };
    this.#last.set(rid, { seq, hash: hash('sha256', bytes, 'hex') });
    if (rid === LOG_REQUEST && line.type === HEARTBEAT) this.#beat(line.ts, index);
    this.lastTime = line.ts;
    return undefined;
  }

  #beat(at: string, index: number): void {
    const milliseconds = this.lastHeartbeat === undefined ? 0 : Date.parse(at) - Date.parse(this.lastHeartbeat);
    if (milliseconds > this.longestSilence.milliseconds) this.longestSilence = { milliseconds, index };
    this.lastHeartbeat = at;
  }
}

/** Strict, and it keeps no state between texts. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function read(bytes: Buffer): Line | undefined {
  let line: Partial<Record<keyof Line, unknown>> | null;
  try {
    line = JSON.parse(UTF8.decode(bytes)) as typeof line;
  } catch {
    return undefined;
  }
  if (line === null || typeof line !== 'object') return undefined;
  const isText = (['id', 'rid', 'prev', 'type', 'ts'] as const).every((name) => typeof line[name] === 'string');
  const isEvent = isText && Number.isSafeInteger(line.seq) && (line.seq as number) >= 1 && Number.isFinite(Date.parse(line.ts as string));
  return isEvent ? (line as Line) : undefined;
}
