/** A receipt as it is made from a promotion that has everything a receipt can hold, and the parts to make others of it. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { envelopeText, IN_TOTO, keyidOf, signedBytes } from '../../../core/audit/dsse.ts';
import { auditLine, lineHash } from '../../../core/audit/line.ts';
import { manifestBody } from '../../../core/audit/log-keys.ts';
import { leafHash, rootOfLeaves } from '../../../core/audit/merkle.ts';
import type { ProvenLine } from '../../../core/audit/proof-file.ts';
import { type ReceiptFacts, type ReceiptStatement, receiptOf } from '../../../core/audit/receipt.ts';
import { KEY_DECLARED, RECEIPTS_REQUEST } from '../../../core/audit/receipt-due.ts';
import type { EventDraft } from '../../../core/promotion/change.ts';
import { planHashOf } from '../../../core/promotion/plan.ts';
import type { Promotion } from '../../../core/promotion/promotion.ts';
import { actor, decisionBy, NOW, prodPlan, promotionIn } from '../promotion/fixture.ts';
import { keyPair, ORIGIN, signedNote } from './log-fixture.ts';
import { inclusionProof } from './reference-proofs.ts';

const ts = NOW.toISOString();
export const logKeys = keyPair();
export const receiptKeys = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const { plan } = prodPlan();
const planHash = planHashOf(plan);

export const promotion: Promotion = promotionIn('succeeded', {
  fence: 1,
  failure: { code: 'STABLE_UNHEALTHY', message: 'it was, for a while', step: 'smoke' },
  retryOf: 'PR-2026-0006',
  waivers: [{ gate: 'health', definitionHash: 'sha256:h', by: actor('admin'), at: ts, expiresAt: ts, review: 'rv-1' }] as never,
  copy: {
    sourceRoot: 'sha256:root',
    registries: [
      { name: 'prod', role: 'primary', status: 'tagged', closureRoot: 'sha256:root' },
      { name: 'harbor', role: 'secondary', status: 'failed' },
    ] as never,
  },
  rollout: [
    { step: 'canary:10', status: 'done', startedAt: ts, endedAt: ts, achievedWeight: 10 },
    { step: 'canary:50', status: 'progressing', startedAt: ts },
  ],
});

const decisions: ReceiptFacts['decisions'] = [
  decisionBy('lead', promotion),
  decisionBy('security', promotion, {
    onBehalfOf: { key: 'k', email: 'away@example.com', delegation: 'dg-1' },
    automated: 'scanner',
    withdrawn: true,
  }),
  decisionBy('qa', promotion, { planHash: 'sha256:earlier', decision: 'reject' }),
];
const gates: ReceiptFacts['gates'] = [
  { name: 'policy', type: 'policy', status: 'passed', message: 'looked at', resolution: '', definitionHash: 'sha256:p', finishedAt: ts },
  { name: 'health', type: 'http', status: 'waived', message: 'waived', resolution: '', definitionHash: 'sha256:h' },
  { name: 'late', type: 'http', status: 'running', message: '', resolution: '', definitionHash: 'sha256:l' },
  { name: 'never', type: 'http', status: 'not_run', message: '', resolution: '', definitionHash: 'sha256:n' },
];

const SPKI = receiptKeys.publicKey.export({ format: 'der', type: 'spki' }).toString('base64');

type Event = { type: EventDraft['type']; by?: string; data?: EventDraft['data']; plan?: string };
const EVENTS: readonly Event[] = [
  { type: 'promotion.requested', by: 'dev' },
  { type: 'gate.finished', data: { gate: 'policy', definition: 'sha256:p', status: 'passed' } },
  { type: 'gate.overridden', by: 'admin', data: { gate: 'health', review: 'rv-1' } },
  { type: 'approval.decided', by: 'qa', data: { decision: 'reject', gates: '' }, plan: 'sha256:earlier' },
  { type: 'approval.decided', by: 'lead', data: { decision: 'approve', gates: '' } },
  { type: 'approval.decided', by: 'security', data: { decision: 'approve', gates: '' } },
  { type: 'approval.decided', by: 'security', data: { withdrawn: true } },
  { type: 'copy.verified', data: { targetRoots: ['prod sha256:root'] } },
  { type: 'copy.verified', data: {} },
  { type: 'rollout.step', data: { step: 'canary:10' } },
  { type: 'rollout.step', data: { step: 'canary:50' } },
  { type: 'promotion.succeeded', data: { phase: 'succeeded' } },
];

export interface Logged {
  events: readonly Event[];
  /** The event that declares the key of receipts. */
  declared: { rid: string; type: EventDraft['type'] };
  origin: string;
  spki: string;
  /** A line in place of the first event. */
  first?: string;
}

