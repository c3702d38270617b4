/** `POST /v1/requests/{env}`: asks for a promotion. */
import { refuseHeldVersion } from '../../core/environment/held.ts';
import { Refusal } from '../../core/errors.ts';
import { refusePastDate } from '../../core/promotion/create.ts';
import { specOf } from '../../core/promotion/make-plan.ts';
import { planHashOf } from '../../core/promotion/plan.ts';
import type { RequestBody } from '../../core/promotion/request-body.ts';
import type { RegistryReader } from '../../core/registry/ports.ts';
import type { HttpAnswer, HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { clock } from '../kit/state.ts';
import { answerNew } from './answer-new.ts';
import { draftPlan, findArtifact } from './draft-plan.ts';
import { type PreviewRow, readPreview } from './preview-row.ts';

export function create(registries: RegistryReader): TwoPhaseHandler<unknown, RequestBody> {
  return { find: findArtifact, handle: (call) => createNow(call, registries) };
}

async function createNow(call: HttpCall<RequestBody>, registries: RegistryReader): Promise<HttpAnswer> {
  const { body, caller } = call;
  refusePastDate(body.request.scheduledDate, clock.now());
  const { plan, environment } = await draftPlan(call, registries, caller.actor.key);
  await requirePreview(call, planHashOf(plan));
  if (plan.kind === 'promote' && environment?.current?.digest === plan.digest) {
    return {
      status: 200,
      body: {
        code: 'ALREADY_PROMOTED',
        detail: `${plan.artifact} ${plan.version} (${plan.digest}) is in ${plan.to} already; nothing was requested (a repair copies again what its registries lack)`,
        environment: plan.to,
        digest: plan.digest,
        requestId: environment.current.requestId,
      },
    };
  }
  if (plan.kind === 'promote') refuseHeldVersion(environment, plan, caller.actor);
  return answerNew(call, {
    plan,
    spec: specOf(body, plan.from, plan.to),
    requestedVersion: body.target.version,
    ...(body.previewRef === undefined ? {} : { previewRef: body.previewRef }),
  });
}

/** The preview that the environment demands or the caller names must be young and equal to what would happen now. */
async function requirePreview(call: HttpCall<RequestBody>, planHash: string): Promise<void> {
  const { body, configuration } = call;
  const environment = configuration.environments[call.params['env']!]!;
  if (body.previewRef === undefined) {
    if (environment.preview === 'optional') return;
    throw new Refusal('PREVIEW_REQUIRED', `${environment.name} takes requests with a previewRef only`, {
      hint: `POST /v1/requests/${environment.name}/preview first and send its previewRef`,
    });
  }
  const preview: PreviewRow | undefined = await readPreview(body.previewRef);
  if (!preview || preview.requesterKey !== call.caller.actor.key || preview.expiresAt <= clock.now().toISOString()) {
    throw new Refusal('PREVIEW_EXPIRED', 'that preview does not exist any more', { hint: 'make a new preview' });
  }
  if (preview.planHash !== planHash) {
    throw new Refusal('PREVIEW_MISMATCH', 'what would happen now is not what the preview showed', {
      hint: 'make a new preview and compare',
    });
  }
}
