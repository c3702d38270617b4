/** A visit by a mailed link: who it was sent to, what it asks, and whether it still counts. Shared by showing, deciding and taking back. */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { kmsMacs } from '../../adapters/access/macs.ts';
import { verifyToken } from '../../adapters/approval/link-keys.ts';
import { linkRows } from '../../adapters/approval/link-rows.ts';
import { raiseAlert } from '../../adapters/notification/system-alerts.ts';
import { type Actor, identityKey } from '../../core/access/identity.ts';
import { type Membership, membershipOfKey } from '../../core/access/membership.ts';
import { confirmationOf } from '../../core/approval/confirmation.ts';
import type { Decision } from '../../core/approval/decision.ts';
import type { Approvers } from '../../core/approval/delegation.ts';
import type { LinkFacts, LinkRow } from '../../core/approval/link-standing.ts';
import { badLink, type LinkClaims } from '../../core/approval/link-token.ts';
import { alertOf } from '../../core/approval/suspicion.ts';
import type { Configuration } from '../../core/environment/configuration.ts';
import { Refusal } from '../../core/errors.ts';
import { type Html, html } from '../../core/notification/html.ts';
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import type { Plan } from '../../core/promotion/plan.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { identify } from '../kit/authenticate.ts';
import type { Caller, HttpAnswer, HttpCall } from '../kit/http.ts';
import { isFromOwnPage } from '../kit/own-page.ts';
import { countFailure } from '../kit/sign-in-limit.ts';
import { clock, configuration, people, promotions, table } from '../kit/state.ts';
import { type KnownRequest, known } from '../promotion/find-request.ts';
import { linkTo, refusalPage } from './link-page.ts';

export const links = linkRows(table);
const macs = kmsMacs();

export interface Visit extends LinkFacts {
  token: string;
  row: LinkRow;
  promotion: Promotion;
  decisions: Decision[];
  /** All that are stored. */
  given: Decision[];
  approvers: Approvers;
  /** The plan that the link names, which need not be the one that stands. */
  plan: Plan;
  /** The whole request, for what follows from the visit. */
  request: KnownRequest;
}

/** Checks the token, then reads what it is about. Nothing is read for a token that is not ours. Refusals: BAD_LINK, TOO_MANY_REQUESTS. */
export async function visit(call: HttpCall, token: string | undefined): Promise<Visit> {
  let claims: LinkClaims;
  try {
    claims = await verifyToken(token ?? '', call.origin);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'BAD_LINK')
      await countFailure(table, clock, 'link', call.sourceIp, () => reportGuessing(call.sourceIp));
    throw error;
  }
  const { id, requestId, approver, planHash } = claims;
  const [row, aggregate, present] = await Promise.all([links.get(id), promotions.aggregate(requestId), configuration()]);
  call.configuration = present;
  if (!row || row.requestId !== requestId || row.approver !== approver || row.planHash !== planHash || !aggregate) throw badLink();
  const { promotion } = aggregate;
  const [request, plan] = await Promise.all([
    known(aggregate),
    promotion.planHash === planHash ? aggregate.plan : promotions.plan(requestId, planHash),
  ]);
  if (!plan) throw badLink();
  const { decisions, given, approvers } = request;
  return { token: token!, claims, row, promotion, decisions, given, plan, approvers, request, now: clock.now() };
}

/** The address stands in the mail to people only, never in the log. */
function reportGuessing(source: string): Promise<void> {
  const event = { type: 'link.guessing' as const, data: { signal: 'link_guessing' } };
  return raiseAlert(table, clock.now(), event, alertOf('link_guessing', { source }));
}

/** What a person types who has read the page: it names the plan of the link, also when another one stands by now. */
export function confirmationFor({ plan }: Visit): string {
  return confirmationOf(plan.to, plan.digest);
}

export interface Approver {
  actor: Actor;
  membership: Membership;
}

/** The person the link was sent to, as the configuration knows them now. Refusal: NOT_AN_APPROVER. */
export async function approverOf(configuration: Configuration, key: string): Promise<Approver> {
  const { issuer } = configuration;
  const person = configuration.people.find(
    (candidate) => !candidate.disabled && identityKey({ issuer, subject: candidate.subject }) === key,
  );
  if (!person) throw notAnApprover();
  const actor = await people.actorFor({
    issuer,
    subject: person.subject,
    email: person.email,
    name: person.name,
    kind: 'person',
    auth: 'email-link',
  });
  return { actor, membership: membershipOfKey(configuration, key) };
}

export function notAnApprover(): Refusal {
  return new Refusal('NOT_AN_APPROVER', 'the person this link was sent to may no longer approve', {
    hint: 'the request needs another approver',
  });
}

