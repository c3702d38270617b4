/** Why a request does not go on, who can help, and how soon it could: the same progress that enforces, in words. */

import { identityKey, principalKey } from '../access/identity.ts';
import { holdsVerb, mayUse, membershipOfKey } from '../access/membership.ts';
import { type EnvironmentRecord, requestOf } from '../environment/environment.ts';
import { type HoldFacts, holdOf } from '../environment/hold.ts';
import type { EnvironmentLock } from '../environment/lock.ts';
import type { WindowState } from '../environment/window.ts';
import type { FaultCode } from '../errors.ts';
import { COUNTS_AS_PASSED, type GateResult, UNSETTLED } from '../gate/gate.ts';
import { mayBeWaived } from '../gate/waiver.ts';
import { approvalsHoldUntil, waitsUntil } from '../promotion/begin.ts';
import { isFinal, type Phase } from '../promotion/phase.ts';
import type { Plan } from '../promotion/plan.ts';
import type { Promotion } from '../promotion/promotion.ts';
import type { Decision } from './decision.ts';
import type { Approvers } from './delegation.ts';
import { eligibleFor, eligibleForAny, undecided } from './eligible.ts';
import { exclusionOf } from './excluded.ts';
import { approvalProgress, openRound, openRules } from './progress.ts';
import { type Place, smallestSet } from './smallest-set.ts';
import { type ApprovalRule, fits, groupOf, isHuman } from './stage.ts';

export interface Condition {
  kind: 'gate' | 'approval' | 'validity' | 'schedule' | 'timer' | 'window' | 'lock' | 'confirm';
  /** Gate, or stage and team. */
  name: string;
  met: boolean;
  message: string;
  /** What to do. */
  resolution?: string;
  /** Addresses of who can meet it now. */
  who?: string[];
  /** How many of them are still needed. */
  missing?: number;
}

export interface Explanation {
  id: string;
  phase: Promotion['phase'];
  /** One sentence. */
  summary: string;
  conditions: Condition[];
  /** Addresses of one smallest set of people whose approvals complete the plan; null when no set of people can. */
  ask: string[] | null;
  /** ISO; null while nobody can say, because a gate or an approval is open, or because it is over. */
  earliestStart: string | null;
  expiresAt: string;
}

export interface ExplainFacts {
  promotion: Promotion;
  plan: Plan;
  gates: readonly GateResult[];
  decisions: readonly Decision[];
  approvers: Approvers;
  environment: EnvironmentRecord | undefined;
  /** A person's lock. */
  lock?: EnvironmentLock | undefined;
  /** State of the windows at an instant; absent: there are none. */
  windowAt?: ((instant: string) => WindowState) | undefined;
  now: string;
}

export function explain(facts: ExplainFacts): Explanation {
  const { promotion, plan, now } = facts;
  const ready = [now, plan.scheduledDate ?? '', waitsUntil(promotion, plan)].reduce((last, date) => (date > last ? date : last));
  const earliest = windowOf(facts) === undefined ? ready : (facts.windowAt!(ready).opens ?? NEVER);
  const conditions = [...gateConditions(facts), ...approvalConditions(facts), ...validity(facts, earliest), ...startConditions(facts)];
  const isOver = isFinal(promotion.phase);
  const hasBegun = isRollingOut(promotion.phase);
  const open = conditions.filter((condition) => !condition.met);
  const waitsOnlyForTime = open.every(({ kind }) => kind === 'schedule' || kind === 'timer' || kind === 'window');
  return {
    id: promotion.id,
    phase: promotion.phase,
    summary: summaryOf(promotion, open),
    conditions,
    ask: isOver || hasBegun ? [] : askedPeople(facts),
    earliestStart: isOver || hasBegun || !waitsOnlyForTime || earliest === NEVER ? null : earliest,
    expiresAt: promotion.expiresAt,
  };
}

/** After every date that is compared with it. */
const NEVER = '9999-12-31T23:59:59.999Z';

/** The windows of this moment, where they count: what is repaired or rolled back is needed now. */
function windowOf({ promotion, windowAt, now }: ExplainFacts): WindowState | undefined {
  return promotion.kind === 'promote' ? windowAt?.(now) : undefined;
}

function gateConditions({ promotion, plan, gates, approvers }: ExplainFacts): Condition[] {
  return plan.gates.map(({ name }) => {
    const result = gates.find((candidate) => candidate.name === name);
    if (!result) return { kind: 'gate', name, met: false, message: 'has not run yet' };
    const met = COUNTS_AS_PASSED.has(result.status);
    const isBad = !met && !UNSETTLED.has(result.status);
    const waivers = isBad && promotion.phase === 'blocked' && mayBeWaived(result) ? waiversOf(promotion, approvers) : [];
    const emergency = waivers.length > 0 ? `in an emergency POST …/break-glass, by ${waivers.join(' or ')}` : '';
    const resolution = isBad ? [result.resolution, emergency].filter((text) => text !== '').join('; ') : '';
    return { kind: 'gate', name, met, message: result.message || result.status, ...(resolution ? { resolution } : {}) };
  });
}

