/**
 * A change of a promotion as data: what the rules decide and the store writes in one transaction. Every change of phase carries exactly one
 * audit event; the same transaction holds the new head, the event, its history line, and what must happen next (wake, notice).
 */
import type { Actor, AuthMethod, Channel } from '../access/identity.ts';
import type { Decision } from '../approval/decision.ts';
import type { EnvironmentChange } from '../environment/environment.ts';
import { Fault } from '../errors.ts';
import type { GateResult } from '../gate/gate.ts';
import type { Review } from '../gate/review.ts';
import type { PolicyRecord } from '../policy/replay.ts';
import type { Phase } from './phase.ts';
import { isFinal, mayBecome } from './phase.ts';
import type { Plan } from './plan.ts';
import type { Promotion, PromotionTexts } from './promotion.ts';

/** Canonical names of audit events and of bus events. */
export type EventType =
  | 'promotion.requested'
  | 'promotion.edited'
  | 'gates.started'
  | 'gate.finished'
  | 'gate.refused'
  | 'promotion.blocked'
  | 'promotion.retried'
  | 'approval.requested'
  | 'approval.decided'
  | 'approval.withdrawn'
  | 'approval.closed'
  | 'approval.refused'
  | 'approval.voided'
  | 'approval.reminded'
  | 'gate.overridden'
  | 'promotion.waiting'
  | 'promotion.resumed'
  | 'promotion.started'
  | 'copy.finished'
  | 'copy.progressed'
  | 'copy.failed'
  | 'copy.verified'
  | 'tag.written'
  | 'rollout.step'
  | 'rollback.started'
  | 'rollback.finished'
  | 'promotion.succeeded'
  | 'promotion.failed'
  | 'promotion.expired'
  | 'promotion.cancelled'
  | 'promotion.superseded'
  | 'link.revoked'
  | 'environment.adopted'
  | 'environment.drifted'
  | 'rollback.not_ready'
  | 'environment.failing'
  | 'environment.locked'
  | 'environment.unlocked'
  | 'config.proposed'
  | 'config.changed'
  | 'delegation.created'
  | 'delegation.revoked'
  | 'review.closed'
  | 'lifecycle.changed'
  | 'lifecycle.reminded'
  | 'gc.planned'
  | 'gc.deleted'
  | 'consumer.changed'
  | 'consumer.removed'
  | 'subscription.created'
  | 'subscription.rotated'
  | 'subscription.disabled'
  | 'subscription.enabled'
  | 'subscription.redelivered'
  | 'subscription.removed'
  | 'mute.created'
  | 'mute.removed'
  | 'token.created'
  | 'token.revoked'
  | 'link.guessing'
  | 'log.heartbeat'
  | 'receipt.key_declared'
  | 'audit.exported'
  | 'log.key_added'
  | 'signin.failures';

/** What is to be recorded of a change. `data` goes into the locked log: no personal data, no free text (give its SHA-256 instead). */
export interface EventDraft {
  type: EventType;
  actor: Actor;
  auth: AuthMethod;
  channel: Channel;
  data: Record<string, string | number | boolean | null | string[]>;
  /** Line of `status.history`; free text may stand here, it is erasable. */
  history: { action: string; comment?: string; jobId?: string; error?: string; onBehalfOf?: string };
}

/** Notices that people get; `deliver` turns them into mail, Slack and bus events. */
export type NoticeType =
  | 'promotion.requested'
  | 'promotion.blocked'
  | 'approval.requested'
  | 'approval.reminder'
  | 'approval.escalated'
  | 'approval.decided'
  | 'approval.closed'
  | 'promotion.started'
  | 'rollout.step'
  | 'promotion.succeeded'
  | 'promotion.failed'
  | 'rollback.started'
  | 'rollback.finished'
  | 'gate.finished'
  | 'waiver.granted'
  | 'review.overdue'
  | 'gc.planned'
  | 'gc.deleted'
  | 'lifecycle.changed'
  | 'subscription.disabled'
  | 'notification.failed'
  | 'environment.alert'
  | 'config.changed'
  | 'security.alert';

export interface NoticeDraft {
  type: NoticeType;
  /** Small facts for the message; never secrets or tokens. */
  data: Record<string, string | number | boolean | null>;
  /** Addresses that are told besides those whom the rules name. */
  to?: string[];
}

/** What wakes the run: `start` begins a run for the attempt, `resume` completes the token it waits on, if any. */
export interface WakeDraft {
  kind: 'start' | 'resume';
  requestId: string;
  attempt: number;
  /** The wait that is over; absent: whichever it is in. A wake that comes twice must not end the next wait. */
  wait?: WaitKind;
}

/** What a run waits for with a task token. */
export type WaitKind = 'gates' | 'approval' | 'turn' | 'bake';

export interface PromotionChange {
  /** Head as it was read: its `version` is the condition of the write. Undefined when the request is created. */
  before?: Promotion;
  /** New head, before the store advances `version`, `seq`, `lastLine`, `lastOutboxKey`, `updatedAt`. */
  after: Promotion;
  event: EventDraft;
  notices?: NoticeDraft[];
  wake?: WakeDraft | WakeDraft[];
  /** Texts to store: on create, on edit, on rejection. */
  texts?: PromotionTexts;
  /** Plan to store under its hash: on create and on edit. */
  plan?: Plan;
  /** Gate results of the present attempt to store. */
  gates?: GateResult[];
  /** What the same transaction changes of the environment: its lock, what runs there. */
  environment?: EnvironmentChange;
  decision?: Decision;
  /** The decision takes the place of one of the same person that was withdrawn or counts no more. */
  replaces?: true;
  /** Decisions of these identity keys on `before.planHash` are marked as withdrawn. */
  withdraw?: string[];
  /** Link to mark as used, by id; fails the whole change when it is not in state `issued`. */
  useLink?: string;
  /** Review to open with a waiver. */
  review?: Review;
  /** By what a policy has asked for it. */
  askedBy?: PolicyRecord;
  /** Link to mark as revoked, by id; fails the whole change when it is revoked already. */
  revokeLink?: string;
}

/** New head in a phase, which may be the same unless it is final; an illegal transition is a bug, never a user's fault. */
export function withPhase(promotion: Promotion, phase: Phase, changes: Partial<Promotion> = {}): Promotion {
  if (isFinal(promotion.phase) || (promotion.phase !== phase && !mayBecome(promotion.phase, phase))) {
    throw new Fault('PLAN_CHANGED', `a promotion in phase ${promotion.phase} cannot become ${phase}`);
  }
  const next: Promotion = { ...promotion, ...changes, phase };
  if (changes.waitingOn === undefined) delete next.waitingOn;
  // An approval that no longer counts must not be shown as one.
  if (phase === 'validating' || phase === 'pending_approval') delete next.approvedAt;
  if (changes.step === undefined && phase !== 'promoting' && phase !== 'rolling_back') delete next.step;
  return next;
}
