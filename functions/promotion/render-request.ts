/** The public shape of a request. An allow-list: what is not named here never leaves, whatever a row holds. */

import type { Decision } from '../../core/approval/decision.ts';
import type { Approvers } from '../../core/approval/delegation.ts';
import { eligibleFor } from '../../core/approval/eligible.ts';
import { approvalProgress } from '../../core/approval/progress.ts';
import type { GateResult } from '../../core/gate/gate.ts';
import type { Waiver } from '../../core/gate/waiver.ts';
import { actionsOf } from '../../core/promotion/allowed-actions.ts';
import { isHeld } from '../../core/promotion/hold.ts';
import { lifecycleOf, stateOf, workflowViewOf } from '../../core/promotion/phase.ts';
import type { Plan } from '../../core/promotion/plan.ts';
import type { HistoryEntry, Promotion, PromotionTexts } from '../../core/promotion/promotion.ts';
import { type CopyRecord, outcomeOf } from '../../core/registry/copy-record.ts';
import type { Caller } from '../kit/http.ts';
import { clock } from '../kit/state.ts';

export interface RequestFacts {
  promotion: Promotion;
  texts: PromotionTexts;
  gates: readonly GateResult[];
  history: readonly HistoryEntry[];
  plan: Plan;
  decisions: readonly Decision[];
  approvers: Approvers;
  caller: Pick<Caller, 'actor' | 'membership'>;
}

const API_VERSION = 'gostoa.dev/v1';

export function renderRequest(facts: RequestFacts) {
  const { promotion, texts, plan, decisions, caller } = facts;
  const progress = approvalProgress(plan.approvals, decisions, promotion.planHash);
  const lastApproval = decisions
    .filter((decision) => decision.planHash === promotion.planHash && decision.decision === 'approve' && !decision.withdrawn)
    .reduce<Decision | undefined>((last, decision) => (last && last.at > decision.at ? last : decision), undefined);
  const actions = actionsOf({
    promotion,
    plan,
    decisions,
    approvers: facts.approvers,
    gates: facts.gates,
    ...caller,
    now: clock.now().toISOString(),
  });
  return {
    apiVersion: API_VERSION,
    kind: 'PromotionRequest',
    metadata: metadataOf(promotion),
    spec: { ...kindOf(promotion), ...texts.spec },
    status: {
      ...progressOf(promotion),
      gates: plan.gates.map((gate) =>
        renderGate(
          gate,
          facts.gates.find((result) => result.name === gate.name),
        ),
      ),
      approvals: {
        required: progress.required,
        stages: progress.stages.map((stage, index) => ({
          name: stage.name,
          status: stage.status,
          rules: stage.rules.map((rule, place) => ({
            team: rule.team,
            min: rule.min,
            given: rule.given.map((decision) => decision.actor.email),
            ...optional({ onBehalfOf: behalfOf(rule.given) }),
            eligible: eligibleFor(plan.approvals[index]!.rules[place]!, promotion, facts.approvers, decisions).map(
              (person) => person.email,
            ),
          })),
        })),
      },
      ...(promotion.copy ? { copy: renderCopy(promotion.copy) } : {}),
      ...(promotion.rollout
        ? {
            rollout: {
              steps: promotion.rollout.map(({ step, status, startedAt, endedAt, achievedWeight, message }) => ({
                step,
                status,
                startedAt,
                ...optional({ endedAt, achievedWeight, message }),
              })),
            },
          }
        : {}),
      history: facts.history.map(renderEntry),
      ...optional({
        planChanges: texts.changes?.length ? texts.changes : undefined,
        waivers: promotion.waivers?.length ? promotion.waivers.map(renderWaiver) : undefined,
        approvedBy: promotion.approvedAt === undefined ? undefined : lastApproval?.actor.email,
        approvedAt: promotion.approvedAt,
        deployedAt: promotion.deployedAt,
        rejectedBy: promotion.rejectedBy?.email,
        rejectedAt: promotion.rejectedAt,
        rejectionReason: promotion.rejectedAt === undefined ? undefined : rejectionReason(facts),
      }),
      allowedActions: actions.allowed,
      refusedActions: actions.refused,
      views: {
        seed002: {
          lifecycle_state: lifecycleOf(promotion.phase),
          approval_required: progress.required,
          approval_ticket: promotion.id,
          preview_ref: promotion.previewRef ?? null,
        },
        seed003: workflowViewOf(promotion.phase, progress.stagesMet),
      },
    },
  };
}