/** Addresses of who could waive a gate of this request. */
function waiversOf(promotion: Promotion, { configuration }: Approvers): string[] {
  const { issuer, people } = configuration;
  const requester = membershipOfKey(configuration, principalKey(promotion.requester));
  if (holdsVerb(requester, 'break_glass', promotion.to)) return [];
  return people.flatMap(({ subject, email }) => {
    const key = identityKey({ issuer, subject });
    const may = mayUse(membershipOfKey(configuration, key), 'break_glass', promotion.tenant, promotion.to);
    return may && !exclusionOf({ ...promotion, waivers: [] }, { key, email }) ? [email] : [];
  });
}

/** What was granted ends; who waits longer than it holds is told before it happens. */
function validity({ promotion, plan }: ExplainFacts, earliest: string): Condition[] {
  const { phase, expiresAt, waivers = [] } = promotion;
  const ending = (name: string, until: string, message: string): Condition => ({ kind: 'validity', name, met: earliest < until, message });
  const deadline = ending('deadline', expiresAt, `the request ends ${expiresAt}, whatever it waits for`);
  if (phase !== 'approved') return isFinal(phase) || isRollingOut(phase) || deadline.met ? [] : [deadline];
  const until = approvalsHoldUntil(promotion, plan);
  return [
    ...(plan.approvals.length === 0 ? [] : [ending('validity of the approvals', until, `the approvals hold until ${until}`)]),
    ...waivers.map((waiver) =>
      ending(`waiver of ${waiver.gate}`, waiver.expiresAt, `${waiver.gate} is waived until ${waiver.expiresAt}; then the gates run again`),
    ),
    ...(deadline.met ? [] : [deadline]),
  ];
}

function isRollingOut(phase: Phase): boolean {
  return phase === 'promoting' || phase === 'rolling_back';
}

function approvalConditions(facts: ExplainFacts): Condition[] {
  const { promotion, plan, decisions, approvers } = facts;
  const progress = approvalProgress(plan.approvals, decisions, promotion.planHash);
  const open = openRules(plan.approvals, progress);
  const rules = progress.stages.flatMap((stage, index) =>
    stage.rules.map((rule, place): Condition => {
      const missing = Math.max(0, rule.min - rule.given.length);
      const planned = plan.approvals[index]!.rules[place]!;
      const through = open.find((other) => other.rule === planned)?.through ?? [planned];
      const people = undecided(eligibleForAny(through, promotion, approvers, decisions), promotion, decisions, missing);
      return {
        kind: 'approval',
        name: `${stage.name}: ${rule.team}`,
        met: rule.met,
        message: rule.met
          ? `approved by ${rule.given.map(givenBy).join(', ')}`
          : `${isHuman(planned) ? `needs ${missing} more of ${rule.team}` : `waits for the service ${rule.team}`}${stage.status === 'waiting' ? ', after the stages before it' : ''}`,
        ...(rule.met ? {} : { missing, who: people.map((person) => person.email) }),
        ...(!rule.met && waitsForPeople(planned, approvers) && people.length < missing ? { resolution: wayOut(planned) } : {}),
      };
    }),
  );
  if (!waitsToBeClosed(facts)) return rules;
  const message = 'approvals that did not count for a while count again; one of their people has to say so';
  return [
    ...rules,
    { kind: 'approval', name: 'closing', met: false, message, missing: 1, who: closersOf(facts), resolution: 'approve once more' },
  ];
}

/** A service decides by itself, unless the configuration has it no more: then a person has to do something about it. */
function waitsForPeople({ automated }: ApprovalRule, { configuration }: Approvers): boolean {
  return automated === undefined || !Object.hasOwn(configuration.automatedApprovers, automated);
}

function wayOut(rule: ApprovalRule): string {
  return isHuman(rule)
    ? `too few members of ${groupOf(rule)} may approve this; add one to the configuration`
    : `the configuration has no service ${groupOf(rule)} any more; edit the request, or create a new one`;
}

/** Has become complete without anybody deciding: a person is back in the team. */
function waitsToBeClosed({ promotion, plan, decisions }: ExplainFacts): boolean {
  return promotion.phase === 'pending_approval' && approvalProgress(plan.approvals, decisions, promotion.planHash).complete;
}

/** Addresses of whose repeated decision closes it. */
function closersOf({ promotion, decisions }: ExplainFacts): string[] {
  const isByPerson = ({ planHash, automated, withdrawn }: Decision) =>
    planHash === promotion.planHash && automated === undefined && !withdrawn;
  return decisions.filter(isByPerson).map(({ actor }) => actor.email);
}

