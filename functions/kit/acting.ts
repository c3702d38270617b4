/** How an HTTP caller acts, in the words of the rules. */
import type { Acting } from '../../core/promotion/create.ts';
import type { HttpCall } from './http.ts';

/** The client's own word for itself colours the channel only; it carries no authority. */
export function actingOf(call: Pick<HttpCall, 'caller' | 'headers'>): Acting {
  const { actor, identity } = call.caller;
  return { actor, auth: identity.auth, channel: call.headers['x-greenlight-client'] === 'cli' ? 'cli' : 'rest' };
}
