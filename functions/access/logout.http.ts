/** `POST /v1/logout`: ends the session of this browser. */
import { sessions } from '../../adapters/access/sessions.ts';
import { Refusal } from '../../core/errors.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { isFromOwnPage } from '../kit/own-page.ts';
import { clock, table } from '../kit/state.ts';
import { cookie, cookieName, SESSION_COOKIE } from './cookies.ts';

export async function logout(call: HttpCall): Promise<HttpAnswer> {
  const value = call.cookies[cookieName(call.origin, SESSION_COOKIE)];
  if (value !== undefined) {
    if (!isFromOwnPage(call.headers, call.origin)) {
      throw new Refusal('CSRF', 'signing out must come from our own pages', { hint: 'use the button on the page' });
    }
    await sessions(table, clock).close(value);
  }
  return { status: 303, headers: { location: '/console' }, cookies: [cookie(call.origin, SESSION_COOKIE, '', 0)] };
}