function givenBy({ actor, onBehalfOf }: Decision): string {
  return onBehalfOf ? `${actor.email} for ${onBehalfOf.email}` : actor.email;
}

function startConditions(facts: ExplainFacts): Condition[] {
  const { promotion, plan, environment, lock, now } = facts;
  const window = windowOf(facts);
  const hold = (of: Partial<HoldFacts>) =>
    holdOf({ environment: plan.to, kind: promotion.kind, lock: undefined, window: undefined, ...of });
  const isOver = isFinal(promotion.phase) || promotion.phase === 'rolling_back';
  const isWaiting = promotion.phase === 'approved';
  const holder = environment?.holder;
  return [
    ...(plan.scheduledDate === null
      ? []
      : [
          {
            kind: 'schedule' as const,
            name: 'scheduled date',
            met: plan.scheduledDate <= now,
            message: `not before ${plan.scheduledDate}`,
          },
        ]),
    ...(plan.waitSeconds === 0
      ? []
      : [
          {
            kind: 'timer' as const,
            name: 'wait timer',
            met: promotion.approvedAt !== undefined && waitsUntil(promotion, plan) <= now,
            message:
              promotion.approvedAt === undefined
                ? `${plan.waitSeconds} s after the last approval`
                : `not before ${waitsUntil(promotion, plan)}, ${plan.waitSeconds} s after the last approval`,
          },
        ]),
    ...(plan.execute === 'manual'
      ? [
          {
            kind: 'confirm' as const,
            name: 'execution',
            met: !isWaiting || promotion.waitingOn !== 'confirm',
            message: `${plan.to} starts promotions by hand`,
            resolution: 'POST …/execute once it is approved',
          },
        ]
      : []),
    ...(window === undefined || isOver
      ? []
      : [{ kind: 'window' as const, name: 'window', met: window.open, message: hold({ window })?.message ?? `${plan.to} is open` }]),
    ...(lock === undefined || isOver
      ? []
      : [
          {
            kind: 'lock' as const,
            name: 'lock',
            met: false,
            message: hold({ lock })!.message,
            resolution: `greenlight unlock ${plan.to}, when the reason is gone`,
          },
        ]),
    ...(isWaiting && holder !== undefined
      ? [
          {
            kind: 'lock' as const,
            name: 'environment',
            met: false,
            message: `${plan.to} is being changed by ${requestOf(holder)}; this one starts after it`,
          },
        ]
      : []),
  ];
}

/** Addresses of who would complete the plan; while stages are sequential, in the order in which they are asked. */
function askedPeople(facts: ExplainFacts): string[] | null {
  if (waitsToBeClosed(facts)) return closersOf(facts).slice(0, 1);
  const { promotion, plan, decisions, approvers } = facts;
  const progress = approvalProgress(plan.approvals, decisions, promotion.planHash);
  const round = openRound(progress) ?? 0;
  const places = progress.stages.flatMap((stage, index) =>
    stage.rules.flatMap((rule, place): Place[] => {
      const planned = plan.approvals[index]!.rules[place]!;
      if (stage.round < round || !waitsForPeople(planned, approvers)) return [];
      const eligible = eligibleFor(planned, promotion, approvers, decisions);
      const people = undecided(eligible, promotion, decisions, eligible.length);
      return Array.from({ length: rule.min }, (_, seat): Place => {
        const counted = rule.given[seat];
        return {
          round: stage.round,
          people,
          fits: (decision) => stage.round === round && fits(planned, decision),
          ...(counted ? { counted } : {}),
        };
      });
    }),
  );
  return smallestSet(places)?.map(({ email }) => email) ?? null;
}

/** After these nothing goes on by itself: what a person has to do. */
const AFTERWARDS: Readonly<Record<string, string>> = {
  CLUSTER_CONFLICT:
    'nothing was overwritten: look at both Deployments and the route, then promote again or restore the old version by hand',
  LOCK_LOST: 'a later request holds the environment: look at what it does before you start another one',
  ROLLBACK_FAILED: 'look at the workload now: docs/runbook.md says how the old version is restored by hand',
} satisfies Partial<Record<FaultCode, string>>;

function summaryOf({ phase, failure, step }: Promotion, open: readonly Condition[]): string {
  if (failure) {
    const todo = AFTERWARDS[failure.code];
    return `${phase.replaceAll('_', ' ')}: ${failure.message}${todo === undefined ? '' : `; ${todo}`}`;
  }
  if (isFinal(phase)) return `it is over: ${phase.replaceAll('_', ' ')}`;
  if (isRollingOut(phase)) return `${phase.replaceAll('_', ' ')}${step ? `, step ${step}` : ''}`;
  const [first, ...more] = open;
  if (!first) return 'nothing is missing; it goes on by itself';
  return `${first.name}: ${first.message}${more.length > 0 ? `, and ${more.length} more` : ''}`;
}
