/** API tokens in DynamoDB: made, listed by their owner, and revoked. Every other function only finds them (find-api-token.ts). */
import { randomBytes } from 'node:crypto';
import { API_TOKEN_PREFIX, type ApiToken, MOST_TOKENS, SHOWN_CHARACTERS, tenantOfToken } from '../../core/access/api-token.ts';
import { Refusal } from '../../core/errors.ts';
import { sha256Hex } from '../../core/promotion/canonical-json.ts';
import type { Acting } from '../../core/promotion/create.ts';
import { type Clock, changing } from '../../core/promotion/ports.ts';
import { outboxWrite } from '../audit/outbox.ts';
import { apiTokenKey, apiTokensKey } from '../state/keys.ts';
import { type Table, type Write, WriteConflict } from '../state/table.ts';
import { API_TOKEN_SORT, isLive } from './find-api-token.ts';

const OWNER = 'OWNER';
const LIST = 'LIST';
/** Ids begin so, and nothing else in an owner's partition. */
const ID_PREFIX = 'at-';
const ID = /^at-[0-9a-f]{16}$/;

export interface ApiTokens {
  /** Id and value of a token to be: the value is 256 random bits and is given out once. */
  mint(): { id: string; value: string };
  /** Keeps the hash of the value. Refusal LIMIT when the owner has too many. */
  add(token: Omit<ApiToken, 'prefix'>, value: string, acting: Acting): Promise<ApiToken>;
  /** The live token of that id. `id` is attacker-controlled. */
  get(id: string): Promise<ApiToken | undefined>;
  /** Live tokens of an owner (identity key), newest first. */
  ofOwner(key: string): Promise<ApiToken[]>;
  /** Ends it now. False when it is gone already. */
  revoke(token: ApiToken, acting: Acting): Promise<boolean>;
}

export function apiTokens(table: Table, clock: Clock): ApiTokens {
  const rowsOf = (key: string) => table.all({ pk: apiTokensKey(key), prefix: ID_PREFIX });
  return {
    mint: () => ({
      id: `${ID_PREFIX}${randomBytes(8).toString('hex')}`,
      value: `${API_TOKEN_PREFIX}${randomBytes(32).toString('base64url')}`,
    }),
    add(draft, value, acting) {
      const token: ApiToken = { ...draft, prefix: value.slice(0, SHOWN_CHARACTERS) };
      const { id, owner, expiresAt, robot, scope } = token;
      const ttl = Math.ceil(Date.parse(expiresAt) / 1000);
      const hash = sha256Hex(value);
      const isNew = { expression: 'attribute_not_exists(PK)' };
      return changing(
        async () => ({ list: await table.get(apiTokensKey(owner), LIST), rows: await rowsOf(owner) }),
        async ({ list, rows }) => {
          if (rows.filter(({ body }) => isLive(body as ApiToken, clock)).length >= MOST_TOKENS)
            throw new Refusal('LIMIT', `you have ${MOST_TOKENS} live tokens already`, { hint: 'revoke one of them first' });
          const event = outboxWrite({
            ...eventOf(token, clock),
            seq: 1,
            prev: '',
            event: {
              type: 'token.created',
              ...acting,
              data: { robot, verbs: [...scope.verbs], tenants: listed(scope.tenants), environments: listed(scope.environments), expiresAt },
            },
          });
          await table.transact([
            { put: { PK: apiTokenKey(hash), SK: API_TOKEN_SORT, ttl, body: token }, condition: isNew },
            { put: { PK: apiTokensKey(owner), SK: id, ttl, hash, lastLine: event.lastLine, body: token }, condition: isNew },
            { put: { PK: apiTokensKey(id), SK: OWNER, ttl, owner }, condition: isNew },
            nextVersion(owner, list?.['version'] as number | undefined),
            event.write,
          ]);
          return token;
        },
      );
    },
    async get(id) {
      if (!ID.test(id)) return undefined;
      const owner = (await table.get(apiTokensKey(id), OWNER))?.['owner'] as string | undefined;
      const token = owner === undefined ? undefined : ((await table.get(apiTokensKey(owner), id))?.['body'] as ApiToken | undefined);
      return token && isLive(token, clock) ? token : undefined;
    },
    async ofOwner(key) {
      const tokens = (await rowsOf(key)).map(({ body }) => body as ApiToken).filter((token) => isLive(token, clock));
      return tokens.sort((left, right) => (positionOf(left) < positionOf(right) ? 1 : -1));
    },
    async revoke(token, acting) {
      const { id, owner, robot } = token;
      const row = await table.get(apiTokensKey(owner), id);
      if (!row) return false;
      const prev = row['lastLine'] as string;
      const event = outboxWrite({ ...eventOf(token, clock), seq: 2, prev, event: { type: 'token.revoked', ...acting, data: { robot } } });
      const isThere = { expression: 'attribute_exists(PK)' };
      try {
        await table.transact([
          { remove: { pk: apiTokenKey(row['hash'] as string), sk: API_TOKEN_SORT }, condition: isThere },
          { remove: { pk: apiTokensKey(owner), sk: id }, condition: isThere },
          { remove: { pk: apiTokensKey(id), sk: OWNER } },
          event.write,
        ]);
        return true;
      } catch (error) {
        if (error instanceof WriteConflict) return false;
        throw error;
      }
    },
  };
}

/** Where a token stands in the list of its owner. */
export function positionOf({ createdAt, id }: ApiToken): string {
  return `${createdAt}#${id}`;
}

/** Two tokens of one owner at once: the second counts again. */
function nextVersion(owner: string, before: number | undefined): Write {
  return {
    put: { PK: apiTokensKey(owner), SK: LIST, version: (before ?? 0) + 1 },
    condition:
      before === undefined
        ? { expression: 'attribute_not_exists(PK)' }
        : { expression: '#version = :before', names: { '#version': 'version' }, values: { ':before': before } },
  };
}

function eventOf(token: ApiToken, clock: Clock) {
  return { rid: `sys:token:${token.id}`, tenant: tenantOfToken(token), at: clock.now() };
}

/** Null is "all", which the log spells as a word. */
function listed(names: readonly string[] | null): string[] {
  return names ? [...names] : ['*'];
}
