/** How an HTTP caller acts, in the words of the rules. */
import type { Channel } from '../../core/access/identity.ts';
import type { Acting } from '../../core/promotion/create.ts';
import type { HttpCall } from './http.ts';

/** Clients that say what they are. */
const CLIENTS: Readonly<Record<string, Channel>> = { cli: 'cli', console: 'console' };

/** The client's own word for itself colours the channel only; it carries no authority. */
export function actingOf(call: Pick<HttpCall, 'caller' | 'headers'>): Acting {
  const { actor, identity } = call.caller;
  const named = call.headers['x-greenlight-client'] ?? '';
  return { actor, auth: identity.auth, channel: Object.hasOwn(CLIENTS, named) ? CLIENTS[named]! : 'rest' };
}
