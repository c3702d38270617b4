/** `greenlight audit verify`: checks a log in a folder or a bucket with nothing but its public key. */
import { readFile } from 'node:fs/promises';
import { openLog } from '../../adapters/audit/log-reader.ts';
import { readProofFile } from '../../core/audit/proof-file.ts';
import { type Verdict, verifyLog } from '../../core/audit/verify-log.ts';
import { checkpointInReceipt } from '../../core/audit/verify-receipt.ts';
import { secondsOf } from '../../core/environment/duration.ts';
import { messageOf } from '../../core/errors.ts';
import { isMissing, readKey, WrongUse } from './read-key.ts';

export interface VerifyAuditOptions {
  /** Folder or `s3://BUCKET[/PREFIX]`. */
  place: string;
  /** File with the public key, PEM. */
  key: string;
  /** Files with checkpoints or receipts that were kept elsewhere. */
  anchor?: string | readonly string[];
  /** Like `65m`. */
  maxAge?: string;
  /** Weakest lock that every object must have; only a bucket can tell. */
  locked?: 'COMPLIANCE' | 'GOVERNANCE';
  json?: boolean;
  /** Time that ages are counted from; the local cloud has its own. */
  now?: Date;
  /** Takes the result, one text; stdout without it. */
  print?(text: string): void;
  /** Takes hints and errors; stderr without it. */
  warn?(text: string): void;
}

export interface VerifyAuditResult {
  /** 0 valid, 1 INVALID, 2 wrong use, 6 the place does not answer. */
  exitCode: 0 | 1 | 2 | 6;
  verdict?: Verdict;
}

/** Verifies, prints one summary and answers the exit code; throws nothing. */
export async function verifyAudit(options: VerifyAuditOptions): Promise<VerifyAuditResult> {
  const { print = (text) => process.stdout.write(text), warn = (text) => process.stderr.write(text) } = options;
  try {
    const key = await readKey(options.key);
    const anchors = await Promise.all([options.anchor ?? []].flat().map(readAnchor));
    const maxAgeMs = options.maxAge === undefined ? undefined : millisecondsOf(options.maxAge);
    const files = await openLog(options.place);
    const now = options.now ?? new Date();
    const found = await verifyLog(files, { key, anchors, now, ...(maxAgeMs === undefined ? {} : { maxAgeMs }) });
    // A folder that is wrong, or was emptied, looks like a log that has not begun: nothing was verified, so that is no "valid".
    if (found.valid && found.size === 0) throw new WrongUse(`${options.place} holds no audit log: nothing was verified`);
    const verdict = options.locked === undefined ? found : withLocks(found, options.locked);
    print(options.json ? `${JSON.stringify(verdict)}\n` : summary(verdict));
    return { exitCode: verdict.valid ? 0 : 1, verdict };
  } catch (error) {
    warn(`greenlight audit verify: ${messageOf(error)}\n`);
    return { exitCode: error instanceof WrongUse || isMissing(error) ? 2 : 6 };
  }
}

/** A note as it is, or the one that a receipt or proof carries. */
async function readAnchor(file: string): Promise<Buffer> {
  const bytes = await readFile(file).catch((error: Error) => {
    throw new WrongUse(`cannot read the anchor: ${error.message}`);
  });
  if (bytes[0] !== 0x7b) return bytes;
  const note = checkpointInReceipt(bytes) ?? readProofFile(bytes)?.checkpoint ?? checkpointInAnswer(bytes);
  if (note !== undefined) return Buffer.from(note);
  throw new WrongUse(`${file} is neither a checkpoint nor a receipt or proof with one`);
}

/** The note in a kept answer of `GET /v1/audit/checkpoint`, or in whatever else names it so. */
function checkpointInAnswer(bytes: Buffer): string | undefined {
  try {
    const { checkpoint } = JSON.parse(bytes.toString()) as { checkpoint?: unknown };
    return typeof checkpoint === 'string' ? checkpoint : undefined;
  } catch {
    return undefined;
  }
}

/** A log that is whole but could be edited is not what somebody wants who asks for locks. */
function withLocks(verdict: Verdict, wanted: 'COMPLIANCE' | 'GOVERNANCE'): Verdict {
  const { locks } = verdict;
  if (!locks) throw new WrongUse('--locked needs the bucket: a copy in a folder does not know locks');
  const weak = locks.none + (wanted === 'COMPLIANCE' ? locks.governance : 0);
  if (!verdict.valid || weak === 0) return verdict;
  return { ...verdict, valid: false, invalid: { reason: 'NOT_LOCKED', detail: `${weak} objects are not locked in ${wanted} mode` } };
}

function millisecondsOf(text: string): number {
  const seconds = secondsOf(text);
  if (seconds === undefined || seconds === 0)
    throw new WrongUse(`--max-age takes a length of time such as 65m, not ${JSON.stringify(text)}`);
  return seconds * 1000;
}

function summary(verdict: Verdict): string {
  const { invalid, size, lastTime } = verdict;
  const extent = size === 0 ? 'the log is empty' : `complete up to ${size} at ${lastTime}`;
  const lines = invalid
    ? [
        `INVALID ${invalid.reason}${rangeOf(invalid)}: ${invalid.detail}`,
        ...(invalid.evidence ?? []).map((note) => `  ${note.trimEnd().replaceAll('\n', ' ')}`),
        `  proven: ${size} lines, root ${verdict.root}`,
      ]
    : [
        `valid: ${extent}${verdict.isTailProven ? '' : '; tail not provable'}`,
        `  log ${verdict.origin ?? '(none)'}, root ${verdict.root}`,
        ...(verdict.lastHeartbeat ? [`  newest heartbeat ${verdict.lastHeartbeat}`] : []),
        ...(verdict.earliestRetention ? [`  locked until ${verdict.earliestRetention} or later`] : []),
      ];
  if (!invalid && !verdict.isTailProven) lines.push('  give --anchor FILE or --max-age 65m to notice a cut end');
  return `${[...lines, ...verdict.notices.map((notice) => `  note: ${notice}`)].join('\n')}\n`;
}

function rangeOf({ from, to }: { from?: number; to?: number }): string {
  if (from === undefined) return '';
  return to === undefined || to === from ? ` at ${from}` : ` at ${from}..${to}`;
}
