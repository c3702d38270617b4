/** `GET /v1/approvals/link?t=…`: shows what is asked. It never decides: scanners open every link of a mail. */
import { refuseWrongPerson } from '../../core/approval/decide.ts';
import { standingOf } from '../../core/approval/link-standing.ts';
import { Refusal } from '../../core/errors.ts';
import { html } from '../../core/notification/html.ts';
import { planChanges } from '../../core/promotion/plan-changes.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { answerWithDecisionPage } from './answer-decision-page.ts';
import { changesOf } from './decision-page.ts';
import { linkTo } from './link-page.ts';
import { approverOf, asPage, csrfFor, notAnApprover, refused, signedIn, type Visit, visit } from './link-visit.ts';
import { receiptOf } from './receipt-page.ts';

export function showLink(call: HttpCall): Promise<HttpAnswer> {
  return asPage(call, async () => {
    const visited = await visit(call, call.query['t']);
    const mine = standingOf(visited);
    if (mine) return showDecided(call, visited, mine);
    if (visited.promotion.planHash !== visited.claims.planHash) return showChanged(call, visited);
    const approver = await approverOf(call.configuration, visited.claims.approver);
    refuseLostMembership(visited, approver);
    const [{ csrf, cookies }, visitor] = await Promise.all([csrfFor(call, visited.claims), signedIn(call, 'GET')]);
    return answerWithDecisionPage(200, call, { visited, approver: approver.actor, csrf, visitor, cookies });
  });
}

/** The link is used up; its holder still wants to know for what, and may want it undone. */
function showDecided(call: HttpCall, visited: Visit, decision: NonNullable<ReturnType<typeof standingOf>>): HttpAnswer {
  const { promotion, plan, token } = visited;
  const words = decision.decision === 'approve' ? 'approved' : 'rejected';
  const refusal = new Refusal('LINK_USED', `you have ${words} this; the request is ${promotion.phase.replaceAll('_', ' ')}`, {
    hint: decision.channel === 'link' ? 'if this was not you, take it back while nothing has begun' : 'see the receipt',
  });
  const receipt = receiptOf({ promotion, plan, decision, history: visited.request.history });
  const back = decision.channel === 'link' ? linkTo(`/v1/approvals/link/revoke?t=${token}`, 'This was not me') : html``;
  return refused(call, refusal, html`${receipt}${back}`);
}

/** Refusal PLAN_CHANGED, with what is different: by the last edit, and between the two plans if there were several. */
export function showChanged(call: HttpCall<unknown>, { plan, request }: Visit): HttpAnswer {
  const refusal = new Refusal('PLAN_CHANGED', 'what this mail asked about is not what would run now', {
    hint: 'a new mail with a new link comes as soon as the gates have run again',
  });
  const { spec, changes = [] } = request.texts;
  const between = planChanges({ plan, spec }, { plan: request.plan, spec });
  const seen = new Set(between.map(({ field }) => field));
  return refused(call, refusal, changesOf('What is different', [...between, ...changes.filter(({ field }) => !seen.has(field))]));
}

/** Membership is read now: who has left the team since the mail is not asked any more. */
function refuseLostMembership(
  { promotion, plan, approvers, decisions }: Visit,
  { actor, membership }: Awaited<ReturnType<typeof approverOf>>,
): void {
  try {
    refuseWrongPerson({ promotion, plan, membership, approvers, decisions }, { decision: 'approve', actor });
  } catch (error) {
    if (error instanceof Refusal && error.code !== 'SELF_APPROVAL') throw notAnApprover();
    throw error;
  }
}
