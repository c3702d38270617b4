/**
 * Makes the receipt of one finished rollout: waits until its events are sealed, proves each of them under one checkpoint, signs, and stores the file once.
 * Whoever comes second finds it. A crash anywhere leaves the row that says that it is due, and the next run begins again.
 */
import { envelopeText, IN_TOTO, keyidOf, signedBytes } from '../../core/audit/dsse.ts';
import { batchName, linesOf, manifestName } from '../../core/audit/layout.ts';
import { eventId } from '../../core/audit/line.ts';
import { readKeyManifest } from '../../core/audit/log-keys.ts';
import type { Evidence } from '../../core/audit/ports.ts';
import type { ProvenLine } from '../../core/audit/proof-file.ts';
import { inclusionSpans, proofOf } from '../../core/audit/proof-path.ts';
import { type ReceiptStatement, receiptOf } from '../../core/audit/receipt.ts';
import { hasReceipt } from '../../core/audit/receipt-due.ts';
import { verifyReceipt } from '../../core/audit/verify-receipt.ts';
import { Fault } from '../../core/errors.ts';
import type { PromotionStore } from '../../core/promotion/ports.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import type { KnownPerson, WhoIs } from '../access/who-is.ts';
import type { AuditVault } from './audit-vault.ts';
import type { LogState } from './log-head.ts';
import type { LogIndex } from './log-index.ts';
import type { ReceiptRows } from './receipt-rows.ts';
import type { ReceiptSigner } from './receipt-signer.ts';
import { storedNodes } from './stored-lines.ts';

export interface ReceiptParts {
  promotions: PromotionStore;
  people: Pick<WhoIs, 'personBehind'>;
  rows: ReceiptRows;
  /** The sealed log, and where receipts are kept. */
  log: AuditVault;
  store: Pick<AuditVault, 'create' | 'read'>;
  state: LogState;
  index: LogIndex;
  evidence: Evidence;
  signer: ReceiptSigner;
}

/** Name of a receipt in its bucket, below the log's origin. */
export const receiptName = (requestId: string): string => `receipt/${requestId}.json`;

/** The receipt, as stored; undefined when the request gets none. Fault AUDIT_UNAVAILABLE while its events are not sealed. */
export async function makeReceipt(parts: ReceiptParts, requestId: string): Promise<Buffer | undefined> {
  const { promotions, rows, store } = parts;
  const name = receiptName(requestId);
  let receipt = await store.read(name);
  if (!receipt) {
    const promotion = await promotions.head(requestId);
    if (promotion && hasReceipt(promotion)) {
      const made = await make(parts, promotion);
      receipt = (await store.create(name, made)) ? made : await store.read(name);
    }
  }
  await rows.done(requestId);
  return receipt;
}

async function make(parts: ReceiptParts, promotion: Promotion): Promise<Buffer> {
  const { promotions, people, rows, log, evidence, signer } = parts;
  const key = await signer.publicKey();
  const declared = await rows.declare(key);
  await evidence.seal(promotion);
  await evidence.seal({ id: 'the key of receipts', lastOutboxKey: declared.outboxKey });
  const [plan, gates, decisions, proven] = await Promise.all([
    promotions.plan(promotion.id, promotion.planHash),
    promotions.gates(promotion.id, promotion.attempt),
    promotions.decisions(promotion.id),
    prove(parts, [...Array.from({ length: promotion.seq }, (_, before) => eventId(promotion.id, before + 1)), declared.eventId]),
  ]);
  if (!plan) throw new Error(`${promotion.id} has no plan ${promotion.planHash}`);
  const ids = new Set([promotion.requester.id, ...decisions.map(({ actor }) => actor.id)]);
  const known = new Map<string, KnownPerson | undefined>();
  for (const id of ids) known.set(id, await people.personBehind(id));
  const { lines, checkpoint } = proven;
  const keys = await manifests(log);
  const statement = receiptOf({
    ...{ promotion, plan, gates, decisions, nameOf: (id) => known.get(id) },
    log: { origin: log.origin, checkpoint, keys, events: lines.slice(0, -1), keyDeclared: lines.at(-1)! },
  });
  const receipt = await sign(signer, statement);
  // It can never be replaced: what does not verify is not stored.
  const verdict = verifyReceipt(receipt, readKeyManifest(Buffer.from(keys[0]!), []).key);
  if (!verdict.valid) throw new Error(`the receipt of ${promotion.id} does not verify: ${verdict.reason}: ${verdict.detail}`);
  return receipt;
}

async function sign(signer: ReceiptSigner, statement: ReceiptStatement): Promise<Buffer> {
  const payload = Buffer.from(JSON.stringify(statement));
  const signature = await signer.sign(signedBytes(IN_TOTO, payload));
  return Buffer.from(envelopeText({ payloadType: IN_TOTO, payload, keyid: keyidOf(await signer.publicKey()), signature }));
}

/** Real time for search rows that are still to be written. */
const CATCH_UP_MS = 15_000;

/** Lines of the events with their proofs, all under the newest checkpoint. */
async function prove({ state, index, log }: ReceiptParts, ids: readonly string[]): Promise<{ lines: ProvenLine[]; checkpoint: string }> {
  const head = await state.head();
  const end = performance.now() + CATCH_UP_MS;
  const size = head?.tree.size ?? 0;
  if (!head || (await index.catchUp(size, () => performance.now() < end)) < size) throw behind();
  const nodes = storedNodes(log, await state.tiled(), size, head.tree);
  const batches = new Map<number, Promise<Buffer | undefined>>();
  const lines = await Promise.all(
    ids.map(async (id): Promise<ProvenLine> => {
      const place = await index.placeOf(id);
      if (!place || place.index >= size) throw behind();
      const batch = batches.get(place.batch) ?? log.read(batchName(place.batch));
      batches.set(place.batch, batch);
      const line = linesOf((await batch) ?? Buffer.alloc(0))?.[place.index - place.batch];
      if (!line) throw new Error(`line ${place.index} is not in the log`);
      const proof = await proofOf(inclusionSpans(place.index, size), nodes);
      return { index: place.index, line: line.toString('utf8'), proof: proof.map((hash) => hash.toString('base64')) };
    }),
  );
  return { lines, checkpoint: head.checkpoint };
}

function behind(): Fault {
  return new Fault('AUDIT_UNAVAILABLE', 'the search rows of the log are behind', { hint: 'they are written within minutes: try again' });
}

async function manifests(log: AuditVault): Promise<string[]> {
  const keys: string[] = [];
  for (let bytes = await log.read(manifestName(1)); bytes; bytes = await log.read(manifestName(keys.length + 1)))
    keys.push(bytes.toString('utf8'));
  return keys;
}
