/** May the rollout start now? Read again at the last moment: decisions, people, plan, time, environment. */
import type { Decision } from '../approval/decision.ts';
import type { Approvers } from '../approval/delegation.ts';
import { approvalProgress } from '../approval/progress.ts';
import { askedFrom } from '../approval/remind.ts';
import { standingDecisions } from '../approval/standing.ts';
import { type EnvironmentRecord, holderOf } from '../environment/environment.ts';
import type { Hold } from '../environment/hold.ts';
import { SKIP_CANARY, withCanary } from '../gate/skip-canary.ts';
import type { Waiver } from '../gate/waiver.ts';
import { emptyCopy } from '../registry/copy-record.ts';
import { type PromotionChange, withPhase } from './change.ts';
import { nextEdition } from './create.ts';
import { engineChange } from './engine-change.ts';
import { halt, isHeld, resume } from './hold.ts';
import { isFinal } from './phase.ts';
import { firstStep, type Plan, planHashOf } from './plan.ts';
import type { Promotion, WaitingOn } from './promotion.ts';

export interface BeginFacts {
  promotion: Promotion;
  plan: Plan;
  decisions: readonly Decision[];
  approvers: Approvers;
  environment: EnvironmentRecord | undefined;
  /** Lock or window that keeps it from going on. */
  hold: Hold | undefined;
  /** Digest that the source environment's evidence names now; undefined when there is none any more. */
  evidenceHolds: boolean;
  /** Why the version may not be brought anywhere any more: its quarantine, or its end of life where that is refused. */
  refused?: string | undefined;
  now: Date;
}

/**
 * - `start`: commit the change, then go on to copy; it acquires the environment's lock.
 * - `approval`: not (or no longer) approved: wait for a decision.
 * - `wait`: approved, but not now: wait to be woken or until `until`.
 * - `gates`: the plan changed: run the gates again.
 * - `back`: it has begun and is to be undone.
 * - `stop`: nothing to do any more.
 */
export type BeginOutcome =
  | { kind: 'start'; change?: PromotionChange }
  | { kind: 'approval'; change?: PromotionChange }
  | { kind: 'wait'; waitingOn: WaitingOn; until?: string; change?: PromotionChange }
  | { kind: 'gates' }
  | { kind: 'back' }
  | { kind: 'stop'; change?: PromotionChange };

