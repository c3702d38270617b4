/** `POST /v1/retention/preview` and `/apply`, and what became of a plan. What they need of registries is done by the function that may. */
import type * as z from 'zod';
import { invokeNow } from '../../adapters/promotion/function-calls.ts';
import { planRows } from '../../adapters/retention/plan-rows.ts';
import { requiredVariable } from '../../adapters/state/table.ts';
import { belongsToTenant, mayUse } from '../../core/access/membership.ts';
import { artifactOf, tenantsOf } from '../../core/environment/configuration.ts';
import { Fault, Refusal } from '../../core/errors.ts';
import { planActions } from '../../core/retention/may-apply.ts';
import type { StoredPlan } from '../../core/retention/ports.ts';
import { actingOf } from '../kit/acting.ts';
import type { Caller, HttpAnswer, HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { pageOf } from '../kit/page.ts';
import { clock, table } from '../kit/state.ts';
import { newPlanId } from './plan-id.ts';
import { renderPlan } from './render-plan.ts';
import type { RetainAnswer, RetainEvent } from './retain.job.ts';
import type { applyBody, retentionPreviewBody } from './routes.ts';

const plans = planRows(table, clock);

/** API Gateway ends a call after 30 s; what takes longer is asked for again by its id. */
const PATIENCE_MS = 24_000;
const PLANNING = ['request', 'gc.apply'] as const;

export const previewRetention: TwoPhaseHandler<void, z.infer<typeof retentionPreviewBody>> = {
  async find({ body, caller, configuration }) {
    const name = (body as { artifact?: unknown } | null | undefined)?.artifact;
    if (typeof name !== 'string') return;
    const artifact = artifactOf(configuration, name);
    if (!artifact || !belongsToTenant(caller.membership, artifact.tenant))
      throw new Refusal('NOT_FOUND', 'there is no such artifact', { hint: 'check the name, and that your tenant owns it' });
  },
  async handle(call) {
    const { body = {}, caller, configuration } = call as HttpCall<z.infer<typeof retentionPreviewBody> | undefined>;
    const own = body.artifact === undefined ? tenantsOf(configuration) : [artifactOf(configuration, body.artifact)!.tenant];
    const tenants = own.filter((tenant) => PLANNING.some((verb) => mayUse(caller.membership, verb, tenant)));
    if (tenants.length === 0) throw new Refusal('FORBIDDEN', 'your roles do not include the verb "gc.apply" in this tenant');
    const planId = newPlanId();
    const scope = { tenants, ...(body.artifact === undefined ? {} : { artifact: body.artifact }) };
    const plan = await retain({ job: 'plan', planId, scope, acting: actingOf(call) });
    return plan ? { status: 200, body: await shownTo(call.caller, plan) } : goesOn(planId);
  },
};

export const applyRetention: TwoPhaseHandler<StoredPlan | undefined, z.infer<typeof applyBody>> = {
  async find({ body, caller }) {
    const id = (body as { planId?: unknown } | null | undefined)?.planId;
    return typeof id === 'string' ? requirePlan(id, caller, true) : undefined;
  },
  async handle(call) {
    const { planId } = call.body;
    const begun = await retain({ job: 'apply', planId, acting: actingOf(call) });
    if (!begun) return goesOn(planId);
    return { status: 200, body: await shownTo(call.caller, begun) };
  },
};

export const showRetentionPlan: TwoPhaseHandler<StoredPlan> = {
  find: ({ params, caller }) => requirePlan(params['planId']!, caller, false),
  handle: async ({ caller }, plan) => ({ status: 200, body: await shownTo(caller, plan) }),
};

export async function listRetentionPlans(call: HttpCall<unknown, { limit?: number; cursor?: string }>): Promise<HttpAnswer> {
  const { caller, query } = call;
  const seen = (await plans.recent()).filter((plan) => maySee(plan, caller));
  const page = await pageOf(seen, ({ createdAt, id }) => `${createdAt}#${id}`, ['listRetentionPlans', caller.actor.key], query);
  const items = page.items.map((plan) => ({ ...renderPlan(plan, [], actionsOf(caller, plan)), mine: plan.createdBy === caller.actor.key }));
  return { status: 200, body: { ...page, items } };
}

/** Refusals NOT_FOUND (a plan that reaches another tenant is as unknown as none) and FORBIDDEN. */
async function requirePlan(id: string, caller: Caller, toApply: boolean): Promise<StoredPlan> {
  const plan = /^gc-[a-f0-9]{16}$/.test(id) ? await plans.get(id) : undefined;
  if (!plan || !maySee(plan, caller))
    throw new Refusal('NOT_FOUND', 'there is no such plan', { hint: 'make one: greenlight gc --dry-run' });
  if (toApply && !mayDelete(caller, plan))
    throw new Refusal('FORBIDDEN', 'your roles do not include the verb "gc.apply" in every tenant of the plan');
  return plan;
}

async function shownTo(caller: Caller, plan: StoredPlan) {
  return renderPlan(plan, await plans.units(plan), actionsOf(caller, plan));
}

function actionsOf(caller: Caller, plan: StoredPlan) {
  return planActions(plan, mayDelete(caller, plan), clock.now().toISOString());
}

function mayDelete({ membership }: Caller, { tenants }: StoredPlan): boolean {
  return tenants.every((tenant) => mayUse(membership, 'gc.apply', tenant));
}

function maySee({ tenants }: StoredPlan, { membership }: Caller): boolean {
  return tenants.every((tenant) => belongsToTenant(membership, tenant));
}

/** Undefined when it goes on longer than a call may take. */
async function retain(event: RetainEvent): Promise<StoredPlan | undefined> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const answer = await invokeNow<RetainAnswer>(requiredVariable('RETAIN_FUNCTION'), event, patience).catch((error: unknown) => {
    if (patience.aborted) return undefined;
    throw error;
  });
  if (answer?.outcome === 'refused') throw new Refusal(answer.code, answer.detail, answer.hint === undefined ? {} : { hint: answer.hint });
  if (answer?.outcome === 'unavailable') throw new Fault('UNAVAILABLE', answer.detail);
  return answer?.plan;
}

function goesOn(planId: string): HttpAnswer {
  return { status: 202, body: { planId, status: 'applying' }, headers: { location: `/v1/retention/plans/${planId}`, 'retry-after': '5' } };
}
