/** The change that creates a request, and the ones that edit, retry and cancel it. */
import type { Actor, AuthMethod, Channel } from '../access/identity.ts';
import type { Hold } from '../environment/hold.ts';
import { Refusal } from '../errors.ts';
import type { PolicyRecord } from '../policy/replay.ts';
import { type NoticeDraft, type PromotionChange, withPhase } from './change.ts';
import { isFinal } from './phase.ts';
import { type Plan, planHashOf } from './plan.ts';
import type { PlanChange, Promotion, PromotionSpec } from './promotion.ts';

/** Who acts, and how we know. */
export interface Acting {
  actor: Actor;
  auth: AuthMethod;
  channel: Channel;
}

export interface CreateInput extends Acting {
  id: string;
  plan: Plan;
  spec: PromotionSpec;
  requestedVersion: string;
  now: Date;
  previewRef?: string;
  retryOf?: string;
  /** Of the artifact's entry in the configuration. */
  project?: string;
  /** What is told besides that it was requested. */
  notices?: NoticeDraft[];
  /** By what a policy asks for it. */
  askedBy?: Omit<PolicyRecord, 'requestId'>;
}

export function create(input: CreateInput): PromotionChange {
  const { plan, spec, actor } = input;
  const planHash = planHashOf(plan);
  const createdAt = input.now.toISOString();
  const promotion: Promotion = {
    id: input.id,
    kind: plan.kind,
    tenant: plan.tenant,
    artifact: plan.artifact,
    artifactType: spec.target.type,
    requestedVersion: input.requestedVersion,
    releaseVersion: plan.version,
    digest: plan.digest,
    from: plan.from,
    to: plan.to,
    impact: spec.request.impactAssessment,
    ...(spec.request.priority === undefined ? {} : { priority: spec.request.priority }),
    ...(input.project === undefined ? {} : { project: input.project }),
    requester: actor,
    editors: [],
    createdAt,
    updatedAt: createdAt,
    expiresAt: deadline(plan, input.now),
    scheduledDate: plan.scheduledDate,
    phase: 'requested',
    attempt: 1,
    planHash,
    firstPlanHash: planHash,
    version: 0,
    seq: 0,
    lastLine: '',
    ...(input.previewRef === undefined ? {} : { previewRef: input.previewRef }),
    ...(input.retryOf === undefined ? {} : { retryOf: input.retryOf }),
  };
  return {
    after: promotion,
    texts: { spec },
    plan,
    event: {
      type: 'promotion.requested',
      actor,
      auth: input.auth,
      channel: input.channel,
      data: { kind: plan.kind, version: plan.version, impact: promotion.impact, text: plan.textHash, policy: plan.policyHash },
      history: { action: 'created' },
    },
    notices: [requestedNotice(input), ...(input.notices ?? [])],
    ...(input.askedBy ? { askedBy: { ...input.askedBy, requestId: promotion.id } } : {}),
    wake: { kind: 'start', requestId: promotion.id, attempt: 1 },
  };
}

function requestedNotice({ askedBy }: CreateInput): NoticeDraft {
  if (!askedBy) return { type: 'promotion.requested', data: {} };
  const { name, notify } = askedBy.policy;
  return { type: 'promotion.requested', data: { policy: name }, to: notify };
}

/** The deadline counts from the later of now and the scheduled date; the wait timer that follows the last approval takes nothing from it. */
function deadline(plan: Plan, now: Date): string {
  const from = plan.scheduledDate ? Math.max(now.getTime(), Date.parse(plan.scheduledDate)) : now.getTime();
  return new Date(from + (plan.approvalTimeoutSeconds + plan.waitSeconds) * 1000).toISOString();
}

/** Clocks of clients differ by so much; a date that is this little past means now. */
const PAST_TOLERANCE_MS = 5 * 60_000;

/** A promotion cannot begin before it is asked for. Refusal INVALID_DATE. */
export function refusePastDate(scheduledDate: string | null | undefined, now: Date): void {
  if (!scheduledDate || Date.parse(scheduledDate) >= now.getTime() - PAST_TOLERANCE_MS) return;
  throw new Refusal('INVALID_DATE', 'scheduledDate is in the past', {
    hint: 'leave it out to begin as soon as everything is approved',
    errors: [{ path: '/request/scheduledDate', message: `must not be before ${now.toISOString()}` }],
  });
}

export interface EditInput extends Acting {
  plan: Plan;
  spec: PromotionSpec;
  /** What differs from the plan that stood, for those whose approval is void now. */
  changes: PlanChange[];
  requestedVersion: string;
  now: Date;
}

/** Requests are edited between their gates and their rollout. Refusal STATE_CONFLICT. */
export function refuseUneditable(promotion: Promotion): void {
  if (promotion.kind === 'rollback')
    throw new Refusal('STATE_CONFLICT', 'a rollback is not edited: its target and its impact belong together', {
      hint: 'cancel it and request another one',
    });
  if (promotion.phase !== 'pending_approval' && promotion.phase !== 'blocked' && promotion.phase !== 'approved') {
    throw new Refusal('STATE_CONFLICT', `a request in phase ${promotion.phase} cannot be edited`, {
      hint: isFinal(promotion.phase) ? 'create a new request' : 'wait until its gates are done',
    });
  }
}

