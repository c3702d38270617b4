/** `PATCH /v1/requests/{env}/{id}`: changes what is asked for; the plan is made anew and decisions on the old one are void. */
import { Refusal } from '../../core/errors.ts';
import { edit, refusePastDate, refuseUneditable } from '../../core/promotion/create.ts';
import { specOf } from '../../core/promotion/make-plan.ts';
import { refuseChange } from '../../core/promotion/may-change.ts';
import { planHashOf } from '../../core/promotion/plan.ts';
import { planChanges } from '../../core/promotion/plan-changes.ts';
import { changing } from '../../core/promotion/ports.ts';
import type { Promotion, PromotionSpec } from '../../core/promotion/promotion.ts';
import type { EditBody, RequestBody } from '../../core/promotion/request-body.ts';
import type { RegistryReader } from '../../core/registry/ports.ts';
import { actingOf } from '../kit/acting.ts';
import type { TwoPhaseHandler } from '../kit/http.ts';
import { clock, promotions } from '../kit/state.ts';
import { draftPlan } from './draft-plan.ts';
import { findOfCall, readRequestFor, refuseOtherVersion } from './find-request.ts';

export function editRequest(registries: RegistryReader): TwoPhaseHandler<Promotion, EditBody> {
  return {
    async find(call) {
      const promotion = await findOfCall(call);
      refuseChange('edit', promotion, call.caller.actor, call.caller.membership);
      return promotion;
    },
    async handle(call, found) {
      refusePastDate(call.body.request?.scheduledDate, clock.now());
      await changing(
        async () => (await promotions.head(found.id)) ?? found,
        async (promotion) => {
          const texts = await promotions.texts(promotion.id);
          if (!texts) throw new Error(`${promotion.id} has no texts`);
          const body = merge(texts.spec, call.body);
          refuseOtherVersion(call, promotion);
          refuseUneditable(promotion);
          // The requester stays: an editor is added to who may not decide, and takes nobody's place.
          const { plan } = await draftPlan({ ...call, body }, registries, promotion.requester.key);
          const before = await promotions.plan(promotion.id, promotion.planHash);
          if (!before) throw new Error(`${promotion.id} has no plan ${promotion.planHash}`);
          const { edition } = before;
          if (planHashOf({ ...plan, ...(edition === undefined ? {} : { edition }) }) === promotion.planHash) return;
          const spec = specOf(body, plan.from, plan.to);
          const changes = planChanges({ plan: before, spec: texts.spec }, { plan, spec });
          await promotions.commit(
            edit(promotion, { plan, spec, changes, requestedVersion: body.target.version, now: clock.now(), ...actingOf(call) }),
          );
        },
      );
      return { status: 200, body: await readRequestFor(call, found.id) };
    },
  };
}

/** The stored spec with the fields that the edit gives. What a request is for does not change. */
function merge(spec: PromotionSpec, body: EditBody): RequestBody {
  const target = { ...spec.target, ...given(body.target ?? {}) };
  if (target.name !== spec.target.name || target.type !== spec.target.type) {
    throw new Refusal('INVALID_REQUEST', 'a request stays with its artifact', {
      hint: 'create a new request for another artifact',
      errors: [{ path: '/target/name', message: `must stay ${spec.target.name}` }],
    });
  }
  const registries = body.registries ?? spec.registries;
  return {
    ...(spec.kind === undefined ? {} : { kind: spec.kind }),
    target,
    request: { ...spec.request, ...given(body.request ?? {}) },
    preChecks: { ...spec.preChecks, ...given(body.preChecks ?? {}) },
    ...(registries ? { registries } : {}),
  };
}

/** Members that are present; the schema has checked them all. */
function given<Members extends object>(members: Members): { [Name in keyof Members]: Exclude<Members[Name], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Members]: Exclude<Members[Name], undefined>;
  };
}
