/** `POST /v1/approvals/link`: the decision of the person the link was sent to. On production the link alone decides nothing: that person signs in. */

import { refuseRobot } from '../../core/access/robot.ts';
import type { DecisionInput } from '../../core/approval/decide.ts';
import type { Decision } from '../../core/approval/decision.ts';
import { EXCLUSION_WORDS, exclusionOf } from '../../core/approval/excluded.ts';
import { decisionOf, standingOf } from '../../core/approval/link-standing.ts';
import { approvalProgress } from '../../core/approval/progress.ts';
import { type FieldError, Refusal } from '../../core/errors.ts';
import { type Html, html } from '../../core/notification/html.ts';
import { VersionConflict } from '../../core/promotion/ports.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { visibleLength } from '../../core/promotion/visible-length.ts';
import { approveBody } from '../approval/routes.ts';
import { checkSchema } from '../kit/check-schema.ts';
import type { Caller, HttpAnswer, HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import type { KnownRequest } from '../promotion/find-request.ts';
import { answerWithDecisionPage } from './answer-decision-page.ts';
import { decideRequest, recordSelfApproval } from './decide-request.ts';
import { othersOf } from './decision-page.ts';
import { linkTo, page, signInAddress } from './link-page.ts';
import {
  type Approver,
  approverOf,
  asPage,
  confirmationFor,
  csrfFor,
  isOwnForm,
  notAnApprover,
  refused,
  refuseForeignForm,
  refuseStaleForm,
  rememberBrowser,
  requireOwnOrigin,
  signedIn,
  type Visit,
  visit,
  wantsPage,
} from './link-visit.ts';
import { headingOf, receiptOf, takeBackForm } from './receipt-page.ts';
import { showChanged } from './show-link.http.ts';

/** The form, attacker-controlled: `t`, `csrf`, `decision`, `confirm`, `comment`. */
type Form = Record<string, string>;
type FormCall = HttpCall<Form>;

/** Order of refusals: CSRF (origin), BAD_LINK, 410, CSRF (form), CONFIRMATION_REQUIRED, 303, 403 (person), 409. */
export const decideByLink: TwoPhaseHandler<void, Form> = {
  find: refuseForeignForm,
  handle: (call) => asPage(call, () => decideNow(call)),
};

async function decideNow(call: FormCall): Promise<HttpAnswer> {
  requireOwnOrigin(call);
  const visited = await visit(call, call.body['t']);
  const { claims, promotion, token } = visited;
  standingOf(visited);
  if (!(await isOwnForm(call, claims, call.body['csrf']))) return refuseStaleForm(call, token);
  const answered = readAnswer(call.body, confirmationFor(visited));
  if ('refusal' in answered) return askAgain(call, visited, answered.refusal, answered.errors);
  const caller = await signedIn(call, 'POST');
  if (!call.configuration.environments[promotion.to]?.linkMayDecide && !caller) return signInFirst(token);
  if (caller?.actor.key !== claims.approver && caller) {
    const refusal = await refuseOtherPerson(caller, promotion, answered.decision);
    return refused(call, refusal, linkTo(signInAddress(token), 'Sign in as the person it was sent to'));
  }
  const approver = await approverOf(call.configuration, claims.approver);
  const aggregate = await decideOrExplain(call, visited, approver, {
    ...answered,
    auth: caller ? caller.identity.auth : 'email-link',
    channel: 'link',
    planHash: claims.planHash,
    linkId: claims.id,
  });
  return 'status' in aggregate ? aggregate : showRecorded(call, visited, aggregate);
}

/** The decision, or the page that says why the plan that was read is not the one that stands. */
async function decideOrExplain(
  call: FormCall,
  visited: Visit,
  { actor, membership }: Approver,
  input: Omit<DecisionInput, 'actor'>,
): Promise<KnownRequest | HttpAnswer> {
  const { promotion, token } = visited;
  try {
    return await decideRequest(promotion.id, promotion.to, { ...input, actor }, { membership, found: visited.request });
  } catch (error) {
    // The link was used or revoked in the meantime: then its standing says so.
    if (error instanceof VersionConflict) standingOf(await visit(call, token));
    if (!(error instanceof Refusal)) throw error;
    // Who has left the tenant, the team or the role is told one thing.
    if (error.code === 'NOT_FOUND' || error.code === 'FORBIDDEN') throw notAnApprover();
    if (error.code === 'PLAN_CHANGED') return showChanged(call, await visit(call, token));
    throw error;
  }
}

/** What the form says, or why it is not enough. Scanners submit forms, but they do not choose and transcribe. */
function readAnswer(
  form: Form,
  expected: string,
): { decision: 'approve' | 'reject'; comment?: string } | { refusal: Refusal; errors: FieldError[] } {
  const { decision, confirm, comment = '' } = form;
  const unproven: FieldError[] = [];
  if (decision !== 'approve' && decision !== 'reject') unproven.push({ path: '/decision', message: 'Choose one of the two.' });
  if (confirm?.trim() !== expected) {
    const message = confirm?.trim() ? 'This is not what is shown above: compare it letter by letter.' : 'Type what is shown above.';
    unproven.push({ path: '/confirm', message });
  }
  const wrong = commentErrors(decision, comment);
  const errors = [...unproven, ...wrong];
  if (unproven.length > 0) {
    const hint = 'it is the target environment and the last six characters of the digest';
    const refusal = new Refusal('CONFIRMATION_REQUIRED', 'choose a decision and type the confirmation shown on the page', {
      hint,
      errors: unproven,
    });
    return { refusal, errors };
  }
  if (wrong.length > 0) return { refusal: new Refusal('INVALID_REQUEST', 'the comment cannot be taken', { errors: wrong }), errors };
  const checked = checkSchema(approveBody, comment === '' ? {} : { comment }, 'body') as { comment?: string };
  return { decision: decision as 'approve' | 'reject', ...checked };
}

function commentErrors(decision: string | undefined, comment: string): FieldError[] {
  if (decision === 'reject' && visibleLength(comment) < 10) {
    return [{ path: '/comment', message: 'A rejection needs a reason of at least 10 visible characters.' }];
  }
  try {
    checkSchema(approveBody, comment === '' ? {} : { comment }, 'body');
    return [];
  } catch (error) {
    if (error instanceof Refusal) return [...(error.errors ?? [])];
    throw error;
  }
}

/** The form again, with what was typed and what is wrong beside it; programs get the problem. */
async function askAgain(call: FormCall, visited: Visit, refusal: Refusal, errors: FieldError[]): Promise<HttpAnswer> {
  const { claims, promotion } = visited;
  if (!wantsPage(call) || decisionOf(visited) || promotion.planHash !== claims.planHash) return refused(call, refusal);
  const { actor } = await approverOf(call.configuration, claims.approver);
  const [{ csrf, cookies }, visitor] = await Promise.all([csrfFor(call, claims), signedIn(call, 'GET')]);
  const { decision, comment, confirm } = call.body;
  const given = {
    ...(decision === undefined ? {} : { decision }),
    ...(comment === undefined ? {} : { comment }),
    ...(confirm === undefined ? {} : { confirm }),
  };
  return answerWithDecisionPage(refusal.status, call, { visited, approver: actor, csrf, visitor, cookies, rejected: { given, errors } });
}

function signInFirst(token: string): HttpAnswer {
  return { status: 303, headers: { location: signInAddress(token), 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' } };
}

/** A forwarded link is nobody's but the addressee's. The attempt of who must not decide is recorded, as on every other channel. */
async function refuseOtherPerson(caller: Caller, promotion: Promotion, decision: DecisionInput['decision']): Promise<Refusal> {
  refuseRobot(caller.actor, 'decide');
  const exclusion = exclusionOf(promotion, caller.actor);
  if (!exclusion) {
    return new Refusal('WRONG_APPROVER', 'this link was sent to somebody else', {
      hint: 'use your own link, or decide on the request page',
    });
  }
  await recordSelfApproval(promotion.id, { decision, actor: caller.actor, auth: caller.identity.auth, channel: 'link' });
  return new Refusal('SELF_APPROVAL', EXCLUSION_WORDS[exclusion], { hint: 'ask another approver' });
}

async function showRecorded(call: FormCall, visited: Visit, decided: KnownRequest): Promise<HttpAnswer> {
  const { claims, plan, token } = visited;
  const [{ csrf, cookies }] = await Promise.all([csrfFor(call, claims), rememberBrowser(call, claims)]);
  const { promotion, history, given, decisions } = decided;
  const decision = decisionOf({ claims, decisions: given });
  if (!decision) throw new Refusal('LINK_USED', 'the decision was taken back at the same moment', { hint: 'open the newest mail' });
  const facts = { promotion, plan, decision, history };
  const body = html`${nextOf(visited, promotion, decisions)}${receiptOf(facts)}<p class="hint">The same receipt is on its way to your mailbox.</p>${takeBackForm({ token, csrf })}`;
  return page(200, headingOf(facts), body, { cookies });
}

function nextOf({ plan, approvers }: Visit, promotion: Promotion, decisions: readonly Decision[]): Html {
  switch (promotion.phase) {
    case 'pending_approval': {
      const progress = approvalProgress(plan.approvals, decisions, promotion.planHash);
      return html`<p class="lead">It still waits for somebody else.</p>${othersOf({ plan, progress, promotion, decisions, approvers })}`;
    }
    case 'approved':
      return html`<p class="lead">Nothing is missing any more${promotion.waitingOn === 'confirm' ? ': it begins when somebody starts it' : ''}.</p>`;
    case 'rejected':
      return html`<p class="lead">The request ends here; nothing is changed in ${promotion.to}.</p>`;
    default:
      return html`<p class="lead">The request goes on.</p>`;
  }
}
