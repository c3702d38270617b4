/** What must be agreed: stages of rules, each rule "min n of a team or role" or one automated approver. All rules of a stage must hold. */
import type { Impact, PromotionKind, TargetType } from '../promotion/promotion.ts';

export interface ApprovalRule {
  /** Members of this team, or … */
  team?: string;
  /** … holders of this role may fulfil it, or … */
  role?: string;
  /** … this service of the configuration decides. */
  automated?: string;
  min: number;
}

export interface ApprovalStage {
  name: string;
  rules: ApprovalRule[];
  /** Opens together with the stage before it; absent: after that one is met. */
  parallel?: true;
}

/** When a stage of the configuration is part of a plan; absent members always fit. */
export interface StageCondition {
  impact?: Impact[];
  type?: TargetType[];
  kind?: PromotionKind[];
}

/** A stage as the configuration has it. */
export interface ConfiguredStage extends ApprovalStage {
  when?: StageCondition;
}

/** Name of the rule's group as people read it. */
export function groupOf(rule: ApprovalRule): string {
  return rule.team ?? rule.role ?? rule.automated ?? 'nobody';
}

/** Groups that somebody decides for. */
export interface Groups {
  teams: readonly string[];
  roles: readonly string[];
  automated?: string;
}

/** May a decision for these groups fulfil the rule? */
export function fits(rule: Pick<ApprovalRule, 'team' | 'role' | 'automated'>, groups: Groups): boolean {
  if (rule.team !== undefined) return groups.teams.includes(rule.team);
  if (rule.role !== undefined) return groups.roles.includes(rule.role);
  return rule.automated !== undefined && rule.automated === groups.automated;
}

/** A person has to fulfil it. */
export function isHuman(rule: ApprovalRule): boolean {
  return rule.automated === undefined;
}

/** The stages that hold for a request, as its plan keeps them. */
export function stagesFor(
  stages: readonly ConfiguredStage[],
  facts: { impact: Impact; type: TargetType; kind: PromotionKind },
): ApprovalStage[] {
  return stages
    .filter(({ when = {} }) => isOneOf(when.impact, facts.impact) && isOneOf(when.type, facts.type) && isOneOf(when.kind, facts.kind))
    .map(({ when: _when, ...stage }) => stage);
}

function isOneOf<Word>(words: readonly Word[] | undefined, word: Word): boolean {
  return words === undefined || words.includes(word);
}
