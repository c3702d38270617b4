/** `POST`, `GET` and `DELETE /v1/tokens`: the API tokens that a person makes for programs. */
import type * as z from 'zod';
import { apiTokens, positionOf } from '../../adapters/access/api-tokens.ts';
import { type ApiToken, type AskedScope, identityOfApiToken, mayManageToken, scopeWithin } from '../../core/access/api-token.ts';
import { identityKey } from '../../core/access/identity.ts';
import { holdsVerb, ownerOfKey } from '../../core/access/membership.ts';
import { VERBS, type Verb } from '../../core/access/verb.ts';
import type { Configuration } from '../../core/environment/configuration.ts';
import { Refusal } from '../../core/errors.ts';
import type { Json } from '../../core/promotion/canonical-json.ts';
import type { tokenBody, tokenQuery } from '../access/routes.ts';
import { actingOf } from '../kit/acting.ts';
import type { HttpAnswer, HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { pageOf } from '../kit/page.ts';
import { clock, people, table } from '../kit/state.ts';

const DAY_MS = 86_400_000;
const tokens = apiTokens(table, clock);

/** What the maker may not give is said before what is wrong with the body, as everywhere. */
export const createToken: TwoPhaseHandler<void, z.infer<typeof tokenBody>> = {
  async find({ body, caller, configuration }) {
    scopeWithin(caller, configuration, scopeIn(body));
  },
  async handle(call) {
    const { body, caller, configuration } = call;
    const { id, value } = tokens.mint();
    const now = clock.now().getTime();
    const scope = scopeWithin(caller, configuration, body);
    const draft = { id, name: body.name, owner: caller.actor.key, scope };
    const identity = identityOfApiToken(configuration, draft);
    if (!identity) throw new Refusal('FORBIDDEN', 'you are not one of the people here: nobody would answer for the token');
    const { id: robot } = await people.actorFor(identity);
    const dates = { createdAt: new Date(now).toISOString(), expiresAt: new Date(now + body.expiresInDays * DAY_MS).toISOString() };
    const token = await tokens.add({ ...draft, robot, ...dates }, value, actingOf(call));
    const rendered = render(token, configuration);
    const answer = { status: 201, headers: { location: `/v1/tokens/${id}` } };
    // Kept for a day with the Idempotency-Key, the value would lie in the table after all.
    return { ...answer, body: { ...rendered, token: value }, repeated: { ...answer, body: { ...rendered, token: null } } };
  },
};

export async function listTokens(call: HttpCall<unknown, z.infer<typeof tokenQuery>>): Promise<HttpAnswer> {
  const { query, caller, configuration } = call;
  const owner = query.owner === undefined ? caller.actor.key : ownerByAddress(call, query.owner);
  const listed = owner === undefined ? [] : (await tokens.ofOwner(owner)).filter((token) => mayManageToken(token, caller));
  const scope: Json = ['listTokens', owner ?? '', caller.actor.key];
  const page = await pageOf(listed, positionOf, scope, query);
  return { status: 200, body: { ...page, items: page.items.map((token) => render(token, configuration)) } };
}

export const revokeToken: TwoPhaseHandler<ApiToken> = {
  async find({ params, caller }) {
    const token = await tokens.get(params['tokenId']!);
    if (!token || !mayManageToken(token, caller)) throw notFound();
    return token;
  },
  async handle(call, token) {
    if (!(await tokens.revoke(token, actingOf(call)))) throw notFound();
    return { status: 204 };
  },
};

function notFound(): Refusal {
  return new Refusal('NOT_FOUND', 'there is no such token');
}

/** Key of the person with an address; undefined when there is none. Somebody else's tokens are for administrators. */
function ownerByAddress({ caller, configuration }: HttpCall<unknown, unknown>, address: string): string | undefined {
  const person = configuration.people.find(({ email, owner }) => owner === undefined && email.toLowerCase() === address.toLowerCase());
  const key = person && identityKey({ issuer: configuration.issuer, subject: person.subject });
  if (key !== caller.actor.key && !holdsVerb(caller.membership, 'admin'))
    throw new Refusal('FORBIDDEN', 'your roles do not include the verb "admin"', { hint: 'leave owner out for your own tokens' });
  return key;
}

/** The scope in a body that nobody has checked yet: lists of words, as far as there are any. */
function scopeIn(body: unknown): AskedScope {
  const asked = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const listOf = <Word extends string>(name: string, isWord: (word: unknown) => word is Word): Word[] | undefined => {
    const list = Object.hasOwn(asked, name) ? asked[name] : undefined;
    const found = Array.isArray(list) ? list.filter(isWord) : [];
    return found.length > 0 ? found : undefined;
  };
  return { verbs: listOf('verbs', isVerb), tenants: listOf('tenants', isText), environments: listOf('environments', isText) };
}

const isText = (word: unknown): word is string => typeof word === 'string';
const isVerb = (word: unknown): word is Verb => (VERBS as readonly unknown[]).includes(word);

function render({ id, name, prefix, owner, scope, createdAt, expiresAt }: ApiToken, configuration: Configuration) {
  return { id, name, prefix, owner: ownerOfKey(configuration, owner)?.email ?? null, scope, createdAt, expiresAt };
}
