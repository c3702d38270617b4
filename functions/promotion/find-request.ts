/** Finds the request of a path for a caller: unknown, another tenant's and another environment's are one and the same answer. */
import type { Actor } from '../../core/access/identity.ts';
import { belongsToTenant, type Membership, maySee } from '../../core/access/membership.ts';
import type { Decision } from '../../core/approval/decision.ts';
import type { Approvers } from '../../core/approval/delegation.ts';
import { standingDecisions } from '../../core/approval/standing.ts';
import { Refusal } from '../../core/errors.ts';
import type { Plan } from '../../core/promotion/plan.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import type { HttpCall } from '../kit/http.ts';
import { approversNow, promotions } from '../kit/state.ts';
import { type RenderedRequest, renderRequest } from './render-request.ts';

const ID = /^PR-[0-9]{4}-[0-9]{4,9}$/;

/** Head of the request. Both arguments are attacker-controlled. Refusals: NOT_FOUND, FORBIDDEN (same tenant, not the caller's to see). */
export async function findRequest(id: string, environment: string, caller: { actor: Actor; membership: Membership }): Promise<Promotion> {
  const promotion = ID.test(id) ? await promotions.head(id) : undefined;
  if (!promotion || promotion.to !== environment || !belongsToTenant(caller.membership, promotion.tenant)) {
    throw new Refusal('NOT_FOUND', 'there is no such request');
  }
  if (!maySee(caller.membership, caller.actor, promotion)) {
    throw new Refusal('FORBIDDEN', 'your roles do not let you see this request');
  }
  return promotion;
}

/** Head of the request that the path of the call names. */
export function findOfCall(call: HttpCall<unknown, unknown>): Promise<Promotion> {
  return findRequest(call.params['id']!, call.params['env']!, call.caller);
}

/** What a decision rests on, besides the head. */
export interface DecisionBasis {
  plan: Plan;
  /** Those that count now. */
  decisions: Decision[];
  /** All that are stored. */
  given: Decision[];
  approvers: Approvers;
}

/** Plan that stands, the decisions that still count, and who may approve. */
export async function planAndDecisions(promotion: Promotion): Promise<DecisionBasis> {
  const [plan, given, approvers] = await Promise.all([
    promotions.plan(promotion.id, promotion.planHash),
    promotions.decisions(promotion.id),
    approversNow(),
  ]);
  if (!plan) throw new Error(`${promotion.id} has no plan ${promotion.planHash}`);
  return { plan, decisions: standingDecisions(approvers, promotion, given), given, approvers };
}

/** The request in full, as the caller may see it, read after whatever was just written. */
export async function readRequestFor(call: HttpCall, id: string): Promise<RenderedRequest> {
  const aggregate = await promotions.aggregate(id);
  if (!aggregate) throw new Error(`${id} vanished`);
  return renderRequest({ ...aggregate, ...(await planAndDecisions(aggregate.promotion)), caller: call.caller });
}

/** `If-Match` of an update names `metadata.version`. Refusal STATE_CONFLICT when somebody was faster. The header is attacker-controlled. */
export function refuseOtherVersion(call: HttpCall, promotion: Promotion): void {
  const wanted = call.headers['if-match'];
  if (wanted === undefined || wanted === '*') return;
  if (wanted.replace(/^(?:W\/)?"(.*)"$/, '$1') !== String(promotion.version)) {
    throw new Refusal('STATE_CONFLICT', 'the request has changed since you read it', { hint: 'read it again, then repeat the change' });
  }
}
