/** Finds the request of a path for a caller: unknown, another tenant's and another environment's are one and the same answer. */
import type { Actor } from '../../core/access/identity.ts';
import { belongsToTenant, type Membership, maySee } from '../../core/access/membership.ts';
import type { Decision } from '../../core/approval/decision.ts';
import type { Approvers } from '../../core/approval/delegation.ts';
import { standingDecisions } from '../../core/approval/standing.ts';
import { Refusal } from '../../core/errors.ts';
import type { PromotionAggregate } from '../../core/promotion/aggregate.ts';
import type { Plan } from '../../core/promotion/plan.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import type { HttpCall } from '../kit/http.ts';
import { approversNow, promotions } from '../kit/state.ts';
import { type RenderedRequest, renderRequest } from './render-request.ts';

const ID = /^PR-[0-9]{4}-[0-9]{4,9}$/;

/** Head of the request. Both arguments are attacker-controlled. Refusals: NOT_FOUND, FORBIDDEN (same tenant, not the caller's to see). */
export async function findRequest(id: string, environment: string, caller: { actor: Actor; membership: Membership }): Promise<Promotion> {
  const promotion = ID.test(id) ? await promotions.head(id) : undefined;
  refuseInvisible(promotion, environment, caller);
  return promotion;
}

function refuseInvisible(
  promotion: Promotion | undefined,
  environment: string,
  caller: { actor: Actor; membership: Membership },
): asserts promotion is Promotion {
  if (!promotion || promotion.to !== environment || !belongsToTenant(caller.membership, promotion.tenant)) {
    throw new Refusal('NOT_FOUND', 'there is no such request');
  }
  if (!maySee(caller.membership, caller.actor, promotion)) {
    throw new Refusal('FORBIDDEN', 'your roles do not let you see this request');
  }
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

/** Plan that stands, the decisions that still count, and who may approve: read now, unless a list has just done so for all that it shows. */
export async function planAndDecisions(promotion: Promotion, who?: Approvers): Promise<DecisionBasis> {
  const [plan, given, approvers] = await Promise.all([
    promotions.plan(promotion.id, promotion.planHash),
    promotions.decisions(promotion.id),
    who ?? approversNow(),
  ]);
  if (!plan) throw new Error(`${promotion.id} has no plan ${promotion.planHash}`);
  return { plan, decisions: standingDecisions(approvers, promotion, given), given, approvers };
}

/** A whole request with everything that a decision on it rests on. */
export interface KnownRequest extends PromotionAggregate, DecisionBasis {}

/** The decisions are read after the head: none that the head knows of is missing. */
export async function known(aggregate: PromotionAggregate): Promise<KnownRequest> {
  const [given, approvers] = await Promise.all([promotions.decisions(aggregate.promotion.id), approversNow()]);
  return { ...aggregate, decisions: standingDecisions(approvers, aggregate.promotion, given), given, approvers };
}

/** The whole request that the path of the call names. Refusals as those of `findRequest`. */
export async function knownOfCall(call: HttpCall<unknown, unknown>): Promise<KnownRequest> {
  const id = call.params['id']!;
  const aggregate = ID.test(id) ? await promotions.aggregate(id) : undefined;
  refuseInvisible(aggregate?.promotion, call.params['env']!, call.caller);
  return known(aggregate!);
}

/** The request in full, as the caller may see it, read after whatever was just written. */
export async function readRequestFor(call: HttpCall, id: string): Promise<RenderedRequest> {
  const aggregate = await promotions.aggregate(id);
  if (!aggregate) throw new Error(`${id} vanished`);
  return renderRequest({ ...(await known(aggregate)), caller: call.caller });
}

/** `If-Match` of an update names `metadata.version`. Refusal STATE_CONFLICT when somebody was faster. The header is attacker-controlled. */
export function refuseOtherVersion(call: HttpCall, promotion: Promotion): void {
  const wanted = call.headers['if-match'];
  if (wanted === undefined || wanted === '*') return;
  if (wanted.replace(/^(?:W\/)?"(.*)"$/, '$1') !== String(promotion.version)) {
    throw new Refusal('STATE_CONFLICT', 'the request has changed since you read it', { hint: 'read it again, then repeat the change' });
  }
}
