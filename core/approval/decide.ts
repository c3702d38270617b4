/** The one place where an approval is decided. REST, link, Slack, command line and automation all come here; nothing else writes a decision. */
import type { Actor, AuthMethod, Channel } from '../access/identity.ts';
import { isSamePerson } from '../access/identity.ts';
import { belongsToTenant, type Membership } from '../access/membership.ts';
import { Refusal } from '../errors.ts';
import { type PromotionChange, withPhase } from '../promotion/change.ts';
import { isFinal } from '../promotion/phase.ts';
import type { Plan } from '../promotion/plan.ts';
import type { Promotion } from '../promotion/promotion.ts';
import type { Decision } from './decision.ts';
import { approvalProgress, openRulesFor } from './progress.ts';

export interface DecisionInput {
  decision: 'approve' | 'reject';
  actor: Actor;
  auth: AuthMethod;
  channel: Channel;
  /** Plan hash that the person saw; absent on REST while the first plan stands. */
  planHash?: string;
  /** Comment of an approval or reason of a rejection. Attacker-controlled text. */
  comment?: string;
  /** Link that carried the decision: used up in the same transaction. */
  linkId?: string;
}

/** Facts that the decision rests on, read strongly consistent just before. */
export interface DecisionFacts {
  promotion: Promotion;
  plan: Plan;
  /** Those that still count, by `standingDecisions`. */
  decisions: readonly Decision[];
  membership: Membership;
  /** Hash of the gate results as they stand. */
  gatesHash: string;
  /** ISO time from the clock port. */
  now: string;
  /** SHA-256 of a text, for the log line. */
  hashText(text: string): string;
}

/** `change` to commit, or `unchanged` when the same person repeats the same decision on the same plan. */
export type DecisionOutcome = { kind: 'change'; change: PromotionChange } | { kind: 'unchanged' };

/** Decides or refuses. Order of refusals: verb and person (403), plan and state (409), time (410). Nothing is changed by a refusal. */
export function decide(facts: DecisionFacts, input: DecisionInput): DecisionOutcome {
  const { promotion, plan, decisions } = facts;
  refuseWrongPerson(facts, input);
  const previous = decisions.find(
    (decision) => decision.planHash === promotion.planHash && !decision.withdrawn && isSamePerson(decision.actor, input.actor),
  );
  if (previous && (input.planHash === undefined || input.planHash === previous.planHash)) {
    if (previous.decision === input.decision) return repeated(facts, input);
    throw new Refusal('ALREADY_DECIDED', `you decided "${previous.decision}" on this plan already`, {
      hint: 'withdraw your decision first, if the request still waits for approval',
    });
  }
  refuseWrongState(facts, input);

  const decision: Decision = {
    requestId: promotion.id,
    planHash: promotion.planHash,
    actor: input.actor,
    teams: facts.membership.teams,
    roles: facts.membership.roles,
    decision: input.decision,
    at: facts.now,
    channel: input.channel,
    auth: input.auth,
    gatesHash: facts.gatesHash,
    ...(input.comment === undefined ? {} : { comment: input.comment }),
  };
  const progress = approvalProgress(plan.approvals, [...decisions, decision], promotion.planHash);
  const closes = progress.rejected || progress.complete;
  const after = progress.rejected
    ? withPhase(promotion, 'rejected', { rejectedBy: input.actor, rejectedAt: facts.now })
    : progress.complete
      ? withPhase(promotion, 'approved', { approvedAt: facts.now, ...(plan.execute === 'manual' ? { waitingOn: 'confirm' as const } : {}) })
      : promotion;
  return {
    kind: 'change',
    change: {
      before: promotion,
      after,
      decision,
      ...(input.linkId === undefined ? {} : { useLink: input.linkId }),
      event: {
        type: 'approval.decided',
        actor: input.actor,
        auth: input.auth,
        channel: input.channel,
        data: {
          decision: input.decision,
          gates: facts.gatesHash,
          phase: after.phase,
          stagesMet: progress.stagesMet,
          ...(input.comment === undefined ? {} : { commentSha256: facts.hashText(input.comment) }),
        },
        history: {
          action: input.decision === 'approve' ? 'approved' : 'rejected',
          ...(input.comment === undefined ? {} : { comment: input.comment }),
        },
      },
      notices: [
        { type: 'approval.decided', data: { decision: input.decision, channel: input.channel } },
        ...(closes ? [{ type: 'approval.closed' as const, data: { outcome: after.phase } }] : []),
      ],
      ...(closes
        ? { wake: { kind: 'resume' as const, requestId: promotion.id, attempt: promotion.attempt, wait: 'approval' as const } }
        : {}),
    },
  };
}