/** Who is signed in in this browser. A session that is over counts as none; who writes with a bearer token that does not hold is refused. */
export async function signedIn(call: HttpCall, method: 'GET' | 'POST'): Promise<Caller | undefined> {
  const { headers, cookies, sourceIp } = call;
  try {
    return await identify({ headers, cookies, sourceIp, method });
  } catch (error) {
    const isWrongToken = method === 'POST' && headers['authorization'] !== undefined;
    if (error instanceof Refusal && !isWrongToken) return undefined;
    throw error;
  }
}

/** Prefixed over TLS, so that no neighbour of our domain can set it. One for each link: a second one that is opened breaks no form of the first. */
function nonceCookie(origin: string, { id }: LinkClaims): string {
  return `${origin.startsWith('https:') ? '__Host-' : ''}link-${id.slice(0, 8)}`;
}

/** The nonce that this browser holds for the link. Attacker-controlled. */
function nonceOf(call: HttpCall, claims: LinkClaims): string | undefined {
  const nonce = call.cookies[nonceCookie(call.origin, claims)];
  return nonce !== undefined && /^[0-9a-f]{32}$/.test(nonce) ? nonce : undefined;
}

function csrfMac(claims: LinkClaims, nonce: string): Promise<Buffer> {
  return macs.generate('csrf', `${claims.id} ${nonce}`);
}

/** A form value that only a page in this browser can have: MAC over the link and a nonce that the browser's cookie holds. */
export async function csrfFor(call: HttpCall, claims: LinkClaims): Promise<{ csrf: string; cookies: string[] }> {
  const nonce = nonceOf(call, claims) ?? randomBytes(16).toString('hex');
  const csrf = (await csrfMac(claims, nonce)).toString('base64url');
  const secure = call.origin.startsWith('https:') ? '; Secure' : '';
  return { csrf, cookies: [`${nonceCookie(call.origin, claims)}=${nonce}; Path=/; HttpOnly; SameSite=Strict; Max-Age=3600${secure}`] };
}

/** Whether the form came from our page in this browser. Both values are attacker-controlled. */
export async function isOwnForm(call: HttpCall, claims: LinkClaims, given: string | undefined): Promise<boolean> {
  const nonce = nonceOf(call, claims);
  if (nonce === undefined || given === undefined) return false;
  const expected = await csrfMac(claims, nonce);
  const actual = Buffer.from(given, 'base64url');
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

/** Refusal CSRF, with the way to a form that works. */
export function refuseStaleForm(call: HttpCall, token: string): HttpAnswer {
  const refusal = new Refusal('CSRF', 'this form did not come from the page of the link, or it was open for more than an hour', {
    hint: 'open the link again and use its form',
  });
  return refused(call, refusal, linkTo(`/v1/approvals/link?t=${token}`, 'Open the link again'));
}

/** A person decided in this browser: what scanners and other readers of the mail cannot say of theirs. */
export function isBrowserOf(call: HttpCall, { row, claims }: Visit): boolean {
  const nonce = nonceOf(call, claims);
  return nonce !== undefined && row.browser === sha256Hex(nonce);
}

/** Call after a decision in this browser. */
export async function rememberBrowser(call: HttpCall, claims: LinkClaims): Promise<void> {
  const nonce = nonceOf(call, claims);
  if (nonce !== undefined) await links.remember(claims.id, sha256Hex(nonce));
}

/** A form of another site must not decide. Browsers say where a form comes from; who says nothing is refused. */
export function requireOwnOrigin(call: Pick<HttpCall, 'headers' | 'origin'>): void {
  if (isFromOwnPage(call.headers, call.origin)) return;
  throw new Refusal('CSRF', 'this form did not come from our own page', { hint: 'open the link from the mail and use its form' });
}

/** The same before the form is read at all; people get it later, as a page. */
export async function refuseForeignForm(call: Pick<HttpCall, 'headers' | 'origin'>): Promise<void> {
  if (!wantsPage(call)) requireOwnOrigin(call);
}

/** People get a page, programs the problem: `Accept` says who asks. */
export function wantsPage(call: Pick<HttpCall, 'headers'>): boolean {
  return call.headers['accept']?.includes('text/html') ?? false;
}

/** The refusal in the form that the caller reads, for people with what else there is to say. */
export function refused(call: Pick<HttpCall, 'headers'>, refusal: Refusal, more: Html = html``, cookies?: string[]): HttpAnswer {
  if (!wantsPage(call)) throw refusal;
  const headers = { ...refusal.headers, ...(refusal.retryAfter === undefined ? {} : { 'retry-after': String(refusal.retryAfter) }) };
  return refusalPage(refusal.status, refusal, more, { headers, ...(cookies ? { cookies } : {}) });
}

export async function asPage(call: Pick<HttpCall, 'headers'>, serve: () => Promise<HttpAnswer>): Promise<HttpAnswer> {
  try {
    return await serve();
  } catch (error) {
    if (error instanceof Refusal) return refused(call, error);
    throw error;
  }
}
