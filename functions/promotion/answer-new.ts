/** Stores a request that did not exist before, and answers it: the same for every kind. */
import { artifactOf } from '../../core/environment/configuration.ts';
import { afterChange } from '../../core/promotion/aggregate.ts';
import { type CreateInput, create } from '../../core/promotion/create.ts';
import { changing } from '../../core/promotion/ports.ts';
import { actingOf } from '../kit/acting.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { approversNow, clock, promotions } from '../kit/state.ts';
import { renderRequest } from './render-request.ts';

type NewRequest = Pick<CreateInput, 'plan' | 'spec' | 'requestedVersion' | 'previewRef'>;

/** Requests for the same digest meet on its pin: tried again, unless its deletion is decided. Refusal ARTIFACT_DELETING. */
export async function answerNew(call: HttpCall, request: NewRequest): Promise<HttpAnswer> {
  const { plan } = request;
  const project = artifactOf(call.configuration, plan.artifact)?.project;
  const now = clock.now();
  const id = await promotions.nextId(now.getUTCFullYear());
  const change = create({ ...request, id, now, ...actingOf(call), ...(project === undefined ? {} : { project }) });
  const storing = changing(
    async () => change,
    (wanted) => promotions.commit(wanted),
  );
  const [promotion, approvers] = await Promise.all([storing, approversNow()]);
  return {
    status: 201,
    headers: { location: `/v1/requests/${plan.to}/${promotion.id}` },
    body: renderRequest({ ...afterChange(change, promotion), decisions: [], approvers, caller: call.caller }),
  };
}
