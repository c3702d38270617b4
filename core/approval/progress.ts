/** How far the approvals of a plan are. The same pure function enforces, explains and renders. */
import { isSamePerson } from '../access/identity.ts';
import type { Decision } from './decision.ts';
import { type ApprovalRule, type ApprovalStage, fits, type Groups, groupOf } from './stage.ts';

export interface RuleProgress {
  team: string;
  min: number;
  given: Decision[];
  met: boolean;
}

export interface StageProgress {
  name: string;
  /** Stages of one round are open together. */
  round: number;
  status: 'pending' | 'waiting' | 'approved' | 'rejected';
  rules: RuleProgress[];
}

export interface ApprovalProgress {
  required: boolean;
  stages: StageProgress[];
  stagesMet: number;
  complete: boolean;
  rejected: boolean;
}

/**
 * Assigns decisions to rules so that as many rules as possible are met and one person counts once.
 * It is a bipartite matching with capacities: a greedy choice would spend the only member of one team on another team's rule.
 */
function assign(rules: readonly ApprovalRule[], decisions: readonly Decision[]): Decision[][] {
  const given: Decision[][] = rules.map(() => []);
  const place = (decision: Decision, seen: Set<number>): boolean => {
    for (const [index, rule] of rules.entries()) {
      if (seen.has(index) || !fits(rule, decision)) continue;
      seen.add(index);
      const taken = given[index]!;
      if (taken.length < rule.min) {
        taken.push(decision);
        return true;
      }
      for (const [place_, other] of taken.entries()) {
        if (place(other, seen)) {
          taken[place_] = decision;
          return true;
        }
      }
    }
    return false;
  };
  for (const decision of decisions) place(decision, new Set());
  return given;
}

/** One decision per person: a second account of the same person adds nothing. */
function distinctPeople(decisions: readonly Decision[]): Decision[] {
  const people: Decision[] = [];
  for (const decision of decisions) {
    if (!people.some((other) => isSamePerson(other.actor, decision.actor))) people.push(decision);
  }
  return people;
}

/** Stages that open together, in order: a stage marked `parallel` opens with the one before it. */
function roundsOf(stages: readonly ApprovalStage[]): ApprovalStage[][] {
  const rounds: ApprovalStage[][] = [];
  for (const stage of stages) {
    if (stage.parallel && rounds.length > 0) rounds.at(-1)!.push(stage);
    else rounds.push([stage]);
  }
  return rounds;
}

/** Progress of `stages` by the decisions that stand on `planHash`. Rounds are in order: a later one opens when those before it are met. */
export function approvalProgress(stages: readonly ApprovalStage[], decisions: readonly Decision[], planHash: string): ApprovalProgress {
  const standing = decisions.filter((decision) => decision.planHash === planHash && !decision.withdrawn);
  const rejected = standing.some((decision) => decision.decision === 'reject');
  let free = distinctPeople(standing.filter((decision) => decision.decision === 'approve'));
  let open = true;
  let stagesMet = 0;
  const progress: StageProgress[] = [];
  for (const [index, round] of roundsOf(stages).entries()) {
    const rules = round.flatMap((stage) => stage.rules);
    const given = open ? assign(rules, free) : rules.map(() => []);
    let at = 0;
    let isRoundMet: boolean = open;
    for (const stage of round) {
      const counted = stage.rules.map((rule): RuleProgress => {
        const of = given[at++]!;
        return { team: groupOf(rule), min: rule.min, given: of, met: open && of.length >= rule.min };
      });
      const isMet = counted.every((rule) => rule.met);
      if (isMet) stagesMet++;
      else isRoundMet = false;
      const status = rejected ? 'rejected' : isMet ? 'approved' : open ? 'pending' : 'waiting';
      progress.push({ name: stage.name, round: index, status, rules: counted });
    }
    const used = new Set(given.flat());
    free = free.filter((decision) => !used.has(decision));
    open = isRoundMet;
  }
  return { required: stages.length > 0, stages: progress, stagesMet, complete: stagesMet === stages.length && !rejected, rejected };
}

export interface OpenRule {
  rule: ApprovalRule;
  /** Approvals that it still needs. */
  missing: number;
  /** By which rules an approval brings it on: itself, and met ones whose people would then be free for it. */
  through: ApprovalRule[];
}

interface OpenPlace {
  rule: ApprovalRule;
  counted: RuleProgress;
}

/** Unmet rules of the stages that are open now. */
export function openRules(stages: readonly ApprovalStage[], progress: ApprovalProgress): OpenRule[] {
  const round = openRound(progress);
  const places = progress.stages.flatMap((stage, index) =>
    stage.round === round ? stage.rules.map((counted, place): OpenPlace => ({ rule: stages[index]!.rules[place]!, counted })) : [],
  );
  return places
    .filter(({ counted }) => !counted.met)
    .map(({ rule, counted }) => ({ rule, missing: rule.min - counted.given.length, through: helping(rule, places) }));
}

/** Round of the stages that are open now; undefined when none is. */
export function openRound({ stages }: ApprovalProgress): number | undefined {
  return stages.find(({ status }) => status === 'pending')?.round;
}

/** Somebody who is in two groups is counted where nobody else is: a further approval for the one group frees that person for the other. */
function helping(unmet: ApprovalRule, places: readonly OpenPlace[]): ApprovalRule[] {
  const reached = [unmet];
  for (const rule of reached) {
    const next = places.filter((place) => !reached.includes(place.rule) && place.counted.given.some((decision) => fits(rule, decision)));
    reached.push(...next.map((place) => place.rule));
  }
  return reached;
}

/** Does an approval for these groups bring something on that is missing? */
export function isMissing(open: readonly OpenRule[], groups: Groups): boolean {
  return open.some(({ through }) => through.some((rule) => fits(rule, groups)));
}

/** Is an approval for these groups asked for by a stage that is open now? Met rules count too: a further member of a team is heard. */
export function isAskedNow(stages: readonly ApprovalStage[], progress: ApprovalProgress, groups: Groups): boolean {
  return progress.stages.some(({ status }, index) => status === 'pending' && stages[index]!.rules.some((rule) => fits(rule, groups)));
}
