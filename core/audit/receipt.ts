/**
 * The receipt of one rollout: who approved which plan, what was checked, copied and run, how it ended, and the proof that all of this stands in the
 * audit log. An in-toto statement about the digest that was promoted. Names are those of the day it was made; pseudonyms stay beside them.
 */
import * as z from 'zod';
import type { Decision } from '../approval/decision.ts';
import type { GateResult } from '../gate/gate.ts';
import { contentHash, type Json } from '../promotion/canonical-json.ts';
import type { Plan } from '../promotion/plan.ts';
import type { Promotion } from '../promotion/promotion.ts';
import { keyManifests, provenLine } from './proof-file.ts';

const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
export const RECEIPT_TYPE = 'https://gostoa.dev/promotion-receipt/v1';
const text = z.string();
const optional = z.string().optional();
const person = z.strictObject({ id: text, email: text.nullable(), name: text.nullable() });

const predicate = z.strictObject({
  request: z.strictObject({
    id: text,
    kind: z.enum(['promote', 'rollback', 'repair']),
    tenant: text,
    artifact: text,
    version: text,
    digest: text,
    from: text,
    to: text,
    attempt: z.int(),
    createdAt: text,
    endedAt: text,
    retryOf: optional,
  }),
  outcome: z.enum(['succeeded', 'rolled_back', 'failed']),
  failure: z.strictObject({ code: text, step: optional }).optional(),
  requester: person,
  planHash: text,
  /** All that was consented to: its canonical hash is `planHash`. */
  plan: z.looseObject({ digest: text, policyHash: text }),
  gates: z.array(
    z.strictObject({
      name: text,
      type: text,
      status: text,
      message: text,
      definitionHash: text,
      /** Hash of what the gate found: name, status, message and definition. */
      evidence: text,
      finishedAt: optional,
    }),
  ),
  approvals: z.array(
    z.strictObject({
      by: person,
      decision: z.enum(['approve', 'reject']),
      planHash: text,
      at: text,
      channel: text,
      auth: text,
      gatesHash: text,
      teams: z.array(text),
      roles: z.array(text),
      onBehalfOf: optional,
      automated: optional,
      withdrawn: z.literal(true).optional(),
    }),
  ),
  waivers: z.array(z.strictObject({ gate: text, definitionHash: text, by: text, at: text, expiresAt: text, review: text })),
  copy: z
    .strictObject({
      sourceRoot: text.nullable(),
      registries: z.array(z.strictObject({ name: text, role: text, status: text, closureRoot: text.nullable() })),
    })
    .nullable(),
  rollout: z.array(z.strictObject({ step: text, status: text, startedAt: text, endedAt: optional, achievedWeight: z.number().optional() })),
  log: z.strictObject({
    origin: text,
    /** C2SP signed note under which every line here is proven. */
    checkpoint: text,
    /** Manifests of the log's keys, in their order. */
    keys: keyManifests,
    /** All events of the request, in their order. */
    events: z.array(provenLine).min(1).max(2_000),
    /** The event that declares the key of this receipt. */
    keyDeclared: provenLine,
  }),
});

export const receiptStatement = z.strictObject({
  _type: z.literal(STATEMENT_TYPE),
  subject: z.tuple([z.strictObject({ name: text, digest: z.strictObject({ sha256: text.regex(/^[a-f0-9]{64}$/) }) })]),
  predicateType: z.literal(RECEIPT_TYPE),
  predicate,
});
export type ReceiptStatement = z.infer<typeof receiptStatement>;

/** As far as the directory knows somebody at this moment. */
export type NameOf = (pseudonym: string) => { email: string; name?: string } | undefined;

export interface ReceiptFacts {
  promotion: Promotion;
  plan: Plan;
  gates: readonly GateResult[];
  decisions: readonly Decision[];
  nameOf: NameOf;
  log: ReceiptStatement['predicate']['log'];
}

/** Hash of what a gate found. */
export function evidenceOf({
  name,
  status,
  message,
  definitionHash,
}: Pick<GateResult, 'name' | 'status' | 'message' | 'definitionHash'>): string {
  return contentHash({ name, status, message, definitionHash });
}

export function receiptOf({ promotion, plan, gates, decisions, nameOf, log }: ReceiptFacts): ReceiptStatement {
  const who = (id: string) => {
    const known = nameOf(id);
    return { id, email: known?.email ?? null, name: known?.name ?? null };
  };
  const { id, kind, tenant, artifact, releaseVersion, digest, from, to, attempt, createdAt, updatedAt, retryOf, failure, copy } = promotion;
  return {
    _type: STATEMENT_TYPE,
    subject: [{ name: artifact, digest: { sha256: digest.replace(/^sha256:/, '') } }],
    predicateType: RECEIPT_TYPE,
    predicate: {
      request: {
        ...{ id, kind, tenant, artifact, version: releaseVersion, digest, from, to, attempt, createdAt, endedAt: updatedAt },
        ...(retryOf === undefined ? {} : { retryOf }),
      },
      outcome: promotion.phase as ReceiptStatement['predicate']['outcome'],
      ...(failure ? { failure: { code: failure.code, ...(failure.step === undefined ? {} : { step: failure.step }) } } : {}),
      requester: who(promotion.requester.id),
      planHash: promotion.planHash,
      plan: JSON.parse(JSON.stringify(plan)) as ReceiptStatement['predicate']['plan'],
      gates: gates.map((gate) => {
        const { name, type, status, message, definitionHash, finishedAt } = gate;
        return {
          name,
          type,
          status,
          message,
          definitionHash,
          evidence: evidenceOf(gate),
          ...(finishedAt === undefined ? {} : { finishedAt }),
        };
      }),
      approvals: decisions.map(
        ({ actor, decision, planHash, at, channel, auth, gatesHash, teams, roles, onBehalfOf, automated, withdrawn }) => ({
          ...{ by: who(actor.id), decision, planHash, at, channel, auth, gatesHash, teams, roles },
          ...(onBehalfOf === undefined ? {} : { onBehalfOf: onBehalfOf.email }),
          ...(automated === undefined ? {} : { automated }),
          ...(withdrawn ? { withdrawn: true as const } : {}),
        }),
      ),
      waivers: (promotion.waivers ?? []).map(({ gate, definitionHash, by, at, expiresAt, review }) => ({
        ...{ gate, definitionHash, by: by.email, at, expiresAt, review },
      })),
      copy: copy
        ? {
            sourceRoot: copy.sourceRoot ?? null,
            registries: copy.registries.map(({ name, role, status, closureRoot }) => ({
              name,
              role,
              status,
              closureRoot: closureRoot ?? null,
            })),
          }
        : null,
      rollout: (promotion.rollout ?? []).map(({ step, status, startedAt, endedAt, achievedWeight }) => ({
        ...{ step, status, startedAt },
        ...(endedAt === undefined ? {} : { endedAt }),
        ...(achievedWeight === undefined ? {} : { achievedWeight }),
      })),
      log,
    },
  };
}

/** Hash of the plan that a receipt carries, as approvals name it. */
export function planHashIn({ plan }: ReceiptStatement['predicate']): string {
  return contentHash(plan as unknown as Json);
}
