/** The look-up behind every call with an API token: by the hash of its value, so that a copy of the table acts for nobody. */
import { API_TOKEN, type ApiToken } from '../../core/access/api-token.ts';
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import { apiTokenKey } from '../state/keys.ts';
import type { Table } from '../state/table.ts';

export const API_TOKEN_SORT = 'TOKEN';

/** The live token of that value, by one strongly consistent read. `value` is attacker-controlled. */
export async function findApiToken(table: Table, clock: Clock, value: string): Promise<ApiToken | undefined> {
  if (!API_TOKEN.test(value)) return undefined;
  // Nothing compares the value itself, so no time tells how much of a guess is right.
  const token = (await table.get(apiTokenKey(sha256Hex(value)), API_TOKEN_SORT))?.['body'] as ApiToken | undefined;
  return token && isLive(token, clock) ? token : undefined;
}

/** TTL deletes late: the date is always compared. */
export function isLive({ expiresAt }: ApiToken, clock: Clock): boolean {
  return expiresAt > clock.now().toISOString();
}