export function begin(facts: BeginFacts): BeginOutcome {
  const { promotion, plan, now } = facts;
  if (promotion.phase === 'promoting') {
    if (facts.environment?.holder !== holderOf(promotion.id, promotion.attempt)) return { kind: 'stop' };
    return goOn(promotion, facts.hold);
  }
  // It was aborted before this run knew that it had begun.
  if (promotion.phase === 'rolling_back') return { kind: 'back' };
  if (isFinal(promotion.phase) || promotion.phase === 'blocked') return { kind: 'stop' };
  if (promotion.phase === 'validating' || promotion.phase === 'requested') return { kind: 'gates' };
  if (now.toISOString() >= promotion.expiresAt) return { kind: 'stop', change: expired(promotion) };
  if (planHashOf(plan) !== promotion.planHash)
    return { kind: 'stop', change: failed(promotion, 'PLAN_CHANGED', 'the stored plan does not have the hash that was approved') };
  if (promotion.phase === 'pending_approval') return { kind: 'approval' };

  const standing = standingDecisions(facts.approvers, promotion, facts.decisions);
  const progress = approvalProgress(plan.approvals, standing, promotion.planHash);
  if (!progress.complete) {
    return {
      kind: 'approval',
      change: engineChange(
        promotion,
        withPhase(promotion, 'pending_approval', askedFrom(now.toISOString())),
        { type: 'approval.voided', action: 'approval_voided', error: 'an approver may no longer approve; another one has to' },
        { notices: [{ type: 'approval.requested', data: { reason: 'an approval no longer counts' } }] },
      ),
    };
  }
  if (now.toISOString() >= approvalsHoldUntil(promotion, plan)) return { kind: 'approval', change: lapsed(promotion, plan, now) };
  const { waivers = [] } = promotion;
  const valid = waivers.filter(({ expiresAt }) => now.toISOString() < expiresAt);
  if (valid.length < waivers.length) return { kind: 'stop', change: waiverEnded(promotion, plan, valid) };
  if (promotion.waitingOn === 'confirm') return { kind: 'wait', waitingOn: 'confirm' };
  const stale = staleRollback(plan, facts.environment);
  if (stale !== undefined) return { kind: 'stop', change: failed(promotion, 'PLAN_STALE', stale) };
  if (!facts.evidenceHolds)
    return { kind: 'stop', change: failed(promotion, 'EVIDENCE_MISMATCH', `the digest is no longer proven in ${promotion.from}`) };
  if (facts.refused !== undefined && plan.kind !== 'repair')
    return { kind: 'stop', change: failed(promotion, 'VERSION_REFUSED', facts.refused) };
  if (promotion.scheduledDate && now.toISOString() < promotion.scheduledDate) {
    return { ...waiting(promotion, 'schedule'), until: promotion.scheduledDate };
  }
  const timer = waitsUntil(promotion, plan);
  if (now.toISOString() < timer) return { ...waiting(promotion, 'timer'), until: timer };
  if (facts.hold) return { ...waiting(promotion, facts.hold.waitingOn), ...(facts.hold.until ? { until: facts.hold.until } : {}) };
  const holder = holderOf(promotion.id, promotion.attempt);
  if (facts.environment?.holder && facts.environment.holder !== holder) return waiting(promotion, 'lock');
  return start(facts, holder);
}

/** It has begun before. One that a lock or a window has halted goes on when nothing keeps it any more. */
function goOn(promotion: Promotion, hold: Hold | undefined): BeginOutcome {
  if (!isHeld(promotion)) return { kind: 'start' };
  if (!hold) return { kind: 'start', change: resume(promotion) };
  const until = hold.until === undefined ? {} : { until: hold.until };
  const change = promotion.waitingOn === hold.waitingOn ? {} : { change: halt(promotion, hold) };
  return { kind: 'wait', waitingOn: hold.waitingOn, ...until, ...change };
}

/** Why a rollback has lost its reason: somebody else has moved the environment meanwhile. */
function staleRollback({ kind, rollbackTarget, to }: Plan, environment: EnvironmentRecord | undefined): string | undefined {
  const current = environment?.current;
  if (kind !== 'rollback' || current?.digest === rollbackTarget) return undefined;
  return `${to} runs ${current?.version ?? 'nothing'} by now, which is not what was to be rolled back; request it again if it is still wanted`;
}

/** ISO; the wait timer of the plan counts from the last approval. */
export function waitsUntil({ approvedAt }: Promotion, { waitSeconds }: Plan): string {
  return approvedAt === undefined ? '' : later(approvedAt, waitSeconds);
}

/** ISO; approvals older than this are asked for again. Where nobody had to approve there is nothing to end. */
export function approvalsHoldUntil({ approvedAt }: Promotion, { approvals, approvalValidSeconds }: Plan): string {
  return approvedAt === undefined || approvals.length === 0 ? FOREVER : later(approvedAt, approvalValidSeconds);
}

/** After every date that is compared with it. */
const FOREVER = '9999-12-31T23:59:59.999Z';

function later(at: string, seconds: number): string {
  return new Date(Date.parse(at) + seconds * 1000).toISOString();
}

