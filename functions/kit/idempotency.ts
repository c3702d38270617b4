/** Repeated writes: the same key gets the same answer for a day, and two at once never both happen. */
import { realTime } from '../../adapters/rollout/real-time.ts';
import { idempotencyKey } from '../../adapters/state/keys.ts';
import { type Table, WriteConflict } from '../../adapters/state/table.ts';
import { Refusal } from '../../core/errors.ts';
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import type { HttpAnswer } from './http.ts';

const KEPT_SECONDS = 24 * 3600;
/** Longer than any HTTP function runs, in real time as their time-out is: what is still marked as running then has crashed. */
const RUNNING_SECONDS = 60;
/** A row holds 400 KB; the answer must leave room. */
const LARGEST_ANSWER = 300_000;
const SORT = 'KEY';
/** One value: a comma would be two headers joined. */
const KEY_GRAMMAR = /^[\x21-\x2b\x2d-\x7e]{1,255}$/;

export interface RepeatableWrite {
  /** Header `Idempotency-Key`, attacker-controlled. */
  key: string | undefined;
  /** Key of the caller's identity: nobody reaches another's answers. */
  identity: string;
  operation: string;
  /** Everything that makes two requests the same: path, query, body. */
  content: string;
}

/**
 * Runs `write` once per key. Refusals: INVALID_REQUEST (key), IDEMPOTENCY_MISMATCH (other content), IN_PROGRESS (still running, with Retry-After).
 * A refusal of the write changed nothing, so the key is free again; after a crash it is free when the minute is over.
 */
export async function once(table: Table, clock: Clock, request: RepeatableWrite, write: () => Promise<HttpAnswer>): Promise<HttpAnswer> {
  if (request.key === undefined) return write();
  if (!KEY_GRAMMAR.test(request.key)) {
    throw new Refusal('INVALID_REQUEST', 'the Idempotency-Key is not 1 to 255 visible ASCII characters without a comma', {
      hint: 'send one fresh UUID per intended write',
    });
  }
  const pk = idempotencyKey(sha256Hex(`${request.identity}\n${request.operation}\n${request.key}`));
  const contentHash = sha256Hex(request.content);
  const now = clock.now().getTime();
  const realNow = realTime.nowMs();
  const keptUntil = now + KEPT_SECONDS * 1000;
  const row = { PK: pk, SK: SORT, contentHash, freeAt: realNow + RUNNING_SECONDS * 1000, keptUntil, ttl: Math.ceil(keptUntil / 1000) };
  const isFree = {
    expression: 'attribute_not_exists(PK) OR keptUntil <= :now OR (running = :yes AND freeAt <= :realNow)',
    values: { ':now': now, ':realNow': realNow, ':yes': true },
  };
  try {
    await table.put({ ...row, running: true }, isFree);
  } catch (error) {
    if (!(error instanceof WriteConflict)) throw error;
    return earlierAnswer(await table.get(pk, SORT), contentHash, realNow);
  }
  // Only the row that this run has put: a run that took longer than its minute must not touch its successor's.
  const ours = { expression: 'freeAt = :freeAt AND running = :yes', values: { ':freeAt': row.freeAt, ':yes': true } };
  let answer: HttpAnswer;
  try {
    answer = await write();
  } catch (error) {
    if (error instanceof Refusal) await table.remove(pk, SORT, ours).catch(ignoreConflict);
    throw error;
  }
  const text = JSON.stringify(answer.repeated ?? answer);
  if (Buffer.byteLength(text) > LARGEST_ANSWER) throw new Error('an answer is too large to be repeated');
  await table.put({ ...row, running: false, answer: text }, ours).catch(ignoreConflict);
  return answer;
}

function earlierAnswer(row: Record<string, unknown> | undefined, contentHash: string, realNow: number): HttpAnswer {
  if (row && row['contentHash'] !== contentHash) {
    throw new Refusal('IDEMPOTENCY_MISMATCH', 'this Idempotency-Key belongs to another request', { hint: 'use a new key for a new write' });
  }
  if (!row || row['running']) {
    const retryAfter = Math.min(RUNNING_SECONDS, Math.max(1, Math.ceil((Number(row?.['freeAt'] ?? realNow) - realNow) / 1000)));
    throw new Refusal('IN_PROGRESS', 'the first request with this Idempotency-Key still runs', {
      retryAfter,
      hint: 'repeat it in a moment',
    });
  }
  return JSON.parse(row['answer'] as string) as HttpAnswer;
}

function ignoreConflict(error: unknown): void {
  if (!(error instanceof WriteConflict)) throw error;
}
