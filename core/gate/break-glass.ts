/** Break-glass: a second person of another role lets a failed gate pass for a while. The gates run again, and somebody reviews it afterwards. */
import { principalKey } from '../access/identity.ts';
import { holdsVerb, type Membership, mayUse, membershipOfKey } from '../access/membership.ts';
import { refuseRobot } from '../access/robot.ts';
import { EXCLUSION_WORDS, exclusionOf } from '../approval/excluded.ts';
import type { BreakGlassConfiguration, Configuration } from '../environment/configuration.ts';
import { Refusal } from '../errors.ts';
import { type PromotionChange, withPhase } from '../promotion/change.ts';
import { type Acting, nextEdition } from '../promotion/create.ts';
import { isFinal } from '../promotion/phase.ts';
import { type Plan, planHashOf } from '../promotion/plan.ts';
import type { Promotion } from '../promotion/promotion.ts';
import type { GateResult } from './gate.ts';
import { debtsOf, ownersOf, type Review } from './review.ts';
import { rolloutHashOf, SKIP_CANARY, withoutCanary } from './skip-canary.ts';
import { isWaivable, mayBeWaived, type Waiver } from './waiver.ts';

export interface BreakGlassFacts {
  promotion: Promotion;
  plan: Plan;
  gates: readonly GateResult[];
  /** Reviews of the tenant. */
  reviews: readonly Review[];
  /** Of who acts. */
  membership: Membership;
  /** Of the requester, as it is now. */
  requester: Membership;
  now: Date;
  settings: BreakGlassConfiguration;
  /** Id of the review that is opened. */
  reviewId: string;
  hashText(text: string): string;
}

/** Refusals of who acts: SELF_APPROVAL, HUMAN_REQUIRED, FORBIDDEN (verb, or no role that the requester lacks). */
export function refuseBreakGlass(
  { promotion, membership, requester }: Pick<BreakGlassFacts, 'promotion' | 'membership' | 'requester'>,
  { actor }: Acting,
): void {
  refuseRobot(actor, 'answer for a waiver');
  const exclusion = exclusionOf({ ...promotion, waivers: [] }, actor);
  if (exclusion) {
    throw new Refusal('SELF_APPROVAL', EXCLUSION_WORDS[exclusion].replace('decide on', 'waive a gate of'), {
      hint: 'ask a second person who holds the verb "break_glass"; the explain page names them',
    });
  }
  if (!mayUse(membership, 'break_glass', promotion.tenant, promotion.to)) {
    throw new Refusal('FORBIDDEN', `your roles do not include the verb "break_glass" in ${promotion.to}`);
  }
  // Two people with one and the same job are one opinion.
  if (holdsVerb(requester, 'break_glass', promotion.to)) {
    throw new Refusal('FORBIDDEN', 'the requester holds this role too; a waiver needs somebody of another role than the requester', {
      hint: 'let somebody without the verb "break_glass" request the promotion',
    });
  }
}

