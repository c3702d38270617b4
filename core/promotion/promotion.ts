/** The promotion request: what is stored, in the shape the rules work on. Adapters keep it, handlers render it. */
import type { Actor, Party } from '../access/identity.ts';
import type { Waiver } from '../gate/waiver.ts';
import type { CopyRecord } from '../registry/copy-record.ts';
import type { JobRecord } from '../rollout/job.ts';
import type { Phase } from './phase.ts';

export type TargetType = 'api' | 'application' | 'policy';
export type Impact = 'low' | 'medium' | 'high' | 'critical';
export type PromotionKind = 'promote' | 'rollback' | 'repair';
export const PRIORITIES = ['low', 'normal', 'high', 'urgent'] as const;
export type Priority = (typeof PRIORITIES)[number];
/** Who changed a plan; a robot with the person who answers for it. */
export type Editor = Party & { owner?: Party };

/** What the requester asks for: `spec` of the public request. */
export interface PromotionSpec {
  /** Absent: promote. */
  kind?: 'repair';
  target: { type: TargetType; name: string; version: string; sourceEnvironment: string; targetEnvironment: string };
  request: {
    justification: string;
    releaseNotes: string;
    impactAssessment: Impact;
    rollbackPlan: string;
    scheduledDate: string | null;
    /** How soon the requester needs it; absent: normal. It sorts inboxes and changes no rule. */
    priority?: Priority;
  };
  /** Claims of the requester, not facts. */
  preChecks: { stagingTestsPassed: boolean; securityScanPassed: boolean; performanceTestsPassed: boolean; testEvidenceUrl: string };
  registries?: string[];
}

export type WaitingOn = 'schedule' | 'window' | 'timer' | 'lock' | 'evidence' | 'confirm';

/** Why a step or a rollout ended badly. `code` is one of the fault codes or a refusal's. */
export interface Failure {
  code: string;
  message: string;
  step?: string;
}

export interface RolloutStepRecord {
  step: string;
  status: 'progressing' | 'baking' | 'done' | 'aborted';
  startedAt: string;
  endedAt?: string;
  /** Share of pods that ran the new digest, measured, 0..100. */
  achievedWeight?: number;
  /** Container restarts of those pods when the step ended: after its bake there must be no more. */
  restarts?: number;
  message?: string;
}

/**
 * The head of a request: at most 4 KB. Long texts lie in its text row, gate output in gate rows, decisions in decision rows.
 * `version` counts writes and is the condition of every one of them; `seq` and `lastLine` chain its audit events.
 */
export interface Promotion {
  id: string;
  kind: PromotionKind;
  tenant: string;
  artifact: string;
  artifactType: TargetType;
  /** As the user wrote it. */
  requestedVersion: string;
  /** Spelling of the tag that matched, without the environment suffix: the base of the tags that are written. */
  releaseVersion: string;
  digest: string;
  from: string;
  to: string;
  impact: Impact;
  /** Absent: normal. */
  priority?: Priority;
  /** Of the artifact's entry in the configuration. */
  project?: string;
  requester: Actor;
  /** Everybody who changed the plan: they count as requesters. */
  editors: Editor[];
  /** Gates that may fail for a while; who gave them counts as requester. */
  waivers?: Waiver[];
  createdAt: string;
  updatedAt: string;
  expiresAt: string;
  scheduledDate: string | null;
  phase: Phase;
  waitingOn?: WaitingOn;
  /** copying, verifying_copy, tagging, canary:10, … while promoting. */
  step?: string;
  attempt: number;
  planHash: string;
  /** Hash of the plan the request was created with: a decision without a plan hash is taken only while this one stands. */
  firstPlanHash: string;
  /** Counts the plans that voided earlier approvals; absent in the first. */
  edition?: number;
  /** When the approvals of the open stage were asked for, and what people heard of it since. */
  askedAt?: string;
  reminders?: { given: number; lastAt: string | null; escalated: boolean };
  version: number;
  seq: number;
  lastLine: string;
  /** Sort key of the newest outbox row of this request: gone once that event is sealed. */
  lastOutboxKey?: string;
  approvedAt?: string;
  deployedAt?: string;
  rejectedBy?: Actor;
  rejectedAt?: string;
  failure?: Failure;
  /** How far the copy is in each registry, from its first result on. */
  copy?: CopyRecord;
  rollout?: RolloutStepRecord[];
  /** The job that makes the rollout, where one does. */
  job?: JobRecord;
  /** When the first step began, in milliseconds since the epoch of real time: the budget of the rollout counts real seconds. */
  rolloutBeganMs?: number;
  /** Milliseconds of that budget that were used when a lock or a window halted it; then it does not count from when it began. */
  rolloutSpentMs?: number;
  /** Fence of the environment lock it holds while promoting. */
  fence?: number;
  retryOf?: string;
  previewRef?: string;
}

/** Long texts of a request, apart from its head so that lists stay small. Free text is erasable; the audit line holds its SHA-256. */
export interface PromotionTexts {
  spec: PromotionSpec;
  rejectionReason?: string;
  /** What the last edit changed, for those whose approval it voided. */
  changes?: PlanChange[];
}

/** One fact of a plan that changed, as people read it. */
export interface PlanChange {
  field: string;
  before: string;
  after: string;
}

/** One line of `status.history`. */
export interface HistoryEntry {
  seq: number;
  action: string;
  at: string;
  by: Actor;
  comment?: string;
  jobId?: string;
  error?: string;
  /** Address of the absent person in whose place it was done. */
  onBehalfOf?: string;
}
