/** How far the approvals of a plan are. The same pure function enforces, explains and renders. */
import { isSamePerson } from '../access/identity.ts';
import type { Decision } from './decision.ts';
import { type ApprovalRule, type ApprovalStage, groupOf } from './stage.ts';

export interface RuleProgress {
  team: string;
  min: number;
  given: Decision[];
  met: boolean;
}

export interface StageProgress {
  name: string;
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

function fits(rule: ApprovalRule, decision: Decision): boolean {
  return rule.team !== undefined ? decision.teams.includes(rule.team) : rule.role !== undefined && decision.roles.includes(rule.role);
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

/** Progress of `stages` by the decisions that stand on `planHash`. Stages are in order: a later one opens when those before it are met. */
export function approvalProgress(stages: readonly ApprovalStage[], decisions: readonly Decision[], planHash: string): ApprovalProgress {
  const standing = decisions.filter((decision) => decision.planHash === planHash && !decision.withdrawn);
  const rejected = standing.some((decision) => decision.decision === 'reject');
  let free = distinctPeople(standing.filter((decision) => decision.decision === 'approve'));
  let open = true;
  let stagesMet = 0;
  const progress = stages.map((stage): StageProgress => {
    if (!open) {
      const rules = stage.rules.map((rule) => ({ team: groupOf(rule), min: rule.min, given: [], met: false }));
      return { name: stage.name, status: rejected ? 'rejected' : 'waiting', rules };
    }
    const given = assign(stage.rules, free);
    const rules = stage.rules.map((rule, index) => {
      const counted = given[index]!;
      return { team: groupOf(rule), min: rule.min, given: counted, met: counted.length >= rule.min };
    });
    const used = new Set(given.flat());
    free = free.filter((decision) => !used.has(decision));
    open = rules.every((rule) => rule.met);
    if (open) stagesMet++;
    return { name: stage.name, status: rejected ? 'rejected' : open ? 'approved' : 'pending', rules };
  });
  return { required: stages.length > 0, stages: progress, stagesMet, complete: stagesMet === stages.length && !rejected, rejected };
}

/** Rules of the open stage that this member could fulfil. Empty: the person's approval is not asked for now. */
export function openRulesFor(
  stages: readonly ApprovalStage[],
  progress: ApprovalProgress,
  member: { teams: readonly string[]; roles: readonly string[] },
): ApprovalRule[] {
  const index = progress.stages.findIndex((stage) => stage.status === 'pending');
  const stage = index < 0 ? undefined : stages[index];
  if (!stage) return [];
  return stage.rules.filter((rule) =>
    rule.team !== undefined ? member.teams.includes(rule.team) : rule.role !== undefined && member.roles.includes(rule.role),
  );
}