/** Grants a waiver for one gate, or for the weights before 100. Refusals besides those of who acts: POLICY_FLOOR, STATE_CONFLICT, EXPIRED, BREAK_GLASS_DEBT. */
export function breakGlass(facts: BreakGlassFacts, input: Acting & { gate: string; reason: string }): PromotionChange {
  refuseBreakGlass(facts, input);
  const { promotion, plan, now } = facts;
  const skipping = input.gate === SKIP_CANARY ? withoutCanary(promotion, plan, now.toISOString()) : undefined;
  const result: Waived = skipping
    ? { name: SKIP_CANARY, type: SKIP_CANARY, status: 'not_run', definitionHash: rolloutHashOf(plan) }
    : failedGate(facts, input.gate);
  const owners = ownersOf(promotion, facts.requester.teams);
  const debts = debtsOf(facts.reviews, promotion.tenant, owners, now.toISOString());
  if (debts.length > 0) {
    throw new Refusal('BREAK_GLASS_DEBT', `the review of an earlier break-glass is overdue: ${debts.map(({ id }) => id).join(', ')}`, {
      hint: `POST /v1/reviews/${debts[0]!.id} closes it`,
    });
  }
  const at = now.toISOString();
  const later = (seconds: number) => new Date(now.getTime() + seconds * 1000).toISOString();
  const { key, email } = input.actor;
  const waiver: Waiver = {
    gate: result.name,
    type: result.type,
    definitionHash: result.definitionHash,
    by: { key, email },
    at,
    expiresAt: later(facts.settings.waiverSeconds),
    review: facts.reviewId,
    ...(skipping ? { skips: skipping.rollout.skipped!.map((weight) => `canary:${weight}`) } : {}),
  };
  const waivers = [...(promotion.waivers ?? []).filter(({ gate }) => gate !== waiver.gate), waiver];
  const attempt = promotion.attempt + 1;
  const next = skipping && nextEdition(promotion, skipping);
  // A robot asks for its owner, who therefore does not review it.
  const asker = promotion.requester.owner ?? promotion.requester;
  return {
    before: promotion,
    after: withPhase(promotion, 'validating', {
      attempt,
      waivers,
      ...(next ? { planHash: planHashOf(next.plan), edition: next.edition } : {}),
    }),
    ...(next ? { plan: next.plan } : {}),
    review: {
      id: facts.reviewId,
      tenant: promotion.tenant,
      requestId: promotion.id,
      environment: promotion.to,
      artifact: promotion.artifact,
      gate: result.name,
      by: { key, email },
      requester: { key: asker.key, email: asker.email },
      owners,
      openedAt: at,
      dueAt: later(facts.settings.reviewSeconds),
    },
    event: {
      type: 'gate.overridden',
      actor: input.actor,
      auth: input.auth,
      channel: input.channel,
      data: {
        gate: result.name,
        type: result.type,
        status: result.status,
        definition: result.definitionHash,
        expiresAt: waiver.expiresAt,
        review: facts.reviewId,
        plan: promotion.planHash,
        approvals: plan.approvals.length,
        reasonSha256: facts.hashText(input.reason),
      },
      history: { action: 'gate_overridden', comment: `${result.name}: ${input.reason}` },
    },
    notices: [
      { type: 'waiver.granted', data: { gate: result.name, reason: input.reason, expiresAt: waiver.expiresAt, review: facts.reviewId } },
    ],
    wake: [
      { kind: 'start', requestId: promotion.id, attempt },
      // A run that waits for the approval of the plan before wakes up, finds another attempt, and ends.
      ...(next ? [{ kind: 'resume' as const, requestId: promotion.id, attempt: promotion.attempt }] : []),
    ],
  };
}

type Waived = Pick<GateResult, 'name' | 'status' | 'definitionHash'> & Pick<Waiver, 'type'>;

/** What the requester may do, or the person who answers for the robot that asked. */
export function requesterMembership({ requester }: Pick<Promotion, 'requester'>, configuration: Configuration): Membership {
  return membershipOfKey(configuration, principalKey(requester));
}

/** Refusal STATE_CONFLICT when no gate of the request could be waived now. */
export function refuseUnneeded({ phase }: Pick<Promotion, 'phase'>, gates: readonly GateResult[]): void {
  if (phase === 'blocked' && gates.some(mayBeWaived)) return;
  throw new Refusal('STATE_CONFLICT', phase === 'blocked' ? 'none of its gates can be waived' : 'only a blocked request needs a waiver');
}

/** The gate that is to be waived: it has run on this plan, and did not pass. */
function failedGate({ promotion, plan, gates, now }: BreakGlassFacts, name: string): GateResult {
  if (promotion.phase === 'expired') throw new Refusal('EXPIRED', 'the request has expired', { hint: 'create a new request' });
  const planned = plan.gates.find((gate) => gate.name === name);
  if (planned && !isWaivable(planned.type)) {
    throw new Refusal('POLICY_FLOOR', `the ${planned.type} gate is never waived: it proves that the bytes are the right ones`, {
      hint: 'sign or rebuild the artifact and request the new version',
    });
  }
  if (promotion.phase !== 'blocked') {
    throw new Refusal('STATE_CONFLICT', `only a blocked request needs a waiver; this one is ${promotion.phase}`, {
      hint: isFinal(promotion.phase) ? 'create a new request' : 'its gates run first, whatever happens afterwards',
    });
  }
  const result = gates.find((gate) => gate.name === name);
  if (!planned || !result || !mayBeWaived(result)) {
    const failed = gates.filter(mayBeWaived).map((gate) => gate.name);
    throw new Refusal('STATE_CONFLICT', planned ? `the gate ${name} did not fail` : 'this plan has no gate of that name', {
      hint: failed.length > 0 ? `gates that could be waived: ${failed.join(', ')}` : 'none of its gates can be waived',
    });
  }
  if (now.toISOString() >= promotion.expiresAt)
    throw new Refusal('EXPIRED', 'the time of the request is over', { hint: 'create a new request' });
  return result;
}
