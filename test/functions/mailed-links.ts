/** Links as `deliver` mails them, and the forms behind them as a browser sends them, over the HTTP functions. */
import { randomBytes } from 'node:crypto';
import { issueToken } from '../../adapters/approval/link-keys.ts';
import { linkRows } from '../../adapters/approval/link-rows.ts';
import { identityKey } from '../../core/access/identity.ts';
import { confirmationOf } from '../../core/approval/confirmation.ts';
import type { LinkRow } from '../../core/approval/link-standing.ts';
import type { LinkClaims } from '../../core/approval/link-token.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { type Answer, type CallOptions, ORIGIN, type World } from './world.ts';

export const LINK = '/v1/approvals/link';

export interface MailedLink {
  t: string;
  claims: Omit<LinkClaims, 'kid'>;
  /** What the page of this plan asks to type. */
  confirm: string;
}

export const keyOf = (world: World, subject: string): string => identityKey({ issuer: world.issuer, subject });

/** A link for a person; `claims` and `row` change what the token says and what is stored. */
export async function mailLink(
  world: World,
  id: string,
  subject: string,
  more: { claims?: Partial<LinkClaims>; row?: Partial<LinkRow> | null } = {},
): Promise<MailedLink> {
  const promotion = (await world.state.promotions.head(id)) as Promotion;
  const claims = {
    audience: ORIGIN,
    id: randomBytes(16).toString('hex'),
    requestId: id,
    approver: keyOf(world, subject),
    planHash: promotion.planHash,
    issuedAt: Math.floor(Date.now() / 1000),
    expiresAt: Math.floor(Date.parse(promotion.expiresAt) / 1000),
    ...more.claims,
  };
  if (more.row !== null) {
    const { requestId, approver, planHash } = claims;
    await linkRows(world.state.table).issue({ id: claims.id, requestId, approver, planHash, expiresAt: promotion.expiresAt, ...more.row });
  }
  return { t: await issueToken(claims), claims, confirm: confirmationOf(promotion.to, promotion.digest) };
}

export interface OpenForm {
  link: MailedLink;
  csrf: string;
  cookies: string[];
  page: Answer;
}

export async function openForm(world: World, link: MailedLink, options: CallOptions = {}): Promise<OpenForm> {
  const page = await world.call('GET', `${LINK}?t=${link.t}`, { ...options, headers: { accept: 'text/html', ...options.headers } });
  const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
  return { link, csrf, cookies: page.cookies.map((each) => each.split(';')[0]!), page };
}

/** Fields that replace or, when undefined, remove the form's. */
export type Fields = Record<string, string | undefined>;

/** Sends the form as an approver who agrees; problems come as JSON unless `accept` says otherwise. */
export function sendForm(
  world: World,
  { link, csrf, cookies }: Pick<OpenForm, 'link' | 'csrf' | 'cookies'>,
  { fields = {}, path = LINK, ...options }: CallOptions & { fields?: Fields; path?: string } = {},
): Promise<Answer> {
  const all: Fields = { t: link.t, csrf, decision: 'approve', confirm: link.confirm, comment: '', ...fields };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: ORIGIN, accept: 'application/json', ...options.headers };
  const body = new URLSearchParams(given).toString();
  return world.call('POST', path, { cookies, ...options, body: options.body ?? body, headers });
}
