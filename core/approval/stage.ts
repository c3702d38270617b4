/** What must be agreed: ordered stages of rules, each rule "min n of a team or role". All rules of a stage must hold. */

export interface ApprovalRule {
  /** Members of this team, or … */
  team?: string;
  /** … holders of this role may fulfil it. */
  role?: string;
  min: number;
}

export interface ApprovalStage {
  name: string;
  rules: ApprovalRule[];
}

/** Name of the rule's group as people read it. */
export function groupOf(rule: ApprovalRule): string {
  return rule.team ?? rule.role ?? 'nobody';
}