export type RenderedRequest = ReturnType<typeof renderRequest>;

/** A line of a list: no long texts, gate output or history. */
export function renderSummary(promotion: Promotion) {
  return {
    apiVersion: API_VERSION,
    kind: 'PromotionRequest',
    metadata: metadataOf(promotion),
    spec: {
      ...kindOf(promotion),
      target: {
        type: promotion.artifactType,
        name: promotion.artifact,
        version: promotion.requestedVersion,
        sourceEnvironment: promotion.from,
        targetEnvironment: promotion.to,
      },
      request: {
        impactAssessment: promotion.impact,
        scheduledDate: promotion.scheduledDate,
        ...optional({ priority: promotion.priority }),
      },
    },
    status: progressOf(promotion),
  };
}

/** What is asked for, where it is not a promotion. */
function kindOf({ kind }: Promotion): { kind?: 'rollback' | 'repair' } {
  return kind === 'promote' ? {} : { kind };
}

/** A line of the history: addresses for people, a word for the engine. */
export function renderEntry(entry: HistoryEntry) {
  const { action, at, by, comment, jobId, error, onBehalfOf } = entry;
  return { action, at, by: by.email, ...optional({ onBehalfOf, comment, jobId, error }) };
}

/** Address of the decider → address of the absent person, where somebody stood in. */
function behalfOf(given: readonly Decision[]): Record<string, string> | undefined {
  const lent = given.flatMap(({ actor, onBehalfOf }) => (onBehalfOf ? [[actor.email, onBehalfOf.email] as const] : []));
  return lent.length > 0 ? Object.fromEntries(lent) : undefined;
}

function renderCopy(record: CopyRecord) {
  const { sourceRoot, manifests, blobs, registries } = record;
  return {
    outcome: outcomeOf(record),
    ...optional({ sourceRoot, manifests, blobs }),
    registries: registries.map(({ name, role, required, status, bytes, closureRoot, failure }) => ({
      name,
      role,
      required,
      status,
      bytes,
      ...optional({ closureRoot, failure }),
    })),
  };
}

function renderWaiver({ gate, by, at, expiresAt, review, skips }: Waiver) {
  return { gate, by: by.email, at, expiresAt, review, ...optional({ skips }) };
}

function metadataOf({ id, createdAt, requester, tenant, version, project }: Promotion) {
  return { id, createdAt, createdBy: requester.email, tenant, version, ...optional({ project, onBehalfOf: requester.owner?.email }) };
}

function progressOf(promotion: Promotion) {
  const { phase, waitingOn, planHash, digest, failure, attempt, updatedAt, expiresAt } = promotion;
  return {
    state: stateOf(phase),
    phase,
    ...optional({ waitingOn, step: isHeld(promotion) ? 'held' : promotion.step }),
    planHash,
    digest,
    attempt,
    updatedAt,
    expiresAt,
    ...(failure ? { failure: { code: failure.code, message: failure.message, ...optional({ step: failure.step }) } } : {}),
  };
}

function renderGate(planned: Plan['gates'][number], result: GateResult | undefined) {
  if (!result) return { name: planned.name, type: planned.type, status: 'pending', message: '', resolution: '' };
  const { name, type, status, message, resolution, startedAt, finishedAt } = result;
  return { name, type, status, message, resolution, ...optional({ startedAt, finishedAt }) };
}

function rejectionReason({ texts, decisions, promotion }: RequestFacts): string | undefined {
  const rejection = decisions.find((decision) => decision.planHash === promotion.planHash && decision.decision === 'reject');
  return texts.rejectionReason ?? rejection?.comment;
}

/** The members that have a value. */
function optional<Members extends Record<string, unknown>>(
  members: Members,
): { [Name in keyof Members]?: Exclude<Members[Name], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Members]?: Exclude<Members[Name], undefined>;
  };
}