/** What a log that holds these events proves; each line with its proof under one checkpoint. */
export function logged(more: Partial<Logged> = {}): ReceiptStatement['predicate']['log'] {
  const { events = EVENTS, declared = { rid: RECEIPTS_REQUEST, type: KEY_DECLARED }, origin = ORIGIN, spki = SPKI, first } = more;
  const place = {
    tenant: promotion.tenant,
    artifact: promotion.artifact,
    digest: promotion.digest,
    from: promotion.from,
    to: promotion.to,
  };
  let prev = '';
  const lines = events.map(({ type, by, data = {}, plan: bound = planHash }, at) => {
    const actorOf = by === undefined ? { ...actor('dev'), id: 'system' } : actor(by);
    const line = auditLine(
      { rid: promotion.id, seq: at + 1, prev, ts, ...place, plan: bound },
      { type, actor: actorOf, auth: 'oidc', channel: 'rest', data },
    );
    prev = lineHash(line);
    return line;
  });
  if (first !== undefined) lines[0] = first;
  lines.push(
    auditLine(
      { rid: declared.rid, seq: 1, prev: '', ts, tenant: '' },
      { type: declared.type, actor: actor('dev'), auth: 'engine', channel: 'engine', data: { alg: 'ecdsa-p256', spki } },
    ),
  );
  const leaves = lines.map((line) => leafHash(Buffer.from(line)));
  const proven = lines.map(
    (line, index): ProvenLine => ({ index, line, proof: inclusionProof(leaves, index).map((hash) => hash.toString('base64')) }),
  );
  return {
    origin,
    checkpoint: signedNote(logKeys, lines.length, rootOfLeaves(leaves)),
    keys: [manifestBody(ORIGIN, { key: logKeys.publicKey, fromSize: 0 })],
    events: proven.slice(0, -1),
    keyDeclared: proven.at(-1)!,
  };
}

export const EVENT_DRAFTS = EVENTS;

/** Facts of the receipt; the directory knows everybody but `qa`, and `security` without a name. */
export const facts = (more: Partial<ReceiptFacts> = {}): ReceiptFacts => ({
  ...{
    promotion: { ...promotion, planHash },
    plan,
    gates,
    decisions: decisions.map((each) => (each.planHash === 'sha256:earlier' ? each : { ...each, planHash })),
  },
  nameOf: (id) =>
    id === 'p-qa'
      ? undefined
      : { email: `${id.slice(2)}@example.com`, ...(id === 'p-security' ? {} : { name: id.slice(2).toUpperCase() }) },
  log: logged(),
  ...more,
});

/** The statement in its envelope, signed by the key that the log declares unless another is given. */
export function enveloped(
  statement: unknown,
  { keys = receiptKeys, payloadType = IN_TOTO }: { keys?: { publicKey: KeyObject; privateKey: KeyObject }; payloadType?: string } = {},
): Buffer {
  const payload = Buffer.isBuffer(statement) ? statement : Buffer.from(JSON.stringify(statement));
  const signature = sign('sha256', signedBytes(payloadType, payload), keys.privateKey);
  return Buffer.from(envelopeText({ payloadType, payload, keyid: keyidOf(keys.publicKey), signature }));
}

/** The receipt, edited before it is signed. */
export function receipt(change: (statement: ReceiptStatement) => void = () => {}, more: Partial<ReceiptFacts> = {}): Buffer {
  const statement = structuredClone(receiptOf(facts(more)));
  change(statement);
  return enveloped(statement);
}
