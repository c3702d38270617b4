/** Computes the sealer's head from the log again, after a restore of the table lost it or set it back. The log itself is only read. */
import type { KeyObject } from 'node:crypto';
import { FAILURE_KINDS, type FailureKind, requestOfFailures } from '../../core/access/failed-sign-ins.ts';
import { HEARTBEAT, LOG_REQUEST, manifestName } from '../../core/audit/layout.ts';
import { lineHash } from '../../core/audit/line.ts';
import type { LogFiles } from '../../core/audit/log-files.ts';
import { readKeyRing } from '../../core/audit/log-keys.ts';
import { rootOf } from '../../core/audit/merkle.ts';
import { type Verdict, verifyLog } from '../../core/audit/verify-log.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import { failuresHead, LOG_HEAD } from '../state/keys.ts';
import type { Table } from '../state/table.ts';
import { type LogHead, type LogState, logState, PULSE } from './log-head.ts';

export interface Recovered {
  verdict: Verdict;
  /** Size that the table said before; undefined: it had no head. */
  before?: number;
  /** `refused`: the log is not valid, or shorter than what was signed. `busy`: a sealer works. */
  outcome: 'recovered' | 'in order' | 'refused' | 'busy';
  /** Rows of the outbox that were sealed already and are gone now. */
  dropped: number;
}

/** Lines of chains that the sealer goes on with. */
const OWN = /"rid":"sys:(?:log|failures:[a-z]+)"/;

/** Rows that go with one move of the head: a transaction takes 100 actions. */
const ROWS_AT_ONCE = 99;

export async function recoverHead(files: LogFiles, table: Table, key: KeyObject, clock: Clock): Promise<Recovered> {
  const log = logState(table, clock);
  const before = await log.head();
  const pending = (await log.pending()).flatMap((row) => ('line' in row ? [row] : []));
  const waiting = new Map(pending.map((row) => [row.line, row]));
  const sealed: typeof pending = [];
  let head: LogHead | undefined;
  const pulse = { seq: 0, prev: '', at: '' };
  /** Newest event of each kind of failed sign-ins. */
  const failures = new Map<FailureKind, { seq: number; lastLine: string }>();
  const verdict = await verifyLog(files, {
    key,
    now: clock.now(),
    onLine(_index, bytes) {
      const line = bytes.toString('utf8');
      const row = waiting.get(line);
      if (row) sealed.push(row);
      if (!OWN.test(line)) return;
      const event = JSON.parse(line) as { rid: string; seq: number; type: string; ts: string };
      const kind = FAILURE_KINDS.find((each) => requestOfFailures(each) === event.rid);
      if (kind) failures.set(kind, { seq: event.seq, lastLine: lineHash(line) });
      if (event.rid !== LOG_REQUEST) return;
      Object.assign(pulse, { seq: event.seq, prev: lineHash(line) }, event.type === HEARTBEAT ? { at: event.ts } : {});
    },
    onBatch(tree, checkpoint) {
      head = { tree, root: rootOf(tree).toString('hex'), checkpoint: checkpoint.toString('utf8'), keyStarts: [0] };
    },
  });
  const known = before === undefined ? {} : { before: before.tree.size };
  if (!verdict.valid || !head || head.tree.size < (before?.tree.size ?? 0)) return { verdict, ...known, outcome: 'refused', dropped: 0 };
  head.keyStarts = await keyStartsOf(files, key);
  const isInOrder = before?.root === head.root && before.keyStarts.join() === head.keyStarts.join();
  if (isInOrder && sealed.length === 0) return { verdict, ...known, outcome: 'in order', dropped: 0 };
  if (!(await write(log, before, head, sealed))) return { verdict, ...known, outcome: 'busy', dropped: 0 };
  // Behind the head, so that no heartbeat of the old chain is sealed in between.
  await table.put({ PK: LOG_HEAD, SK: PULSE, ...pulse });
  for (const [kind, row] of failures) await table.put({ PK: LOG_HEAD, SK: failuresHead(kind), ...row });
  return { verdict, ...known, outcome: 'recovered', dropped: sealed.length };
}

async function write(
  log: LogState,
  before: LogHead | undefined,
  head: LogHead,
  sealed: Parameters<LogState['advance']>[2],
): Promise<boolean> {
  let from = before;
  for (let at = 0; at === 0 || at < sealed.length; at += ROWS_AT_ONCE) {
    if (!(await log.advance(from, head, sealed.slice(at, at + ROWS_AT_ONCE)))) return false;
    from = head;
  }
  return true;
}

async function keyStartsOf(files: LogFiles, key: KeyObject): Promise<number[]> {
  const manifests: Buffer[] = [];
  for (let bytes = await files.read(manifestName(1)); bytes; bytes = await files.read(manifestName(manifests.length + 1)))
    manifests.push(bytes);
  return readKeyRing(manifests, key).keys.map(({ fromSize }) => fromSize);
}
