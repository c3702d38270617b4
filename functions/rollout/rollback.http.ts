/** `POST /v1/environments/{env}/rollback/preview` and `/rollback`: the way back to an earlier version, on request. */
import { confirmationOf } from '../../core/approval/confirmation.ts';
import { artifactOf } from '../../core/environment/configuration.ts';
import { refuseHeldVersion } from '../../core/environment/held.ts';
import { lockedRefusal } from '../../core/environment/lock.ts';
import { Refusal } from '../../core/errors.ts';
import type { GateRunner } from '../../core/gate/ports.ts';
import { planHashOf, stepsOf } from '../../core/promotion/plan.ts';
import type { RegistryReader } from '../../core/registry/ports.ts';
import { lockOn } from '../environment/hold.ts';
import type { HttpAnswer, HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { approversNow } from '../kit/state.ts';
import { answerNew } from '../promotion/answer-new.ts';
import { approvalsOf, tryGates } from '../promotion/preview.http.ts';
import { draftRollback, findRollback, type RollbackBody, type RollbackDraft, type RollbackPreviewBody } from './draft-rollback.ts';

export function previewRollback(registries: RegistryReader, gates: GateRunner): TwoPhaseHandler<unknown, RollbackPreviewBody> {
  return { find: findRollback, handle: (call) => previewNow(call, registries, gates) };
}

export function createRollback(registries: RegistryReader): TwoPhaseHandler<unknown, RollbackBody> {
  return { find: findRollback, handle: (call) => createNow(call, registries) };
}

async function previewNow(call: HttpCall<RollbackPreviewBody>, registries: RegistryReader, runner: GateRunner): Promise<HttpAnswer> {
  const { configuration, caller } = call;
  const draft = await draftRollback(call, registries);
  const { plan, spec, impact, target, record, lifecycle } = draft;
  const planHash = planHashOf(plan);
  const [gates, approvers] = await Promise.all([
    tryGates({ configuration, caller }, plan, planHash, spec.preChecks, runner),
    approversNow(),
  ]);
  const promotion = { tenant: plan.tenant, to: plan.to, requester: caller.actor, editors: [], planHash };
  return {
    status: 200,
    body: {
      planHash,
      environment: plan.to,
      artifact: { name: plan.artifact, version: plan.version, digest: plan.digest },
      current: record.current,
      target: { version: target.version, digest: target.digest, requestId: target.requestId, at: target.at },
      gates,
      approvals: approvalsOf(plan, promotion, approvers),
      steps: stepsOf(plan),
      rollbackTarget: plan.rollbackTarget,
      impact,
      confirm: needsConfirmation(draft) ? confirmationOf(plan.to, plan.digest) : null,
      warnings: [...impact.warnings, ...lifecycle],
    },
  };
}

async function createNow(call: HttpCall<RollbackBody>, registries: RegistryReader): Promise<HttpAnswer> {
  const { body, caller, params } = call;
  const lock = await lockOn(params['env']!, { tenant: artifactOf(call.configuration, body.artifact)!.tenant, artifact: body.artifact });
  if (lock) throw lockedRefusal(lock, 'nothing is rolled back there on request');
  const draft = await draftRollback(call, registries);
  const { plan, spec } = draft;
  const seen = body.planHash;
  if (seen !== undefined && seen !== planHashOf(plan))
    throw new Refusal('PLAN_CHANGED', 'what would happen now is not what the preview showed', {
      hint: 'make a new preview, with this reason, and compare',
    });
  refuseHeldVersion(draft.record, plan, caller.actor);
  refuseUnconfirmed(draft, body.confirm);
  return answerNew(call, { plan, spec, requestedVersion: body.to });
}

function needsConfirmation({ impact }: RollbackDraft): boolean {
  return impact.risk.level === 'HIGH';
}

/** A high risk is taken by a person who says so: `true`, or the environment and the end of the digest as an approver types them. */
function refuseUnconfirmed(draft: RollbackDraft, confirm: RollbackBody['confirm']): void {
  const wanted = confirmationOf(draft.plan.to, draft.plan.digest);
  if (!needsConfirmation(draft) || confirm === true || confirm === wanted) return;
  throw new Refusal('CONFIRM_IMPACT', `the risk of this rollback is high: ${draft.impact.risk.reasons.join('; ')}`, {
    hint: `read the preview, then send it again with "confirm": true or "confirm": "${wanted}"`,
  });
}
