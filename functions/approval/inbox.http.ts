/** `GET /v1/inbox`: what is open in every environment, why it is in this inbox, and how soon it has to be decided. */
import type * as z from 'zod';
import { isOwnRequest, maySee } from '../../core/access/membership.ts';
import { decide } from '../../core/approval/decide.ts';
import type { Approvers } from '../../core/approval/delegation.ts';
import { approvalProgress, openRules } from '../../core/approval/progress.ts';
import { groupOf } from '../../core/approval/stage.ts';
import { Refusal } from '../../core/errors.ts';
import { refuseBreakGlass, refuseUnneeded, requesterMembership } from '../../core/gate/break-glass.ts';
import { stateOf } from '../../core/promotion/phase.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import type { inboxQuery } from '../approval/routes.ts';
import { actingOf } from '../kit/acting.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { approversNow, clock, promotions } from '../kit/state.ts';
import { type DecisionBasis, planAndDecisions } from '../promotion/find-request.ts';
import { listOpenRequests } from '../promotion/list-requests.ts';
import { renderSummary } from '../promotion/render-request.ts';

type InboxCall = HttpCall<unknown, z.infer<typeof inboxQuery>>;

/** What the caller has to do with a request. */
interface Place {
  reason: string;
  waitsForMe: boolean;
  /** Teams and roles whose approval is missing now. */
  teams: string[];
}

export async function inbox(call: InboxCall): Promise<HttpAnswer> {
  const { limit, cursor, view = 'pending', ...filters } = call.query;
  const places = new Map<string, Place>();
  const approvers = await approversNow();
  const page = await listOpenRequests(call, {
    operation: 'inbox',
    filters: { view, ...filters },
    limit,
    cursor,
    async keep(promotion) {
      if (!fitsHead(promotion, filters) || !maySee(call.caller.membership, call.caller.actor, promotion)) return false;
      const isMine = isOwnRequest(promotion, call.caller.actor);
      if (view === 'mine' && !isMine) return false;
      const place = await placeOf(promotion, isMine, call, approvers);
      if (view === 'pending' && !place.waitsForMe) return false;
      if (filters.team !== undefined && !place.teams.includes(filters.team)) return false;
      places.set(promotion.id, place);
      return true;
    },
  });
  const items = page.promotions.map((promotion) => ({
    ...renderSummary(promotion),
    ...places.get(promotion.id)!,
    risk: promotion.impact,
    priority: promotion.priority ?? 'normal',
    project: promotion.project ?? promotion.tenant,
    since: promotion.askedAt ?? promotion.createdAt,
    dueAt: promotion.expiresAt,
  }));
  return { status: 200, body: { items, ...(page.nextCursor === undefined ? {} : { nextCursor: page.nextCursor }) } };
}

function fitsHead(promotion: Promotion, filters: Omit<InboxCall['query'], 'view' | 'limit' | 'cursor'>): boolean {
  const { risk, priority, project, status, environment } = filters;
  return (
    isEqual(risk, promotion.impact) &&
    isEqual(priority, promotion.priority ?? 'normal') &&
    isEqual(project, promotion.project ?? promotion.tenant) &&
    isEqual(status, stateOf(promotion.phase)) &&
    isEqual(environment, promotion.to)
  );
}

function isEqual(wanted: string | undefined, actual: string): boolean {
  return wanted === undefined || wanted === actual;
}

async function placeOf(promotion: Promotion, isMine: boolean, call: InboxCall, approvers: Approvers): Promise<Place> {
  if (promotion.phase === 'pending_approval') return placeInApproval(promotion, isMine, await planAndDecisions(promotion, approvers), call);
  if (promotion.phase === 'blocked') {
    if (isMine) return { reason: 'blocked by its gates: mend what they found and retry, or edit it', waitsForMe: true, teams: [] };
    const reason = 'blocked by its gates; you could waive one in an emergency';
    return (await mayWaive(promotion, call)) ? { reason, waitsForMe: true, teams: [] } : under(promotion, isMine);
  }
  if (promotion.phase === 'approved' && promotion.waitingOn === 'confirm' && isMine)
    return { reason: 'approved: it starts when you execute it', waitsForMe: true, teams: [] };
  return under(promotion, isMine);
}

function under({ phase, waitingOn }: Promotion, isMine: boolean): Place {
  const words = `${phase.replaceAll('_', ' ')}${waitingOn === undefined ? '' : `, waits on ${waitingOn}`}`;
  return { reason: isMine ? `your request: ${words}` : words, waitsForMe: false, teams: [] };
}

/** The rule that would take the decision says whether it waits for the caller. */
function placeInApproval(promotion: Promotion, isMine: boolean, basis: DecisionBasis, call: InboxCall): Place {
  const { plan, decisions } = basis;
  const open = openRules(plan.approvals, approvalProgress(plan.approvals, decisions, promotion.planHash));
  const teams = [...new Set(open.map(({ rule }) => groupOf(rule)))];
  const missing = teams.join(' and ');
  const facts = {
    promotion,
    ...basis,
    membership: call.caller.membership,
    gatesHash: '',
    isReciprocal: false,
    now: clock.now().toISOString(),
    hashText: () => '',
  };
  try {
    const outcome = decide(facts, { ...actingOf(call), decision: 'approve', planHash: promotion.planHash });
    if (outcome.kind === 'unchanged') return { reason: `you have approved; ${missing} is still asked`, waitsForMe: false, teams };
    const absent = outcome.change.decision?.onBehalfOf;
    const reason = absent ? `your decision is asked in the place of ${absent.email}` : `your decision is asked for ${missing}`;
    return { reason, waitsForMe: true, teams };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { reason: `${isMine ? 'your request waits' : 'waits'} for ${missing}`, waitsForMe: false, teams };
  }
}

async function mayWaive(promotion: Promotion, call: InboxCall): Promise<boolean> {
  try {
    const requester = requesterMembership(promotion, call.configuration);
    refuseBreakGlass({ promotion, membership: call.caller.membership, requester }, actingOf(call));
    refuseUnneeded(promotion, await promotions.gates(promotion.id, promotion.attempt));
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}
