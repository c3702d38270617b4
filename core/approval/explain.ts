/** Why a request does not go on, who can help, and how soon it could: the same progress that enforces, in words. */
import type { Configuration } from '../environment/configuration.ts';
import type { EnvironmentRecord } from '../environment/environment.ts';
import { COUNTS_AS_PASSED, type GateResult, UNSETTLED } from '../gate/gate.ts';
import { isFinal } from '../promotion/phase.ts';
import type { Plan } from '../promotion/plan.ts';
import type { Promotion } from '../promotion/promotion.ts';
import type { Decision } from './decision.ts';
import { type EligiblePerson, eligibleFor } from './eligible.ts';
import { approvalProgress } from './progress.ts';

export interface Condition {
  kind: 'gate' | 'approval' | 'schedule' | 'lock' | 'confirm' | 'evidence';
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
  configuration: Configuration;
  environment: EnvironmentRecord | undefined;
  now: string;
}

export function explain(facts: ExplainFacts): Explanation {
  const { promotion, plan, now } = facts;
  const approvals = approvalConditions(facts);
  const conditions = [...gateConditions(plan, facts.gates), ...approvals, ...startConditions(facts)];
  const isOver = isFinal(promotion.phase);
  const hasBegun = promotion.phase === 'promoting' || promotion.phase === 'rolling_back';
  const open = conditions.filter((condition) => !condition.met);
  const waitsForPeople = open.some((condition) => condition.kind !== 'schedule');
  const scheduled = plan.scheduledDate !== null && plan.scheduledDate > now ? plan.scheduledDate : now;
  return {
    id: promotion.id,
    phase: promotion.phase,
    summary: summaryOf(promotion, open),
    conditions,
    ask: isOver || hasBegun ? [] : askedPeople(facts),
    earliestStart: isOver || hasBegun || waitsForPeople ? null : scheduled,
    expiresAt: promotion.expiresAt,
  };
}

function gateConditions(plan: Plan, results: readonly GateResult[]): Condition[] {
  return plan.gates.map(({ name }) => {
    const result = results.find((candidate) => candidate.name === name);
    if (!result) return { kind: 'gate', name, met: false, message: 'has not run yet' };
    const met = COUNTS_AS_PASSED.has(result.status);
    const resolution = met || UNSETTLED.has(result.status) ? '' : result.resolution;
    return { kind: 'gate', name, met, message: result.message || result.status, ...(resolution ? { resolution } : {}) };
  });
}

function approvalConditions({ promotion, plan, decisions, configuration }: ExplainFacts): Condition[] {
  const progress = approvalProgress(plan.approvals, decisions, promotion.planHash);
  const decided = decidedKeys(promotion, decisions);
  return progress.stages.flatMap((stage, index) =>
    stage.rules.map((rule, place): Condition => {
      const missing = Math.max(0, rule.min - rule.given.length);
      const people = eligibleFor(plan.approvals[index]!.rules[place]!, promotion, configuration).filter(({ key }) => !decided.has(key));
      return {
        kind: 'approval',
        name: `${stage.name}: ${rule.team}`,
        met: rule.met,
        message: rule.met
          ? `approved by ${rule.given.map((decision) => decision.actor.email).join(', ')}`
          : `needs ${missing} more of ${rule.team}${stage.status === 'waiting' ? ', after the stages before it' : ''}`,
        ...(rule.met ? {} : { missing, who: people.map((person) => person.email) }),
        ...(rule.met || people.length >= missing
          ? {}
          : { resolution: `too few members of ${rule.team} may approve this; add one to the configuration` }),
      };
    }),
  );
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
function askedPeople({ promotion, plan, decisions, configuration }: ExplainFacts): string[] | null {
  const progress = approvalProgress(plan.approvals, decisions, promotion.planHash);
  const decided = decidedKeys(promotion, decisions);
  const places = progress.stages.flatMap((stage, index) =>
    stage.rules.flatMap((rule, place) => {
      const people = eligibleFor(plan.approvals[index]!.rules[place]!, promotion, configuration).filter(({ key }) => !decided.has(key));
      return Array.from({ length: Math.max(0, rule.min - rule.given.length) }, () => people);
    }),
  );
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

function decidedKeys({ planHash }: Promotion, decisions: readonly Decision[]): Set<string> {
  return new Set(
    decisions.filter((decision) => decision.planHash === planHash && !decision.withdrawn).map((decision) => decision.actor.key),
  );
}

function summaryOf({ phase, failure, step }: Promotion, open: readonly Condition[]): string {
  if (failure) return `${phase.replaceAll('_', ' ')}: ${failure.message}`;
  if (isFinal(phase)) return `it is over: ${phase.replaceAll('_', ' ')}`;
  if (phase === 'promoting' || phase === 'rolling_back') return `${phase.replaceAll('_', ' ')}${step ? `, step ${step}` : ''}`;
  const [first, ...more] = open;
  if (!first) return 'nothing is missing; it goes on by itself';
  return `${first.name}: ${first.message}${more.length > 0 ? `, and ${more.length} more` : ''}`;
}
