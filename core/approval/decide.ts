/** The one place where an approval is decided. REST, link, Slack, command line and automation all come here; nothing else writes a decision. */
import type { Actor, AuthMethod, Channel, Party } from '../access/identity.ts';
import { isSamePerson } from '../access/identity.ts';
import { belongsToTenant, holdsVerb, type Membership, rolesIn } from '../access/membership.ts';
import { refuseRobot } from '../access/robot.ts';
import { Refusal } from '../errors.ts';
import { type PromotionChange, withPhase } from '../promotion/change.ts';
import { isFinal } from '../promotion/phase.ts';
import type { Plan } from '../promotion/plan.ts';
import type { Promotion } from '../promotion/promotion.ts';
import { lentAuthority } from './authority.ts';
import type { Decision } from './decision.ts';
import type { Approvers } from './delegation.ts';
import { EXCLUSION_WORDS, exclusionOf } from './excluded.ts';
import { type ApprovalProgress, approvalProgress, isAskedNow, isMissing, openRules } from './progress.ts';
import { askedFrom } from './remind.ts';
import { fits, type Groups } from './stage.ts';
import { standingDecisions } from './standing.ts';
import { alertOf, type Signal, signalsOfApproval } from './suspicion.ts';

export interface DecisionInput {
  decision: 'approve' | 'reject';
  actor: Actor;
  auth: AuthMethod;
  channel: Channel;
  /** Name of the automated approver that speaks; its actor is a policy. */
  automated?: string;
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
  /** As they are stored: what does not count any more is left out here. */
  decisions: readonly Decision[];
  /** Of the credential that decides: never more than the person's. */
  membership: Membership;
  approvers: Approvers;
  /** Hash of the gate results as they stand. */
  gatesHash: string;
  /** The requester has approved a request of this person lately. */
  isReciprocal: boolean;
  /** ISO time from the clock port. */
  now: string;
  /** SHA-256 of a text, for the log line. */
  hashText(text: string): string;
}

/** `change` to commit, or `unchanged` when the same person repeats the same decision on the same plan. */
export type DecisionOutcome = { kind: 'change'; change: PromotionChange } | { kind: 'unchanged' };

/** Decides or refuses. Order of refusals: verb and person (403), plan and state (409), time (410). Nothing is changed by a refusal. */
export function decide(given: DecisionFacts, input: DecisionInput): DecisionOutcome {
  const { promotion, plan, approvers } = given;
  const decisions = standingDecisions(approvers, promotion, given.decisions);
  const facts = { ...given, decisions };
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
  const authority = refuseWrongState(facts, input);
  const decision: Decision = {
    requestId: promotion.id,
    planHash: promotion.planHash,
    actor: input.actor,
    ...authority,
    decision: input.decision,
    at: facts.now,
    channel: input.channel,
    auth: input.auth,
    gatesHash: facts.gatesHash,
    ...(input.comment === undefined ? {} : { comment: input.comment }),
  };
  const isOwn = (other: Decision) => other.planHash === promotion.planHash && other.actor.key === input.actor.key;
  // Who decides in person takes back the own place from who stood in: the new decision may void another one.
  const counting = standingDecisions(approvers, promotion, [...given.decisions.filter((other) => !isOwn(other)), decision]);
  const progress = approvalProgress(plan.approvals, counting, promotion.planHash);
  const closes = progress.rejected || progress.complete;
  const after = progress.rejected
    ? withPhase(promotion, 'rejected', { rejectedBy: input.actor, rejectedAt: facts.now })
    : progress.complete
      ? approved(facts)
      : opened(facts, progress);
  const signals = input.decision === 'approve' ? signalsOfApproval(promotion, input.actor, facts) : [];
  return {
    kind: 'change',
    change: changeOf(facts, input, { decision, replaces: given.decisions.some(isOwn), after, progress, closes, signals }),
  };
}

interface Decided {
  decision: Decision;
  replaces: boolean;
  after: Promotion;
  progress: ApprovalProgress;
  closes: boolean;
  signals: readonly Signal[];
}

function changeOf(facts: DecisionFacts, input: DecisionInput, decided: Decided): PromotionChange {
  const { decision, after, progress, closes, signals } = decided;
  const { promotion } = facts;
  const absent = decision.onBehalfOf;
  return {
    before: promotion,
    after,
    decision,
    ...(decided.replaces ? { replaces: true as const } : {}),
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
        ...(absent ? { delegation: absent.delegation } : {}),
        ...(input.automated === undefined ? {} : { automated: input.automated }),
        ...(signals.length > 0 ? { signals: [...signals] } : {}),
        ...(input.comment === undefined ? {} : { commentSha256: facts.hashText(input.comment) }),
      },
      history: {
        action: input.decision === 'approve' ? 'approved' : 'rejected',
        ...(input.comment === undefined ? {} : { comment: input.comment }),
        ...(absent ? { onBehalfOf: absent.email } : {}),
      },
    },
    notices: [
      { type: 'approval.decided', data: { decision: input.decision, channel: input.channel } },
      ...(closes ? [{ type: 'approval.closed' as const, data: { outcome: after.phase } }] : []),
      ...signals.map((signal) => alertOf(signal)),
    ],
    ...(closes
      ? { wake: { kind: 'resume' as const, requestId: promotion.id, attempt: promotion.attempt, wait: 'approval' as const } }
      : {}),
  };
}