/** The approvals are too old: the same plan under a new hash is asked for again, so that none of them counts. */
export function lapsed(promotion: Promotion, before: Plan, now: Date): PromotionChange {
  const { plan, edition } = nextEdition(promotion, before);
  const planHash = planHashOf(plan);
  const isFirst = promotion.planHash === promotion.firstPlanHash;
  return engineChange(
    promotion,
    withPhase(promotion, 'pending_approval', {
      planHash,
      edition,
      // What people read has not changed: who saw the first plan has seen this one.
      ...(isFirst ? { firstPlanHash: planHash } : {}),
      ...askedFrom(now.toISOString()),
    }),
    {
      type: 'approval.voided',
      action: 'approval_voided',
      data: { voided: promotion.planHash, reason: 'too old' },
      error: 'the approvals are too old; they have to be given again',
    },
    { plan, notices: [{ type: 'approval.requested', data: { reason: 'the approvals had become too old' } }] },
  );
}

/** A waiver that people counted on is over: the gates run again, and what was approved with it is approved again. */
function waiverEnded(promotion: Promotion, before: Plan, waivers: Waiver[]): PromotionChange {
  const isSkipping = waivers.some(({ type }) => type === SKIP_CANARY);
  const { plan, edition } = nextEdition(promotion, isSkipping ? before : withCanary(before));
  const attempt = promotion.attempt + 1;
  return engineChange(
    promotion,
    withPhase(promotion, 'validating', { planHash: planHashOf(plan), edition, attempt, waivers }),
    {
      type: 'approval.voided',
      action: 'approval_voided',
      data: { voided: promotion.planHash, reason: 'waiver over' },
      error: 'a waiver has ended before the rollout began; the gates run again',
    },
    { plan, wake: { kind: 'start', requestId: promotion.id, attempt } },
  );
}

function start(facts: BeginFacts, holder: string): BeginOutcome {
  const { promotion, plan } = facts;
  const fence = (facts.environment?.fence ?? 0) + 1;
  const registries = facts.approvers.configuration.environments[plan.to]?.registries ?? plan.registries.targets;
  const after = withPhase(promotion, 'promoting', { step: firstStep(plan), fence, copy: emptyCopy(plan, registries) });
  const isRollback = promotion.kind === 'rollback';
  const type = isRollback ? 'rollback.started' : 'promotion.started';
  return {
    kind: 'start',
    change: engineChange(
      promotion,
      after,
      {
        type,
        action: 'promoting',
        data: {
          fence,
          rollbackTarget: facts.environment?.current?.digest ?? null,
          ...(isRollback ? { kind: promotion.kind, version: promotion.releaseVersion } : {}),
        },
      },
      {
        environment: {
          kind: 'acquire',
          environment: promotion.to,
          artifact: promotion.artifact,
          holder,
          fence,
          ...(facts.environment?.current ? { runs: facts.environment.current.digest } : {}),
        },
        notices: [{ type, data: {} }],
      },
    ),
  };
}

function waiting(promotion: Promotion, waitingOn: WaitingOn): Extract<BeginOutcome, { kind: 'wait' }> {
  if (promotion.waitingOn === waitingOn) return { kind: 'wait', waitingOn };
  const after = withPhase(promotion, 'approved', { waitingOn });
  return {
    kind: 'wait',
    waitingOn,
    change: engineChange(promotion, after, { type: 'promotion.waiting', action: 'waiting', data: { waitingOn } }),
  };
}

function failed(promotion: Promotion, code: string, message: string): PromotionChange {
  return engineChange(
    promotion,
    withPhase(promotion, 'failed', { failure: { code, message } }),
    { type: 'promotion.failed', action: 'failed', data: { code }, error: message },
    { notices: [{ type: 'promotion.failed', data: { code } }] },
  );
}

/** The deadline has passed: the request ends, whatever it waited for. */
export function expired(promotion: Promotion): PromotionChange {
  return engineChange(
    promotion,
    withPhase(promotion, 'expired'),
    { type: 'promotion.expired', action: 'expired', error: 'nobody completed the approvals in time' },
    {
      notices: [{ type: 'approval.closed', data: { outcome: 'expired' } }],
      wake: { kind: 'resume', requestId: promotion.id, attempt: promotion.attempt },
    },
  );
}
