/**
 * Checks a receipt with nothing but the public key of the audit log: the log's key signs the checkpoint, the checkpoint proves the events, one of the
 * events declares the key of the receipt, that key signs the statement, and the statement says what the events say.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { type GateStatus, UNSETTLED } from '../gate/gate.ts';
import { sha256Hex } from '../promotion/canonical-json.ts';
import type { Checkpoint } from './checkpoint.ts';
import { IN_TOTO, isSignedBy, readEnvelope, type SignedPayload } from './dsse.ts';
import { eventId } from './line.ts';
import { type ProofFault, type ProvenLine, provesLine, signedCheckpoint } from './proof-file.ts';
import { evidenceOf, planHashIn, RECEIPT_TYPE, type ReceiptStatement, receiptStatement } from './receipt.ts';
import { KEY_DECLARED, RECEIPTS_REQUEST } from './receipt-due.ts';

/** A file that is no receipt at all: not that something is wrong with one. */
export class NotAReceipt extends Error {
  override readonly name = 'NotAReceipt';
}

type ReceiptReason = ProofFault['reason'] | 'CHAIN_BROKEN' | 'PLAN_MISMATCH' | 'STATEMENT_MISMATCH';

export type ReceiptVerdict =
  | { valid: true; statement: ReceiptStatement; size: number }
  | { valid: false; reason: ReceiptReason; detail: string };

class Invalid extends Error {
  readonly reason: ReceiptReason;
  constructor(reason: ReceiptReason, detail: string) {
    super(detail);
    this.reason = reason;
  }
}

/** What an event says, as far as receipts are compared with it. */
interface Event {
  id: string;
  rid: string;
  seq: number;
  prev: string;
  type: string;
  tenant: string;
  actor: { id: string };
  artifact: string | null;
  digest: string | null;
  to: string | null;
  plan: string | null;
  data: Record<string, unknown>;
}

/** `bytes` are attacker-controlled; `trust` is a key of the log. NotAReceipt when it is no receipt. */
export function verifyReceipt(bytes: Uint8Array, trust: KeyObject): ReceiptVerdict {
  try {
    const { envelope, statement } = readReceipt(bytes);
    const { size } = checkAll(envelope, statement, trust);
    return { valid: true, statement, size };
  } catch (error) {
    if (error instanceof Invalid) return { valid: false, reason: error.reason, detail: error.message };
    throw error;
  }
}

/** The signed note in a receipt, for whoever takes it as an anchor of the whole log; undefined when it is no receipt. Nothing of it is checked. */
export function checkpointInReceipt(bytes: Uint8Array): Buffer | undefined {
  try {
    return Buffer.from(readReceipt(bytes).statement.predicate.log.checkpoint);
  } catch {
    return undefined;
  }
}

function readReceipt(bytes: Uint8Array): { envelope: SignedPayload; statement: ReceiptStatement } {
  const envelope = readEnvelope(bytes);
  if (!envelope) throw new NotAReceipt('it is no DSSE envelope with one signature');
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(envelope.payload));
  } catch {
    // A signed statement that cannot be read was changed: nobody signs such a thing.
    if (envelope.payloadType === IN_TOTO) throw new Invalid('BAD_SIGNATURE', 'its payload is not JSON: it is not what was signed');
    throw new NotAReceipt('its payload is not JSON');
  }
  const statement = receiptStatement.safeParse(value);
  if (statement.success) return { envelope, statement: statement.data };
  if (saysReceipt(value)) throw new Invalid('BAD_SIGNATURE', 'its payload is not what a receipt holds: it is not what was signed');
  throw new NotAReceipt('its payload is no statement about a promotion');
}

function saysReceipt(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'predicateType' in value && value.predicateType === RECEIPT_TYPE;
}

function checkAll(envelope: SignedPayload, { subject, predicate }: ReceiptStatement, trust: KeyObject): Checkpoint {
  const { log, request } = predicate;
  const checkpoint = checkpointOf(log, trust);
  if (!isSignedBy(declaredKey(log.keyDeclared, checkpoint), envelope) || envelope.payloadType !== IN_TOTO) {
    throw new Invalid('BAD_SIGNATURE', 'the statement is not signed by the key that the log declares for receipts');
  }
  const events = chained(log.events, checkpoint, request.id);
  if (planHashIn(predicate) !== predicate.planHash) throw new Invalid('PLAN_MISMATCH', 'the plan does not have the hash that was approved');
  const isOneDigest = `sha256:${subject[0].digest.sha256}` === request.digest && predicate.plan.digest === request.digest;
  if (!isOneDigest) throw new Invalid('PLAN_MISMATCH', 'subject, request and plan do not name one digest');
  compare(predicate, events);
  return checkpoint;
}

function checkpointOf({ checkpoint: note, keys, origin }: ReceiptStatement['predicate']['log'], trust: KeyObject): Checkpoint {
  const checkpoint = signedCheckpoint(note, [trust], keys);
  if ('reason' in checkpoint) throw new Invalid(checkpoint.reason, checkpoint.detail);
  if (checkpoint.origin !== origin) throw new Invalid('BAD_CHECKPOINT', 'the checkpoint is of another log');
  return checkpoint;
}

