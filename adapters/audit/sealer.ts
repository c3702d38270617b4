/**
 * Seals pending events: a batch object that is created once, a root over all lines, a signed checkpoint that is created once, and one transaction that
 * moves the head and removes the events. Letters are those of the write path in docs/audit-log.md. A crash after any of them is repaired by the next run,
 * and several sealers at once are safe: the batch's key follows from the size alone, and the head moves under the condition that the size is as it was.
 */
import { type Checkpoint, checkSignature, parseCheckpoint } from '../../core/audit/checkpoint.ts';
import { batchBytes, batchName, checkpointName, linesOf } from '../../core/audit/layout.ts';
import { append, isWellFormed, leafHash, rootOf, type Tree } from '../../core/audit/merkle.ts';
import { nextBatch, type PendingEvent, type PoisonedRow } from '../../core/audit/next-batch.ts';
import type { AuditVault } from './audit-vault.ts';
import type { CheckpointSigner } from './checkpoint-signer.ts';
import { type LogHead, type LogState, NO_HEAD } from './log-head.ts';
import { SealerHalted } from './sealer-halted.ts';
import { declareKeys, signerFor } from './sealing-keys.ts';
import { storeTiles } from './store-tiles.ts';

export interface Sealed {
  /** Events sealed by this call. */
  sealed: number;
  /** Lines in the log. */
  size: number;
  /** Rows that cannot be sealed and keep later events of their request waiting. */
  poisoned: PoisonedRow[];
}

export interface SealerParts {
  log: LogState;
  vault: AuditVault;
  /** Oldest first; the last one signs what is new. */
  signers: readonly [CheckpointSigner, ...CheckpointSigner[]];
}

/** Seals until nothing is left that can be sealed, or `inTime` answers false. Throws SealerHalted. */
export async function seal(parts: SealerParts, inTime: () => boolean): Promise<Sealed> {
  const sealed = await sealPending(parts, inTime);
  // g. After everything that counts: tiles can be made again at any time.
  await storeTiles(parts, sealed.size, inTime);
  return sealed;
}

async function sealPending(parts: SealerParts, inTime: () => boolean): Promise<Sealed> {
  const { log } = parts;
  let sealed = 0;
  for (;;) {
    // The head is read before the outbox: what is pending after that is not in the log that the head describes, or the next batch exists already.
    let before = await log.head();
    let head = before ?? NO_HEAD;
    await checkHead(before, parts);
    if ((await declareKeys(before, parts)) === 'changed') continue;
    await log.beat(head.tree.size);
    const seen = new Set((await log.pending()).map((row) => row.key));
    let pending = await log.pending();
    for (;;) {
      const { batch, poisoned } = nextBatch(seen, pending);
      // What came between the two readings gets its turn with the next two.
      if (batch.length === 0 && inTime() && pending.some((row) => !seen.has(row.key))) break;
      if (batch.length === 0 || !inTime()) return { sealed, size: head.tree.size, poisoned };
      const outcome = await sealBatch(parts, before, batch, pending);
      if (!outcome) break;
      sealed += outcome.events.length;
      before = head = outcome.head;
      // An adopted batch was chosen by another sealer from another reading: start over.
      if (outcome.isAdopted) break;
      const gone = new Set(outcome.events.map((event) => event.key));
      pending = pending.filter((row) => !gone.has(row.key));
    }
    if (!inTime()) return { sealed, size: head.tree.size, poisoned: [] };
  }
}

/** a. The head must still be what was signed last. */
async function checkHead(head: LogHead | undefined, { vault, signers }: SealerParts): Promise<void> {
  if (!head) return;
  const key = await signerFor(signers, head.keyStarts, head.tree.size).publicKey();
  const checkpoint = readNote(Buffer.from(head.checkpoint));
  const holds =
    isWellFormed(head.tree) &&
    checkpoint?.origin === vault.origin &&
    checkpoint.size === head.tree.size &&
    checkpoint.root.equals(rootOf(head.tree)) &&
    checkpoint.root.toString('hex') === head.root &&
    checkSignature(checkpoint, key) === 'valid';
  if (!holds) throw new SealerHalted('HEAD_CORRUPT', `the head of size ${head.tree.size} does not match its signed checkpoint`);
}

