/** Why a request does not go on, who can help, and how soon it could: the same progress that enforces, in words. */

import { identityKey, principalKey } from '../access/identity.ts';
import { holdsVerb, mayUse, membershipOfKey } from '../access/membership.ts';
import type { EnvironmentRecord } from '../environment/environment.ts';
import { COUNTS_AS_PASSED, type GateResult, UNSETTLED } from '../gate/gate.ts';
import { mayBeWaived } from '../gate/waiver.ts';
import { approvalsHoldUntil, waitsUntil } from '../promotion/begin.ts';
import { isFinal } from '../promotion/phase.ts';
import type { Plan } from '../promotion/plan.ts';
import type { Promotion } from '../promotion/promotion.ts';
import type { Decision } from './decision.ts';
import type { Approvers } from './delegation.ts';
import { type EligiblePerson, eligibleFor, undecided } from './eligible.ts';
import { exclusionOf } from './excluded.ts';
import { approvalProgress } from './progress.ts';
import { isHuman } from './stage.ts';

export interface Condition {
  kind: 'gate' | 'approval' | 'validity' | 'schedule' | 'timer' | 'lock' | 'confirm';
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
  now: string;
}

export function explain(facts: ExplainFacts): Explanation {
  const { promotion, plan, now } = facts;
  const approvals = approvalConditions(facts);
  const conditions = [...gateConditions(facts), ...approvals, ...validity(facts), ...startConditions(facts)];
  const isOver = isFinal(promotion.phase);
  const hasBegun = promotion.phase === 'promoting' || promotion.phase === 'rolling_back';
  const open = conditions.filter((condition) => !condition.met);
  const waitsForPeople = open.some(({ kind }) => kind !== 'schedule' && kind !== 'timer');
  const earliest = [now, plan.scheduledDate ?? '', waitsUntil(promotion, plan)].reduce((last, date) => (date > last ? date : last));
  return {
    id: promotion.id,
    phase: promotion.phase,
    summary: summaryOf(promotion, open),
    conditions,
    ask: isOver || hasBegun ? [] : askedPeople(facts),
    earliestStart: isOver || hasBegun || waitsForPeople ? null : earliest,
    expiresAt: promotion.expiresAt,
  };
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

/** Granted approvals end; who waits longer than they hold is told before it happens. */
function validity({ promotion, plan, now }: ExplainFacts): Condition[] {
  if (promotion.phase !== 'approved' || plan.approvals.length === 0) return [];
  const until = approvalsHoldUntil(promotion, plan);
  return [{ kind: 'validity', name: 'validity of the approvals', met: now < until, message: `the approvals hold until ${until}` }];
}

function approvalConditions({ promotion, plan, decisions, approvers }: ExplainFacts): Condition[] {
  const progress = approvalProgress(plan.approvals, decisions, promotion.planHash);
  return progress.stages.flatMap((stage, index) =>
    stage.rules.map((rule, place): Condition => {
      const missing = Math.max(0, rule.min - rule.given.length);
      const planned = plan.approvals[index]!.rules[place]!;
      const people = undecided(eligibleFor(planned, promotion, approvers, decisions), promotion, decisions, missing);
      const hasTooFew = isHuman(planned) && people.length < missing;
      return {
        kind: 'approval',
        name: `${stage.name}: ${rule.team}`,
        met: rule.met,
        message: rule.met
          ? `approved by ${rule.given.map(givenBy).join(', ')}`
          : `${isHuman(planned) ? `needs ${missing} more of ${rule.team}` : `waits for the service ${rule.team}`}${stage.status === 'waiting' ? ', after the stages before it' : ''}`,
        ...(rule.met ? {} : { missing, who: people.map((person) => person.email) }),
        ...(rule.met || !hasTooFew ? {} : { resolution: `too few members of ${rule.team} may approve this; add one to the configuration` }),
      };
    }),
  );
}

function givenBy({ actor, onBehalfOf }: Decision): string {
  return onBehalfOf ? `${actor.email} for ${onBehalfOf.email}` : actor.email;
}

function startConditions({ promotion, plan, environment, now }: ExplainFacts): Condition[] {
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
    ...(isWaiting && holder !== undefined
      ? [
          {
            kind: 'lock' as const,
            name: 'environment',
            met: false,
            message: `${plan.to} is being changed by ${holder}; this one starts after it`,
          },
        ]
      : []),
  ];
}

/** Everybody counts once over the whole plan, so the smallest set has one person per missing approval: a matching of places to people. */
function askedPeople({ promotion, plan, decisions, approvers }: ExplainFacts): string[] | null {
  const progress = approvalProgress(plan.approvals, decisions, promotion.planHash);
  const placesOf = (withAway: boolean) =>
    progress.stages.flatMap((stage, index) =>
      stage.rules.flatMap((rule, place) => {
        const planned = plan.approvals[index]!.rules[place]!;
        const missing = Math.max(0, rule.min - rule.given.length);
        const people = eligibleFor(planned, promotion, approvers, decisions);
        const free = undecided(people, promotion, decisions, withAway ? people.length : missing);
        return isHuman(planned) ? Array.from({ length: missing }, () => free) : [];
      }),
    );
  return smallestSet(placesOf(false)) ?? smallestSet(placesOf(true));
}

/** Addresses, one for each place; null when the places cannot all be filled by different people. */
function smallestSet(places: readonly (readonly EligiblePerson[])[]): string[] | null {
  const taken = new Map<string, { place: number; person: EligiblePerson }>();
  const seat = (place: number, tried: Set<string>): boolean =>
    places[place]!.some((person) => {
      if (tried.has(person.key)) return false;
      tried.add(person.key);
      const holder = taken.get(person.key);
      if (holder && !seat(holder.place, tried)) return false;
      taken.set(person.key, { place, person });
      return true;
    });
  const complete = places.every((_people, place) => seat(place, new Set()));
  return complete ? [...taken.values()].sort((left, right) => left.place - right.place).map(({ person }) => person.email) : null;
}

function summaryOf({ phase, failure, step }: Promotion, open: readonly Condition[]): string {
  if (failure) return `${phase.replaceAll('_', ' ')}: ${failure.message}`;
  if (isFinal(phase)) return `it is over: ${phase.replaceAll('_', ' ')}`;
  if (phase === 'promoting' || phase === 'rolling_back') return `${phase.replaceAll('_', ' ')}${step ? `, step ${step}` : ''}`;
  const [first, ...more] = open;
  if (!first) return 'nothing is missing; it goes on by itself';
  return `${first.name}: ${first.message}${more.length > 0 ? `, and ${more.length} more` : ''}`;
}
