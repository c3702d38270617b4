/** Cursors of lists: bound to what was listed, for whom, and when, by a MAC. Anything that does not fit is one and the same refusal. */
import type { Macs } from '../../adapters/access/macs.ts';
import { Refusal } from '../../core/errors.ts';
import { contentHash, type Json } from '../../core/promotion/canonical-json.ts';
import type { Clock } from '../../core/promotion/ports.ts';

const VALID_SECONDS = 24 * 3600;
const SHAPE = /^([A-Za-z0-9_-]{8,1800})\.([A-Za-z0-9_-]{43})$/;

export interface Cursors {
  /** `scope` is everything that decides which items there are: operation, environment, tenants, filters. */
  write(scope: Json, after: string): Promise<string>;
  /** Position in the list. Refusal BAD_CURSOR. `cursor` is attacker-controlled. */
  read(scope: Json, cursor: string): Promise<string>;
}

export function cursors(macs: Macs, clock: Clock): Cursors {
  return {
    async write(scope, after) {
      const payload = Buffer.from(JSON.stringify([1, contentHash(scope), clock.now().getTime(), after])).toString('base64url');
      const mac = await macs.generate('cursor-v1', payload);
      return `${payload}.${mac.toString('base64url')}`;
    },
    async read(scope, cursor) {
      const [, payload, mac] = SHAPE.exec(cursor) ?? [];
      if (payload === undefined || mac === undefined) throw bad();
      const bytes = Buffer.from(mac, 'base64url');
      // The last character has spare bits: only the one spelling passes.
      if (bytes.toString('base64url') !== mac || !(await macs.verify('cursor-v1', payload, bytes))) throw bad();
      const [version, hash, at, after] = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as [number, string, number, string];
      const age = clock.now().getTime() - at;
      if (version !== 1 || hash !== contentHash(scope) || age > VALID_SECONDS * 1000) throw bad();
      return after;
    },
  };
}

function bad(): Refusal {
  return new Refusal('BAD_CURSOR', 'this cursor does not belong to this list, or is too old', { hint: 'start again without a cursor' });
}