function readNote(bytes: Buffer): Checkpoint | undefined {
  try {
    return parseCheckpoint(bytes);
  } catch {
    return undefined;
  }
}

interface Outcome {
  head: LogHead;
  events: readonly PendingEvent[];
  isAdopted: boolean;
}

/** b to f for one batch. Undefined: another sealer was faster. */
async function sealBatch(
  parts: SealerParts,
  before: LogHead | undefined,
  batch: readonly PendingEvent[],
  pending: readonly (PendingEvent | PoisonedRow)[],
): Promise<Outcome | undefined> {
  const { log, vault } = parts;
  const tree = before?.tree ?? NO_HEAD.tree;
  // b. The name depends on the start alone, so two sealers can never create different batches for the same place.
  const name = batchName(tree.size);
  // d. Created once; an object that is there is adopted (c).
  const isAdopted = !(await vault.create(name, batchBytes(batch.map((event) => event.line))));
  const events = isAdopted ? await adopt(parts, before, name, pending) : batch;
  if (!events) return undefined;
  let grown: Tree = tree;
  for (const event of events) grown = append(grown, leafHash(Buffer.from(event.line)));
  const root = rootOf(grown);
  const { keyStarts } = before ?? NO_HEAD;
  const checkpoint = await signOnce(vault, signerFor(parts.signers, keyStarts, grown.size), grown.size, root);
  // f. Rows go in the transaction that moves the head, after the checkpoint is stored: a row that is gone is sealed.
  const head: LogHead = { tree: grown, root: root.toString('hex'), checkpoint, keyStarts };
  return (await log.advance(before, head, events)) ? { head, events, isAdopted } : undefined;
}

/** c. What a crashed or faster sealer left at this place. Every line must be pending; undefined: the head has moved on. */
async function adopt(
  { log, vault }: SealerParts,
  before: LogHead | undefined,
  name: string,
  pending: readonly (PendingEvent | PoisonedRow)[],
): Promise<PendingEvent[] | undefined> {
  const lines = linesOf((await vault.read(name)) ?? Buffer.alloc(0));
  const known = new Map<string, PendingEvent>();
  // Its sealer may have seen events that came after our reading.
  for (const row of [...pending, ...(await log.pending())]) if ('line' in row) known.set(row.line, row);
  // Asked after the outbox: when the size is unchanged now, no sealer has removed a row of this batch before we looked.
  const now = await log.head();
  if (now?.tree.size !== before?.tree.size) return undefined;
  const events = lines?.map((line) => known.get(line.toString('utf8')));
  const isOurs = events?.every((event, index) => event !== undefined && Buffer.from(event.line).equals(lines![index]!));
  const isDistinct = new Set(events).size === events?.length;
  if (!events || !isOurs || !isDistinct) throw new SealerHalted('FOREIGN_BATCH', `${name} holds lines that nobody recorded`);
  return events as PendingEvent[];
}

/** e. One checkpoint per size. One that is there must say the same: equal bytes for Ed25519; ECDSA signs differently every time, so equal bodies. */
async function signOnce(vault: AuditVault, signer: CheckpointSigner, size: number, root: Buffer): Promise<string> {
  const note = await signer.sign({ origin: vault.origin, size, root });
  const name = checkpointName(size);
  if (await vault.create(name, Buffer.from(note))) return note;
  const stored = (await vault.read(name)) ?? Buffer.alloc(0);
  if (stored.equals(Buffer.from(note))) return note;
  const key = await signer.publicKey();
  const other = readNote(stored);
  const isSame =
    key.asymmetricKeyType !== 'ed25519' &&
    other?.body === parseCheckpoint(Buffer.from(note)).body &&
    checkSignature(other, key) === 'valid';
  if (isSame) return stored.toString('utf8');
  throw new SealerHalted('EQUIVOCATION', `${name} is there with other content:\n${stored.toString('utf8')}\nwhere this log says:\n${note}`);
}
