/** The plan: what would happen, as data. Its hash is what people consent to. */
import { ENGINE } from '../access/identity.ts';
import type { ApprovalStage } from '../approval/stage.ts';
import type { GateType } from '../gate/gate.ts';
import type { RequiredRegistries } from '../registry/target.ts';
import type { RouteSplit } from '../rollout/route.ts';
import { contentHash, type Json } from './canonical-json.ts';
import type { PromotionKind } from './promotion.ts';

/** What is known of the digest in the source environment: how it came to be there. */
export interface SourceEvidence {
  environment: string;
  /** Request that brought it there, `adopted`, or `published` for the first environment. */
  by: string;
}

export interface PlannedGate {
  name: string;
  type: GateType;
  definitionHash: string;
}

export interface RolloutPlan {
  /** `job`: somebody else's executor moves what runs, and says how it ended. */
  strategy: 'none' | 'direct' | 'canary' | 'job';
  /** Weights in percent, ending with 100. */
  weights: number[];
  /** Weights that a waiver left out. */
  skipped?: number[];
  bakeSeconds: number;
  smoke: boolean;
  cluster?: string;
  namespace?: string;
  workload?: string;
  /** The Gateway API route that carries the weights of a canary; absent: the share of the pods is the share of the traffic. */
  traffic?: RouteSplit;
}

/** Everything whose change must void an approval, and nothing else: gate results, times and prices are not part of it. */
export interface Plan {
  kind: PromotionKind;
  tenant: string;
  artifact: string;
  version: string;
  digest: string;
  from: string;
  to: string;
  source: SourceEvidence;
  gates: PlannedGate[];
  approvals: ApprovalStage[];
  approvalTimeoutSeconds: number;
  /** How long the approvals hold after the last one of them. */
  approvalValidSeconds: number;
  /** How long the rollout waits after the last approval. */
  waitSeconds: number;
  execute: 'auto' | 'manual';
  /** `require` absent: all, as in plans that were made before it could be chosen. */
  registries: { source: string; targets: string[]; require?: RequiredRegistries };
  tags: string[];
  rollout: RolloutPlan;
  /** Digest that runs in the target environment when it is planned. What runs when the rollout begins is restored when it fails. */
  rollbackTarget: string | null;
  scheduledDate: string | null;
  policyHash: string;
  /** Identity key of the requester. */
  requester: string;
  /** Hash of the texts and claims: an edit of what approvers read voids their approval too. */
  textHash: string;
  /** Absent in the first plan; whatever voids approvals counts it up, so that an edit back to an earlier plan does not revive the decisions on that one. */
  edition?: number;
}

/** `sha256:<hex>` over the canonical form. */
export function planHashOf(plan: Plan): string {
  return contentHash(plan as unknown as Json);
}

/** What a rollout does first: a rollback copies nothing, it makes sure that everything is still there. */
export function firstStep({ kind }: Plan): 'copying' | 'verifying_copy' {
  return kind === 'rollback' ? 'verifying_copy' : 'copying';
}

/** The steps a plan takes, in order, as `steps[]` of a preview and as `status.step` while they run. */
export function stepsOf(plan: Plan): string[] {
  const rollout =
    plan.rollout.strategy === 'none'
      ? []
      : plan.rollout.strategy === 'job'
        ? ['job']
        : plan.rollout.weights.flatMap((weight) => [
            `canary:${weight}`,
            ...(plan.rollout.smoke ? ['smoke'] : []),
            ...(plan.rollout.bakeSeconds > 0 ? ['bake'] : []),
          ]);
  return plan.kind === 'rollback' ? ['verifying_copy', ...rollout] : ['copying', 'verifying_copy', 'tagging', ...rollout];
}

/** Begun by the watch after a promotion. Like the way back of a rollout it undoes a change and chooses nothing: an end of life does not stop it. */
export function isAutomatic({ kind, requester }: Pick<Plan, 'kind' | 'requester'>): boolean {
  return kind === 'rollback' && requester === ENGINE.key;
}
