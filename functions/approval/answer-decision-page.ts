/** Reads what the decision page shows, and answers with it: for the first look, and again when a form could not be taken. */
import type { Actor } from '../../core/access/identity.ts';
import { approvalProgress } from '../../core/approval/progress.ts';
import type { FieldError } from '../../core/errors.ts';
import { Fault } from '../../core/errors.ts';
import { questionOf } from '../../core/promotion/move.ts';
import { deployedVerifier } from '../kit/bearer.ts';
import type { Caller, HttpAnswer, HttpCall } from '../kit/http.ts';
import { environments } from '../kit/state.ts';
import { decisionPage, type GivenFields } from './decision-page.ts';
import { leadingTo, page } from './link-page.ts';
import { confirmationFor, type Visit } from './link-visit.ts';

export interface DecisionAnswer {
  visited: Visit;
  approver: Actor;
  csrf: string;
  visitor: Caller | undefined;
  cookies: string[];
  rejected?: { given: GivenFields; errors: readonly FieldError[] };
}

export async function answerWithDecisionPage(status: number, call: HttpCall<unknown>, answer: DecisionAnswer): Promise<HttpAnswer> {
  const { visited, approver, csrf, visitor, cookies, rejected } = answer;
  const { promotion, plan, token } = visited;
  const { texts, gates } = visited.request;
  const environment = await environments.get(promotion.to, promotion.artifact);
  const needsSignIn = !call.configuration.environments[promotion.to]?.linkMayDecide;
  const body = decisionPage({
    promotion,
    plan,
    texts,
    gates,
    progress: approvalProgress(plan.approvals, visited.decisions, promotion.planHash),
    decisions: visited.decisions,
    approvers: visited.approvers,
    current: environment?.current,
    approver: { name: approver.name ?? approver.email, email: approver.email },
    confirmation: confirmationFor(visited),
    token,
    csrf,
    needsSignIn,
    ...(visitor ? { visitor: { name: visitor.actor.name ?? visitor.actor.email, isApprover: visitor.actor.key === approver.key } } : {}),
    ...(rejected ? { rejected } : {}),
  });
  const heading = {
    kicker: 'Your approval is asked',
    title: questionOf(promotion),
    about: `${promotion.id} · ${promotion.tenant}`,
  };
  return page(status, heading, body, { cookies, headers: needsSignIn && !visitor ? await signInHeaders() : {} });
}

/** The form's answer leads to the sign-in page, perhaps on another origin, and browsers ask the page whether it may. */
async function signInHeaders(): Promise<Record<string, string>> {
  try {
    const { authorizationEndpoint } = await deployedVerifier().discover();
    return authorizationEndpoint === undefined ? {} : leadingTo(new URL(authorizationEndpoint).origin);
  } catch (error) {
    // The page can still be read while nobody can sign in.
    if (error instanceof Fault) return {};
    throw error;
  }
}
