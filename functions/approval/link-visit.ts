/** A visit by a mailed link: who it was sent to, what it asks, and whether it still counts. Shared by showing, deciding and revoking. */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { kmsMacs } from '../../adapters/access/macs.ts';
import { verifyToken } from '../../adapters/approval/link-keys.ts';
import { type LinkRow, linkRows } from '../../adapters/approval/link-rows.ts';
import { raiseAlert } from '../../adapters/notification/system-alerts.ts';
import { type Actor, identityKey } from '../../core/access/identity.ts';
import { type Membership, membershipOfKey } from '../../core/access/membership.ts';
import { badLink, type LinkClaims } from '../../core/approval/link-token.ts';
import { alertOf } from '../../core/approval/suspicion.ts';
import type { Configuration } from '../../core/environment/configuration.ts';
import { Refusal } from '../../core/errors.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { isFromOwnPage } from '../kit/own-page.ts';
import { countFailure } from '../kit/sign-in-limit.ts';
import { clock, people, promotions, table } from '../kit/state.ts';
import { page, refusalPage } from './link-page.ts';

export const links = linkRows(table);
const macs = kmsMacs();

export interface Visit {
  token: string;
  claims: LinkClaims;
  row: LinkRow;
}

/** Checks token, dates and row. Refusals: BAD_LINK, LINK_EXPIRED, LINK_USED (revoked), TOO_MANY_REQUESTS. */
export async function visit(call: HttpCall, token: string | undefined): Promise<Visit> {
  let claims: LinkClaims;
  try {
    claims = await verifyToken(token ?? '', call.origin);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'BAD_LINK')
      await countFailure(table, clock, 'link', call.sourceIp, () => reportGuessing(call.sourceIp));
    throw error;
  }
  const row = await links.get(claims.id);
  if (!row || row.requestId !== claims.requestId || row.approver !== claims.approver || row.planHash !== claims.planHash) throw badLink();
  const now = clock.now();
  if (now.toISOString() >= row.expiresAt || now.getTime() >= claims.expiresAt * 1000) {
    throw new Refusal('LINK_EXPIRED', 'the time of this link is over', { hint: 'sign in and decide there, if the request is still open' });
  }
  if (row.state === 'revoked') throw new Refusal('LINK_USED', 'this link was revoked', { hint: 'sign in and decide there' });
  return { token: token!, claims, row };
}

/** The address stands in the mail to people only, never in the log. */
function reportGuessing(source: string): Promise<void> {
  const event = { type: 'link.guessing' as const, data: { signal: 'link_guessing' } };
  return raiseAlert(table, clock.now(), event, alertOf('link_guessing', { source }));
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
  if (!person)
    throw new Refusal('NOT_AN_APPROVER', 'the person this link was sent to may no longer approve', {
      hint: 'the request needs another approver',
    });
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

export async function requestOf(claims: LinkClaims): Promise<Promotion> {
  const promotion = await promotions.head(claims.requestId);
  if (!promotion) throw badLink();
  return promotion;
}

/** Prefixed over TLS, so that no neighbour of our domain can set it. */
const cookieName = (origin: string): string => (origin.startsWith('https:') ? '__Host-link' : 'link');

/** A form value that only this page view can have: MAC over the link and a nonce that the page's cookie holds. */
export async function csrfFor(call: HttpCall, claims: LinkClaims): Promise<{ csrf: string; cookies: string[] }> {
  const nonce = randomBytes(16).toString('hex');
  const csrf = (await macs.generate('csrf', `${claims.id} ${nonce}`)).toString('base64url');
  const secure = call.origin.startsWith('https:') ? '; Secure' : '';
  return { csrf, cookies: [`${cookieName(call.origin)}=${nonce}; Path=/; HttpOnly; SameSite=Strict; Max-Age=3600${secure}`] };
}

/** Refusal CSRF unless the form came from our page in this browser. Both values are attacker-controlled. */
export async function requireCsrf(call: HttpCall, claims: LinkClaims, given: string | undefined): Promise<void> {
  const nonce = call.cookies[cookieName(call.origin)];
  const refusal = new Refusal('CSRF', 'this form did not come from the page of the link', { hint: 'open the link again and use its form' });
  if (nonce === undefined || given === undefined || !/^[0-9a-f]{32}$/.test(nonce)) throw refusal;
  const expected = await macs.generate('csrf', `${claims.id} ${nonce}`);
  const actual = Buffer.from(given, 'base64url');
  if (actual.length !== expected.length || !timingSafeEqual(actual, expected)) throw refusal;
}

/** A form of another site must not decide. Browsers say where a form comes from; who says nothing is refused. */
export function requireOwnOrigin(call: HttpCall): void {
  if (isFromOwnPage(call.headers, call.origin)) return;
  throw new Refusal('CSRF', 'this form did not come from our own page', { hint: 'open the link from the mail and use its form' });
}

/** People get a page, programs the problem: `Accept` says who asks. */
export async function asPage(call: HttpCall, serve: () => Promise<HttpAnswer>): Promise<HttpAnswer> {
  try {
    return await serve();
  } catch (error) {
    if (!(error instanceof Refusal) || !call.headers['accept']?.includes('text/html')) throw error;
    const headers = error.retryAfter === undefined ? {} : { 'retry-after': String(error.retryAfter) };
    return page(error.status, 'This cannot be done', refusalPage(error.code, error.message, error.hint), { headers });
  }
}