/** New plan, new attempt at the gates; every decision on the old plan is void because it names another hash. */
export function edit(promotion: Promotion, input: EditInput): PromotionChange {
  refuseUneditable(promotion);
  const attempt = promotion.attempt + 1;
  const { plan, edition } = nextEdition(promotion, input.plan);
  const planHash = planHashOf(plan);
  const { key, email, owner } = input.actor;
  const isKnown = promotion.requester.key === key || promotion.editors.some((editor) => editor.key === key);
  const editors = isKnown ? promotion.editors : [...promotion.editors, { key, email, ...(owner ? { owner } : {}) }];
  const after = withPhase(promotion, 'validating', {
    planHash,
    digest: plan.digest,
    releaseVersion: plan.version,
    requestedVersion: input.requestedVersion,
    impact: input.spec.request.impactAssessment,
    scheduledDate: plan.scheduledDate,
    expiresAt: deadline(plan, input.now),
    editors,
    attempt,
    edition,
    ...priorityOf(input.spec),
    // A waiver was given for the plan that stood.
    waivers: [],
  });
  return {
    before: promotion,
    after,
    texts: { spec: input.spec, changes: input.changes },
    plan,
    event: {
      type: 'promotion.edited',
      actor: input.actor,
      auth: input.auth,
      channel: input.channel,
      data: { voided: promotion.planHash, version: plan.version, text: plan.textHash },
      history: { action: 'edited' },
    },
    wake: [
      { kind: 'start', requestId: promotion.id, attempt },
      // The run of the old plan wakes up, finds another attempt, and ends.
      { kind: 'resume', requestId: promotion.id, attempt: promotion.attempt },
    ],
  };
}

function priorityOf({ request }: PromotionSpec): Pick<Promotion, 'priority'> {
  return request.priority === undefined ? {} : { priority: request.priority };
}

/** The same plan under a hash that no decision names yet. */
export function nextEdition(promotion: Pick<Promotion, 'edition'>, plan: Plan): { plan: Plan; edition: number } {
  const edition = (promotion.edition ?? 1) + 1;
  return { plan: { ...plan, edition }, edition };
}

/** Runs the gates of a blocked request again: attempt + 1, same plan. */
export function retry(promotion: Promotion, acting: Acting): PromotionChange {
  if (promotion.phase !== 'blocked') {
    throw new Refusal('STATE_CONFLICT', `only a blocked request is retried; this one is ${promotion.phase}`, {
      hint: isFinal(promotion.phase) ? 'create a new request' : 'read its explain page',
    });
  }
  const attempt = promotion.attempt + 1;
  return {
    before: promotion,
    after: withPhase(promotion, 'validating', { attempt }),
    event: {
      type: 'promotion.retried',
      actor: acting.actor,
      auth: acting.auth,
      channel: acting.channel,
      data: { attempt },
      history: { action: 'retried' },
    },
    wake: { kind: 'start', requestId: promotion.id, attempt },
  };
}

/** Withdraws a request that has not begun to change anything. */
export function cancel(promotion: Promotion, acting: Acting): PromotionChange {
  if (promotion.phase === 'expired') throw new Refusal('EXPIRED', 'the request has expired already');
  if (isFinal(promotion.phase)) throw new Refusal('STATE_CONFLICT', `the request is ${promotion.phase} already`);
  if (promotion.phase === 'promoting' || promotion.phase === 'rolling_back') {
    throw new Refusal('STATE_CONFLICT', 'the rollout has begun', { hint: 'abort it instead: the environment is then restored' });
  }
  return {
    before: promotion,
    after: withPhase(promotion, 'cancelled'),
    event: {
      type: 'promotion.cancelled',
      actor: acting.actor,
      auth: acting.auth,
      channel: acting.channel,
      data: {},
      history: { action: 'cancelled' },
    },
    notices: [{ type: 'approval.closed', data: { outcome: 'cancelled' } }],
    wake: { kind: 'resume', requestId: promotion.id, attempt: promotion.attempt },
  };
}

/** Starts an approved promotion whose environment waits for a person's word. What could not begin now is not begun later unasked. */
export function execute(promotion: Promotion, acting: Acting, hold?: Hold): PromotionChange {
  if (promotion.phase !== 'approved') {
    throw new Refusal(
      promotion.phase === 'expired' ? 'EXPIRED' : 'STATE_CONFLICT',
      `a request in phase ${promotion.phase} cannot be executed`,
      {
        hint: promotion.phase === 'pending_approval' ? 'it still needs approvals' : 'read its explain page',
      },
    );
  }
  if (hold)
    throw new Refusal(hold.waitingOn === 'lock' ? 'ENV_LOCKED' : 'FREEZE_WINDOW', hold.message, {
      hint: hold.until === undefined ? 'execute it when that is over' : `execute it from ${hold.until} on`,
    });
  const after = withPhase(promotion, 'approved');
  return {
    before: promotion,
    after,
    event: {
      type: 'promotion.waiting',
      actor: acting.actor,
      auth: acting.auth,
      channel: acting.channel,
      data: { confirmed: true },
      history: { action: 'executed' },
    },
    wake: { kind: 'resume', requestId: promotion.id, attempt: promotion.attempt, wait: 'turn' },
  };
}