function approved({ promotion, plan, now }: Pick<DecisionFacts, 'promotion' | 'plan' | 'now'>): Promotion {
  return withPhase(promotion, 'approved', { approvedAt: now, ...(plan.execute === 'manual' ? { waitingOn: 'confirm' as const } : {}) });
}

/** The people of a stage that has just opened are asked from now on: their reminders and their haste count from here. */
function opened({ promotion, plan, decisions, now }: DecisionFacts, progress: ApprovalProgress): Promotion {
  const before = approvalProgress(plan.approvals, decisions, promotion.planHash);
  return progress.stagesMet === before.stagesMet ? promotion : { ...promotion, ...askedFrom(now) };
}

/**
 * The same decision again changes nothing, unless nothing is missing any more: an approval that was void while its person was out of the team
 * counts again afterwards, and somebody has to close.
 */
function repeated(facts: DecisionFacts, input: DecisionInput): DecisionOutcome {
  const { promotion, plan, decisions, now } = facts;
  const { complete } = approvalProgress(plan.approvals, decisions, promotion.planHash);
  if (promotion.phase !== 'pending_approval' || now >= promotion.expiresAt || !complete) return { kind: 'unchanged' };
  const after = approved(facts);
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
  facts: Pick<DecisionFacts, 'promotion' | 'plan' | 'membership' | 'approvers' | 'decisions'>,
  input: Pick<DecisionInput, 'decision' | 'actor' | 'automated'>,
): void {
  const { promotion, plan, membership, approvers, decisions } = facts;
  const rules = plan.approvals.flatMap((stage) => stage.rules);
  if (input.automated !== undefined) {
    if (rules.some((rule) => rule.automated === input.automated)) return;
    throw new Refusal('NOT_AN_APPROVER', 'no approval rule of this plan names this service');
  }
  if (!belongsToTenant(membership, promotion.tenant)) throw new Refusal('NOT_FOUND', 'there is no such request');
  refuseRobot(input.actor, 'decide');
  const exclusion = exclusionOf(promotion, input.actor);
  if (exclusion) throw new Refusal('SELF_APPROVAL', EXCLUSION_WORDS[exclusion], { hint: 'ask another approver' });
  const verb = input.decision === 'approve' ? 'approve' : 'reject';
  if (!holdsVerb(membership, verb, promotion.to)) {
    throw new Refusal('FORBIDDEN', `your roles do not include the verb "${verb}" in ${promotion.to}`);
  }
  const groups = [ownGroups(facts), ...lentAuthority(approvers, promotion, input.actor.key, decisions).map((lent) => lent.groups)];
  if (!rules.some((rule) => groups.some((group) => fits(rule, group)))) {
    throw new Refusal('NOT_AN_APPROVER', 'no approval rule of this plan names a team or role of yours', {
      hint: `the explain page of ${promotion.id} lists who can decide`,
    });
  }
}

function ownGroups({ membership, promotion }: Pick<DecisionFacts, 'membership' | 'promotion'>): Groups {
  return { teams: membership.teams, roles: rolesIn(membership, promotion.to) };
}

type Authority = Pick<Decision, 'teams' | 'roles' | 'automated' | 'onBehalfOf'>;

/** Decisions are taken only while approval is open, on the plan that stands, before the deadline. Answers what the decision counts for. */
function refuseWrongState(facts: DecisionFacts, input: DecisionInput): Authority {
  const { promotion, plan, decisions, now } = facts;
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
  const authority = authorityFor(facts, input, approvalProgress(plan.approvals, decisions, promotion.planHash));
  if (input.decision === 'approve' && !authority) {
    throw new Refusal('NOT_AN_APPROVER', 'the approvals that you could give are not asked for at this stage');
  }
  return authority ?? plain(ownGroups(facts));
}

/**
 * The authority that serves best: what is still missing by the own groups, then in somebody's place; then what is merely asked for. An absent
 * person's authority is not spent where the own suffices. Undefined: nothing of it is asked for now.
 */
function authorityFor(facts: DecisionFacts, { actor, automated }: DecisionInput, progress: ApprovalProgress): Authority | undefined {
  const { promotion, plan, decisions, approvers } = facts;
  const candidates: { groups: Groups; authority: Authority }[] =
    automated !== undefined
      ? [{ groups: { teams: [], roles: [], automated }, authority: { teams: [], roles: [], automated } }]
      : [
          { groups: ownGroups(facts), authority: plain(ownGroups(facts)) },
          ...lentAuthority(approvers, promotion, actor.key, decisions).map(({ delegation, groups }) => ({
            groups,
            authority: { ...plain(groups), onBehalfOf: { ...partyOf(delegation.from), delegation: delegation.id } },
          })),
        ];
  const missing = openRules(plan.approvals, progress);
  return (
    candidates.find(({ groups }) => isMissing(missing, groups)) ??
    candidates.find(({ groups }) => isAskedNow(plan.approvals, progress, groups))
  )?.authority;
}

function plain({ teams, roles }: Groups): Pick<Decision, 'teams' | 'roles'> {
  return { teams: [...teams], roles: [...roles] };
}

function partyOf({ key, email }: Party): Party {
  return { key, email };
}
