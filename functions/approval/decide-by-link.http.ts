/** `POST /v1/approvals/link`: the decision of the person the link was sent to. On production the link alone decides nothing: that person signs in. */

import { refuseRobot } from '../../core/access/robot.ts';
import type { DecisionInput } from '../../core/approval/decide.ts';
import { EXCLUSION_WORDS, exclusionOf } from '../../core/approval/excluded.ts';
import { confirmationOf, type LinkClaims } from '../../core/approval/link-token.ts';
import { Refusal } from '../../core/errors.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { visibleLength } from '../../core/promotion/request-body.ts';
import { identify } from '../kit/authenticate.ts';
import { checkSchema } from '../kit/check-schema.ts';
import type { Caller, HttpAnswer, HttpCall } from '../kit/http.ts';
import { approveBody } from '../routes.ts';
import { decideRequest, recordSelfApproval } from './decide-request.ts';
import { page, recordedPage, signInAddress } from './link-page.ts';
import { approverOf, asPage, csrfFor, requestOf, requireCsrf, requireOwnOrigin, visit } from './link-visit.ts';

/** Order of refusals: CSRF (origin), BAD_LINK, 410, CSRF (form), CONFIRMATION_REQUIRED, 303, 403 (person), 409. */
export function decideByLink(call: HttpCall<Record<string, string>>): Promise<HttpAnswer> {
  return asPage(call, async () => {
    requireOwnOrigin(call);
    const form = call.body;
    const { token, claims } = await visit(call, form['t']);
    await requireCsrf(call, claims, form['csrf']);
    const promotion = await requestOf(claims);
    const decision = requireHumanProof(form, promotion);
    const comment = commentOf(form, decision);
    const signedIn = await identify({ headers: call.headers, cookies: call.cookies, sourceIp: call.sourceIp, method: 'POST' });
    const environment = call.configuration.environments[promotion.to];
    if (!environment?.linkMayDecide && !signedIn) return signInFirst(token);
    if (signedIn) await refuseOtherPerson(signedIn, claims, promotion, decision);
    const approver = await approverOf(call.configuration, claims.approver);
    const input: DecisionInput = {
      decision,
      actor: approver.actor,
      auth: signedIn ? signedIn.identity.auth : 'email-link',
      channel: 'link',
      planHash: claims.planHash,
      linkId: claims.id,
      ...(comment === undefined ? {} : { comment }),
    };
    const decided = await decideRequest(promotion.id, promotion.to, input, { membership: approver.membership });
    const { csrf, cookies } = await csrfFor(call, claims);
    return page(200, 'Recorded', recordedPage(decided.promotion, decision, token, csrf), { cookies });
  });
}

/** Scanners submit forms, but they do not choose and transcribe. */
function requireHumanProof(form: Record<string, string>, promotion: Promotion): 'approve' | 'reject' {
  const expected = confirmationOf(promotion.to, promotion.digest);
  const { decision, confirm } = form;
  if ((decision !== 'approve' && decision !== 'reject') || confirm?.trim() !== expected) {
    throw new Refusal('CONFIRMATION_REQUIRED', 'choose a decision and type the confirmation shown on the page', {
      hint: 'it is the target environment and the last six characters of the digest',
    });
  }
  return decision;
}

function commentOf(form: Record<string, string>, decision: 'approve' | 'reject'): string | undefined {
  const text = form['comment'] ?? '';
  if (decision === 'reject' && visibleLength(text) < 10) {
    throw new Refusal('INVALID_REQUEST', 'a rejection needs a reason', {
      errors: [{ path: '/comment', message: 'must have at least 10 visible characters' }],
    });
  }
  if (text === '') return undefined;
  return (checkSchema(approveBody, { comment: text }, 'body') as { comment?: string }).comment;
}

function signInFirst(token: string): HttpAnswer {
  return { status: 303, headers: { location: signInAddress(token), 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' } };
}

/** A forwarded link is nobody's but the addressee's. The requester's own attempt is recorded, as on every other channel. */
async function refuseOtherPerson(
  signedIn: Caller,
  claims: LinkClaims,
  promotion: Promotion,
  decision: DecisionInput['decision'],
): Promise<void> {
  if (signedIn.actor.key === claims.approver) return;
  refuseRobot(signedIn.actor, 'decide');
  const exclusion = exclusionOf(promotion, signedIn.actor);
  if (exclusion) {
    await recordSelfApproval(promotion.id, { decision, actor: signedIn.actor, auth: signedIn.identity.auth, channel: 'link' });
    throw new Refusal('SELF_APPROVAL', EXCLUSION_WORDS[exclusion], { hint: 'ask another approver' });
  }
  throw new Refusal('WRONG_APPROVER', 'this link was sent to somebody else', { hint: 'use your own link, or decide on the request page' });
}