/** The event in a proven line. */
function eventIn(proven: ProvenLine, checkpoint: Checkpoint): Event {
  if (!provesLine(proven, checkpoint)) {
    throw new Invalid('ROOT_MISMATCH', `what is given as line ${proven.index} is not in the log that was signed`);
  }
  let event: Event | null;
  try {
    event = JSON.parse(proven.line) as Event | null;
  } catch {
    event = null;
  }
  if (event === null) throw new Invalid('CHAIN_BROKEN', `line ${proven.index} is no event`);
  return event;
}

/** The key of receipts, which the log vouches for. */
function declaredKey(line: ProvenLine, checkpoint: Checkpoint): KeyObject {
  const { rid, type, data } = eventIn(line, checkpoint);
  if (rid !== RECEIPTS_REQUEST || type !== KEY_DECLARED) throw new Invalid('UNKNOWN_KEY', `line ${line.index} declares no key of receipts`);
  try {
    return createPublicKey({ key: Buffer.from(String(data['spki']), 'base64'), format: 'der', type: 'spki' });
  } catch {
    throw new Invalid('UNKNOWN_KEY', `line ${line.index} declares what is no key`);
  }
}

/** All events of the request from its first to its last, each following the one before. */
function chained(lines: readonly ProvenLine[], checkpoint: Checkpoint, rid: string): Event[] {
  let prev = '';
  return lines.map((proven, place) => {
    const event = eventIn(proven, checkpoint);
    const seq = place + 1;
    const follows = event.rid === rid && event.seq === seq && event.prev === prev && event.id === eventId(rid, seq);
    if (!follows) throw new Invalid('CHAIN_BROKEN', `line ${proven.index} is not event ${seq} of ${rid}`);
    prev = sha256Hex(proven.line);
    return event;
  });
}

/** What the statement says must be what the events say, and nothing that counts may be left out. */
function compare(predicate: ReceiptStatement['predicate'], events: readonly Event[]): void {
  const { request, planHash, outcome, requester } = predicate;
  const differs = (what: string): never => {
    throw new Invalid('STATEMENT_MISMATCH', `${what} is not as the log has it`);
  };
  const last = events.at(-1)!;
  const first = events[0]!;
  const isThisOne =
    last.artifact === request.artifact && last.digest === request.digest && last.to === request.to && last.plan === planHash;
  if (!isThisOne || last.tenant !== request.tenant) differs('what was moved where');
  if (last.data['phase'] !== outcome) differs('the outcome');
  if (first.type !== 'promotion.requested' || first.actor.id !== requester.id) differs('who asked for it');

  const decided = events.filter(({ type, data }) => type === 'approval.decided' && data['decision'] !== undefined);
  const spoken = predicate.approvals.map(({ by, planHash: plan, decision, gatesHash }) =>
    JSON.stringify([by.id, plan, decision, gatesHash]),
  );
  const logged = new Set(decided.map(({ actor, plan, data }) => JSON.stringify([actor.id, plan, data['decision'], data['gates']])));
  if (spoken.some((each) => !logged.has(each))) differs('an approval');
  const bound = decided.filter(({ plan }) => plan === planHash).map(({ actor }) => actor.id);
  const named = new Set(predicate.approvals.filter((each) => each.planHash === planHash).map(({ by }) => by.id));
  if (bound.some((id) => !named.has(id))) differs('who decided on this plan');

  for (const gate of predicate.gates.filter(({ status }) => !UNSETTLED.has(status as GateStatus) && status !== 'not_run')) {
    if (gate.evidence !== evidenceOf(gate as Parameters<typeof evidenceOf>[0])) differs(`the evidence of gate ${gate.name}`);
    const ran = events.some(
      ({ type, data }) =>
        (type === 'gate.finished' &&
          data['gate'] === gate.name &&
          data['definition'] === gate.definitionHash &&
          data['status'] === gate.status) ||
        (gate.status === 'waived' && type === 'gate.overridden' && data['gate'] === gate.name),
    );
    if (!ran) differs(`gate ${gate.name}`);
  }
  for (const { gate, review } of predicate.waivers) {
    if (!events.some(({ type, data }) => type === 'gate.overridden' && data['gate'] === gate && data['review'] === review))
      differs(`the waiver of ${gate}`);
  }
  const roots = new Set(events.flatMap(({ type, data }) => (type.startsWith('copy.') ? [data['targetRoots'] ?? []].flat() : [])));
  for (const { name, closureRoot } of predicate.copy?.registries ?? []) {
    if (closureRoot !== null && !roots.has(`${name} ${closureRoot}`)) differs(`the copy in ${name}`);
  }
  const steps = new Set(events.filter(({ type }) => type === 'rollout.step').map(({ data }) => data['step']));
  for (const { step } of predicate.rollout) if (!steps.has(step)) differs(`step ${step}`);
}
