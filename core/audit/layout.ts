/** Names and fixed contents of the log's objects. Every name is below `<origin>/`. */
import { endOf, isFull, readTileName } from './tiles.ts';

/** A transaction of DynamoDB takes 100 actions: the head and the deletes of 99 outbox rows. */
export const LINES_PER_BATCH = 99;
export const README = 'README';
/** Pseudo request of the log's own lines. */
export const LOG_REQUEST = 'sys:log';
export const HEARTBEAT = 'log.heartbeat';
export const KEY_ADDED = 'log.key_added';
/** A heartbeat is due after this long, so that with a sealer that runs every minute no 60 minutes pass without one. */
export const HEARTBEAT_EVERY_MS = 55 * 60_000;

/** 16 digits hold every safe integer and sort like the numbers. */
const DIGITS = 16;
const padded = (size: number): string => String(size).padStart(DIGITS, '0');

/** Name of the batch whose first line has this index. */
export const batchName = (start: number): string => `batch/${padded(start)}`;
/** Name of the checkpoint of this size. */
export const checkpointName = (size: number): string => `checkpoint/${padded(size)}`;

/** Name of the manifest of the n-th key, counted from 1. */
export const manifestName = (number: number): string => `keys/${String(number).padStart(4, '0')}`;

/** `at`: index of the first line of a batch, size of a checkpoint, number of a key, size that a tile needs. */
export interface LogName {
  kind: 'batch' | 'checkpoint' | 'manifest' | 'tile' | 'readme';
  at: number;
}

/** What a name below the origin (attacker-controlled) stands for; undefined: nothing of the log is called so. */
export function readName(name: string): LogName | undefined {
  if (name === README) return { kind: 'readme', at: 0 };
  const [, kind, digits] = /^(batch|checkpoint)\/(\d{16})$/.exec(name) ?? [];
  const at = Number(digits);
  if (kind !== undefined) return Number.isSafeInteger(at) ? { kind: kind as 'batch' | 'checkpoint', at } : undefined;
  const [, number] = /^keys\/(\d{4})$/.exec(name) ?? [];
  if (number !== undefined) return number === '0000' ? undefined : { kind: 'manifest', at: Number(number) };
  const tile = readTileName(name);
  // Of the lines themselves only full tiles are kept.
  return tile && (tile.level > 0 || isFull(tile)) ? { kind: 'tile', at: endOf(tile) } : undefined;
}

/** Lines of a batch, each ended by a newline. */
export function batchBytes(lines: readonly string[]): Buffer {
  return Buffer.from(lines.map((line) => `${line}\n`).join(''));
}

/** Lines of a batch as bytes without their newline; undefined when it does not hold 1 to 99 ended lines. */
export function linesOf(batch: Buffer): Buffer[] | undefined {
  const lines: Buffer[] = [];
  for (let start = 0; start < batch.length; ) {
    const end = batch.indexOf(10, start);
    if (end < 0 || lines.length === LINES_PER_BATCH) return undefined;
    lines.push(batch.subarray(start, end));
    start = end + 1;
  }
  return lines.length > 0 ? lines : undefined;
}

/** How to check the log, stored beside it. */
export function readme(origin: string): string {
  return `Audit log ${origin}

batch/<start>       lines start, start+1, ... (1 to 99, each ended by a newline); the name is the index of the first, 16 digits
checkpoint/<size>   C2SP signed note: origin, size, root in base64; one after every batch
keys/0001           the public key (SPKI, base64) that signs the checkpoints; trust a copy that you got another way
keys/0002, ...      a later key: signs the sizes above its fromSize; a signed note by the key before it
tile/<level>/<n>    hashes of the tree (C2SP tlog-tiles), derived from the lines: they save reading, and prove nothing by themselves

To check it with any language:
1. tree: hash(line) = SHA-256(0x00 line), hash(node) = SHA-256(0x01 left right), as in RFC 6962; the newline is not hashed.
2. read batch/0, batch/<0 + its lines>, ...: the names follow each other without a gap, and nothing else lies there.
3. after every batch the root over all lines so far is the root in checkpoint/<lines so far>, whose signature covers its first three lines.
   Signature: base64 of 4 bytes of key id and the signature (Ed25519: 64 bytes; ECDSA P-256: DER, SHA-256).
4. within each rid, seq counts 1, 2, 3, ... and prev is the SHA-256 of the line before it in hex, empty for the first.
5. these files cannot show that the end was cut off: compare with a checkpoint that you kept, or want a log.heartbeat younger than 65 minutes.
`;
}
