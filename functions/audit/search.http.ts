/** `GET /v1/audit`: who did what, where and when, out of the sealed log. */
import type * as z from 'zod';
import { kmsMacs } from '../../adapters/access/macs.ts';
import { whoIs } from '../../adapters/access/who-is.ts';
import { mayReadEntry } from '../../core/access/audit-reach.ts';
import { identityKey } from '../../core/access/identity.ts';
import { type LogEntry, summaryOf } from '../../core/audit/log-entry.ts';
import type { Configuration } from '../../core/environment/configuration.ts';
import { Refusal } from '../../core/errors.ts';
import { cursors } from '../kit/cursor.ts';
import type { HttpAnswer, HttpCall } from '../kit/http.ts';
import { clock, table } from '../kit/state.ts';
import { index, signedHead, tenantsFor } from './audit-world.ts';
import type { auditQuery } from './routes.ts';

const DEFAULT_LIMIT = 25;
/** Entries that one answer looks at while it searches for those that the caller may read. */
const MOST_READ = 1_000;
const pages = cursors(kmsMacs(), clock);
const who = whoIs(table);
type Query = z.infer<typeof auditQuery>;

export async function searchAudit(call: HttpCall<unknown, Query>): Promise<HttpAnswer> {
  const { query, caller, configuration } = call;
  const { limit = DEFAULT_LIMIT, cursor, ...filters } = query;
  if (query.from !== undefined && query.to !== undefined && Date.parse(query.from) > Date.parse(query.to)) {
    throw new Refusal('INVALID_REQUEST', 'the time ends before it begins', {
      errors: [{ path: '/to', message: 'must not be before "from"' }],
    });
  }
  const scope = ['searchAudit', caller.actor.key, JSON.stringify(Object.entries(filters).sort())];
  let after = cursor === undefined ? undefined : await pages.read(scope, cursor);
  await signedHead();
  const tenants = (await tenantsFor(caller.membership)).filter((tenant) => query.tenant === undefined || tenant === query.tenant);
  const actors = query.user === undefined ? [undefined] : await pseudonymsOf(query.user, configuration);
  const found: LogEntry[] = [];
  let rest = true;
  for (let looked = 0; looked < MOST_READ && found.length < limit && rest; ) {
    const page = await readPage(tenants, actors, query, Math.min(100, limit), after);
    let taken = 0;
    for (const entry of page.entries) {
      if (found.length === limit) break;
      taken += 1;
      after = positionOf(entry);
      if (mayReadEntry(caller.membership, 'audit.read', entry)) found.push(entry);
    }
    looked += Math.max(1, taken);
    rest = page.more || taken < page.entries.length;
  }
  const items = await renderEntries(found);
  return { status: 200, body: { items, ...(!rest || after === undefined ? {} : { nextCursor: await pages.write(scope, after) }) } };
}

/** The newest of all partitions that the search is spread over; they are few. */
async function readPage(tenants: readonly string[], actors: readonly (string | undefined)[], query: Query, limit: number, after?: string) {
  if (query.request !== undefined) return readRequest(query.request, tenants, actors, query, limit, after);
  const { artifact, environment, type } = query;
  const wanted = Object.entries({ artifact, environment, type, ...timesOf(query), after }).filter(([, value]) => value !== undefined);
  const pages = await Promise.all(
    tenants.flatMap((tenant) =>
      actors.map((actor) => index.search({ tenant, limit, ...Object.fromEntries(wanted), ...(actor === undefined ? {} : { actor }) })),
    ),
  );
  const entries = pages.flatMap((page) => page.entries).sort((left, right) => (positionOf(left) < positionOf(right) ? 1 : -1));
  return { entries: entries.slice(0, limit), more: entries.length > limit || pages.some(({ more }) => more !== undefined) };
}

/** The events of one request, which are few: they are read whole. */
async function readRequest(
  rid: string,
  tenants: readonly string[],
  actors: readonly (string | undefined)[],
  query: Query,
  limit: number,
  after?: string,
) {
  const { artifact, environment, type } = query;
  const { from = '', to = '9' } = timesOf(query);
  const entries = (await index.eventsOf(rid))
    .filter((entry) => tenants.includes(entry.tenant) && actors.some((actor) => actor === undefined || actor === entry.actor.id))
    .filter((entry) => (artifact ?? entry.artifact) === entry.artifact && (environment ?? entry.to) === entry.to)
    .filter((entry) => (type ?? entry.type) === entry.type && entry.ts >= from && entry.ts <= to)
    .filter((entry) => after === undefined || positionOf(entry) < after)
    .sort((left, right) => (positionOf(left) < positionOf(right) ? 1 : -1));
  return { entries: entries.slice(0, limit), more: entries.length > limit };
}

/** Times are compared as they are written in the log: UTC, with milliseconds. */
function timesOf({ from, to }: Query): { from?: string; to?: string } {
  return {
    ...(from === undefined ? {} : { from: new Date(from).toISOString() }),
    ...(to === undefined ? {} : { to: new Date(to).toISOString() }),
  };
}

/** Pseudonyms of who has this address in the configuration, or the pseudonym itself. `user` is attacker-controlled. */
async function pseudonymsOf(user: string, { people: configured, issuer }: Configuration): Promise<string[]> {
  const holders = configured.filter(({ email }) => email.toLowerCase() === user.toLowerCase());
  if (holders.length === 0) return [user];
  const ids = await Promise.all(holders.map(({ subject }) => who.pseudonymOf(identityKey({ issuer, subject }))));
  return ids.filter((id): id is string => id !== undefined);
}

function positionOf({ ts, index: at }: LogEntry): string {
  return `${ts}#${String(at).padStart(16, '0')}`;
}

/** Entries with who is behind their pseudonyms, as far as the directory still knows. */
async function renderEntries(entries: readonly LogEntry[]) {
  const ids = [...new Set(entries.map(({ actor }) => actor.id))];
  const known = new Map(await Promise.all(ids.map(async (id) => [id, await who.personBehind(id)] as const)));
  return entries.map((entry) => {
    const { index: at, id, type, ts, tenant, rid, actor, artifact, digest, from, to, plan, data } = entry;
    const person = known.get(actor.id);
    return {
      index: at,
      id,
      type,
      at: ts,
      tenant,
      requestId: rid,
      actor: { id: actor.id, email: person?.email ?? null, name: person?.name ?? null, auth: actor.auth, channel: actor.channel },
      artifact,
      digest,
      from,
      environment: to,
      planHash: plan,
      summary: summaryOf(entry),
      data,
    };
  });
}