/**
 * The same decision again changes nothing, unless nothing is missing any more: an approval that was void while its person was out of the team
 * counts again afterwards, and somebody has to close.
 */
function repeated({ promotion, plan, decisions, now }: DecisionFacts, input: DecisionInput): DecisionOutcome {
  const { complete } = approvalProgress(plan.approvals, decisions, promotion.planHash);
  if (promotion.phase !== 'pending_approval' || now >= promotion.expiresAt || !complete) return { kind: 'unchanged' };
  const after = withPhase(promotion, 'approved', {
    approvedAt: now,
    ...(plan.execute === 'manual' ? { waitingOn: 'confirm' as const } : {}),
  });
  return {
    kind: 'change',
    change: {
      before: promotion,
      after,
      event: {
        type: 'approval.closed',
        actor: input.actor,
        auth: input.auth,
        channel: input.channel,
        data: { phase: after.phase, repeated: true },
        history: { action: 'approved' },
      },
      notices: [{ type: 'approval.closed', data: { outcome: after.phase } }],
      wake: { kind: 'resume', requestId: promotion.id, attempt: promotion.attempt, wait: 'approval' },
    },
  };
}

/** The requester, who edited the plan, people of other teams and machines do not decide. Answered before the body is looked at. */
export function refuseWrongPerson(
  facts: Pick<DecisionFacts, 'promotion' | 'plan' | 'membership'>,
  input: Pick<DecisionInput, 'decision' | 'actor'>,
): void {
  const { promotion, plan, membership } = facts;
  if (!belongsToTenant(membership, promotion.tenant)) throw new Refusal('NOT_FOUND', 'there is no such request');
  if (input.actor.kind !== 'person') {
    throw new Refusal('HUMAN_REQUIRED', 'a person has to decide; this credential belongs to a machine', { hint: 'sign in as yourself' });
  }
  const isRequester = isSamePerson(promotion.requester, input.actor) || promotion.editors.includes(input.actor.key);
  if (isRequester) {
    throw new Refusal('SELF_APPROVAL', 'who requested or edited a promotion cannot decide on it', { hint: 'ask another approver' });
  }
  const verb = input.decision === 'approve' ? 'approve' : 'reject';
  if (!membership.verbs.has(verb)) throw new Refusal('FORBIDDEN', `your roles do not include the verb "${verb}"`);
  const asked = plan.approvals.some((stage) =>
    stage.rules.some((rule) =>
      rule.team !== undefined ? membership.teams.includes(rule.team) : rule.role !== undefined && membership.roles.includes(rule.role),
    ),
  );
  if (!asked) {
    throw new Refusal('NOT_AN_APPROVER', 'no approval rule of this plan names a team or role of yours', {
      hint: `the explain page of ${promotion.id} lists who can decide`,
    });
  }
}

/** Decisions are taken only while approval is open, on the plan that stands, before the deadline. */
function refuseWrongState(facts: DecisionFacts, input: DecisionInput): void {
  const { promotion, plan, decisions, membership, now } = facts;
  if (promotion.phase === 'expired') throw new Refusal('EXPIRED', 'the request has expired', { hint: 'create a new request' });
  if (isFinal(promotion.phase)) throw new Refusal('STATE_CONFLICT', `the request is ${promotion.phase} already`);
  const unseen = input.planHash === undefined ? promotion.planHash !== promotion.firstPlanHash : input.planHash !== promotion.planHash;
  if (unseen) {
    throw new Refusal('PLAN_CHANGED', 'the plan is not the one you saw', {
      hint: `read the request again and send planHash ${promotion.planHash}`,
    });
  }
  if (promotion.phase !== 'pending_approval') {
    throw new Refusal('STATE_CONFLICT', `a request in phase ${promotion.phase} takes no decisions`, {
      hint:
        promotion.phase === 'validating' || promotion.phase === 'requested'
          ? 'its gates still run; try again when they are done'
          : 'read its explain page',
    });
  }
  if (now >= promotion.expiresAt) throw new Refusal('EXPIRED', 'the time to decide is over', { hint: 'create a new request' });
  if (input.decision === 'reject') return;
  const progress = approvalProgress(plan.approvals, decisions, promotion.planHash);
  if (openRulesFor(plan.approvals, progress, membership).length === 0) {
    throw new Refusal('NOT_AN_APPROVER', 'the approvals that you could give are not asked for at this stage');
  }
}
