/** Makes a delegation, or the note that somebody is away. Only who may approve lends that, and only to who may approve as well. */
import { type Actor, identityKey, isSamePerson } from '../access/identity.ts';
import { belongsToTenant, holdsVerb, type Membership, mayUse, membershipFrom } from '../access/membership.ts';
import { refuseRobot } from '../access/robot.ts';
import type { Configuration, PersonConfiguration } from '../environment/configuration.ts';
import { Refusal } from '../errors.ts';
import { type Delegation, type DelegationParty, isActive } from './delegation.ts';

/** Longer absences are a matter of the configuration. */
const LONGEST_DAYS = 92;
const DAY_MS = 86_400_000;
/** Clocks of clients differ by so much; a date that is this little past means now. */
const PAST_TOLERANCE_MS = 5 * 60_000;
/** Of one person that are not over. */
const MOST = 20;

export interface DelegateInput {
  id: string;
  actor: Actor;
  membership: Membership;
  configuration: Configuration;
  /** Known delegations. */
  known: readonly Delegation[];
  /** Address of the absent person; absent: who acts. Attacker-controlled, like the other members. */
  from?: string;
  /** Address of who stands in; absent: nobody does. */
  to?: string;
  since?: string;
  until: string;
  now: Date;
}

/** Refusals: HUMAN_REQUIRED, FORBIDDEN, INVALID_DATE, NOT_A_DELEGATE, LIMIT. */
export function delegate(input: DelegateInput): Delegation {
  const { actor, membership, configuration, now } = input;
  refuseRobot(actor);
  const from = absentPerson(input);
  const { since, until } = datesOf(input);
  const to = input.to === undefined ? undefined : standIn(configuration, from, input.to);
  const live = input.known.filter(
    (delegation) => delegation.from.key === from.party.key && delegation.revokedAt === undefined && delegation.until > now.toISOString(),
  );
  if (live.length >= MOST)
    throw new Refusal('LIMIT', `there are ${MOST} delegations of this person already`, { hint: 'end one of them first' });
  return {
    id: input.id,
    tenant: from.person.tenants.find((tenant) => belongsToTenant(membership, tenant)) ?? '',
    from: from.party,
    ...(to ? { to } : {}),
    since,
    until,
    createdAt: now.toISOString(),
  };
}

interface Known {
  person: PersonConfiguration;
  party: DelegationParty;
}

/** People are entered by their address here, because that is how others know them; what is stored and compared is the identity. */
function byAddress(configuration: Configuration, address: string): Known | undefined {
  const found = configuration.people.filter(
    ({ email, disabled, owner }) => !disabled && owner === undefined && email.toLowerCase() === address.toLowerCase(),
  );
  // Two people with one address: nobody can say who is meant.
  return found.length === 1 ? known(configuration, found[0]!) : undefined;
}

function known(configuration: Configuration, person: PersonConfiguration): Known {
  const { subject, email, name } = person;
  return { person, party: { key: identityKey({ issuer: configuration.issuer, subject }), email, name } };
}

/** Who is away: oneself, or somebody of the own tenant for who holds "admin" there, because people fall ill. */
function absentPerson({ actor, membership, configuration, from }: DelegateInput): Known {
  const self = configuration.people.map((person) => known(configuration, person)).find(({ party }) => party.key === actor.key);
  const person = from === undefined ? self : byAddress(configuration, from);
  const isOther = person?.party.key !== actor.key;
  const mayManage = !isOther || person?.person.tenants.some((tenant) => mayUse(membership, 'admin', tenant)) === true;
  if (isOther && !mayManage) throw new Refusal('FORBIDDEN', 'only who holds the verb "admin" there enters the absence of somebody else');
  if (!person || !holdsVerb(membershipFrom(configuration, person.person), 'approve'))
    throw new Refusal('FORBIDDEN', 'who does not approve has nothing to lend', { hint: 'roles with the verb "approve" may' });
  return person;
}

/** Somebody of a tenant that both belong to, who may approve by an own role: separation of duties is not delegated away. */
function standIn(configuration: Configuration, from: Known, address: string): DelegationParty {
  const to = byAddress(configuration, address);
  const membership = to && membershipFrom(configuration, to.person);
  const shared = from.person.tenants.filter((tenant) => membership && mayUse(membership, 'approve', tenant));
  const lenderSeesAll = membershipFrom(configuration, from.person).tenants === 'all';
  if (!to || (shared.length === 0 && !(lenderSeesAll && membership && holdsVerb(membership, 'approve')))) {
    throw new Refusal('NOT_A_DELEGATE', 'nobody of that address may stand in', {
      hint: 'name somebody of the same tenant who holds the verb "approve"',
      errors: [{ path: '/to', message: 'must be the address of somebody who may approve in the same tenant' }],
    });
  }
  if (isSamePerson(to.party, from.party))
    throw new Refusal('NOT_A_DELEGATE', 'nobody stands in for himself or herself', {
      errors: [{ path: '/to', message: 'must be somebody else' }],
    });
  return to.party;
}

function datesOf({ since, until, now }: DelegateInput): { since: string; until: string } {
  const begins = since === undefined ? now.getTime() : Date.parse(since);
  const ends = Date.parse(until);
  const wrong = (path: string, message: string) => new Refusal('INVALID_DATE', message, { errors: [{ path, message }] });
  if (begins < now.getTime() - PAST_TOLERANCE_MS) throw wrong('/since', 'must not be in the past');
  if (ends <= Math.max(begins, now.getTime())) throw wrong('/until', 'must be after its beginning');
  if (ends - begins > LONGEST_DAYS * DAY_MS) throw wrong('/until', `must be at most ${LONGEST_DAYS} days after its beginning`);
  return { since: new Date(Math.max(begins, now.getTime())).toISOString(), until: new Date(ends).toISOString() };
}

/** Who sees a delegation: both sides, and who holds "admin" in its tenant. */
export function maySeeDelegation(delegation: Delegation, actor: Pick<Actor, 'key'>, membership: Membership): boolean {
  return delegation.from.key === actor.key || delegation.to?.key === actor.key || mayUse(membership, 'admin', delegation.tenant);
}

/** Refusals: NOT_FOUND (not to be seen), HUMAN_REQUIRED, FORBIDDEN (who stands in cannot end it), STATE_CONFLICT (over). */
export function refuseRevoking(
  delegation: Delegation | undefined,
  actor: Actor,
  membership: Membership,
  now: string,
): asserts delegation is Delegation {
  if (!delegation || !maySeeDelegation(delegation, actor, membership)) throw new Refusal('NOT_FOUND', 'there is no such delegation');
  refuseRobot(actor);
  if (delegation.from.key !== actor.key && !mayUse(membership, 'admin', delegation.tenant))
    throw new Refusal('FORBIDDEN', 'only who is away, or who holds the verb "admin", ends it');
  if (!isActive(delegation, now) && delegation.since <= now) throw new Refusal('STATE_CONFLICT', 'this delegation is over');
}
