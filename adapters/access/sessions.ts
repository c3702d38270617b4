/** Signed-in browsers. The cookie holds a random value; the table holds its hash, so that a copy of the table signs nobody in. */
import { randomBytes } from 'node:crypto';
import type { Identity } from '../../core/access/identity.ts';
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import { sessionKey } from '../state/keys.ts';
import type { Table } from '../state/table.ts';

/** A working day. */
export const SESSION_SECONDS = 8 * 3600;
const SORT = 'SESSION';
const COOKIE_VALUE = /^[A-Za-z0-9_-]{43}$/;

export interface Sessions {
  /** Value for the cookie: 256 random bits. */
  open(identity: Identity): Promise<string>;
  /** Who the cookie stands for; undefined when it is unknown or over. `value` is attacker-controlled. */
  find(value: string): Promise<Identity | undefined>;
  close(value: string): Promise<void>;
}

export function sessions(table: Table, clock: Clock): Sessions {
  const keyOf = (value: string) => sessionKey(sha256Hex(`session\n${value}`));
  return {
    async open(identity) {
      const value = randomBytes(32).toString('base64url');
      const expires = clock.now().getTime() + SESSION_SECONDS * 1000;
      const body = { ...identity, auth: 'session' };
      await table.put(
        { PK: keyOf(value), SK: SORT, body, expiresAt: new Date(expires).toISOString(), ttl: Math.ceil(expires / 1000) },
        { expression: 'attribute_not_exists(PK)' },
      );
      return value;
    },
    async find(value) {
      if (!COOKIE_VALUE.test(value)) return undefined;
      const item = await table.get(keyOf(value), SORT);
      // TTL deletes late: the date is always compared.
      if (!item || (item['expiresAt'] as string) <= clock.now().toISOString()) return undefined;
      return item['body'] as Identity;
    },
    async close(value) {
      if (COOKIE_VALUE.test(value)) await table.remove(keyOf(value), SORT);
    },
  };
}
