/** Who could fulfil an approval rule of a request: members by the configuration in force and who stands in for them, without the excluded. */
import { identityKey, isSamePerson } from '../access/identity.ts';
import { type Approved, lentAuthority, ownAuthority } from './authority.ts';
import type { Decision } from './decision.ts';
import { type Approvers, isAway } from './delegation.ts';
import { exclusionOf } from './excluded.ts';
import { type ApprovalRule, fits, type Groups } from './stage.ts';

/** A person who may decide, with the key that decisions carry. */
export interface EligiblePerson {
  key: string;
  email: string;
  name: string;
  /** Said to be away: may decide, but is not asked. */
  away?: true;
  /** Address of whom the person stands in for. */
  onBehalfOf?: string;
}

type Rule = Pick<ApprovalRule, 'team' | 'role' | 'automated'>;

/** In the order of the configuration. An automated approver is no person: its rule has none. */
export function eligibleFor(rule: Rule, promotion: Approved, approvers: Approvers, decisions: readonly Decision[] = []): EligiblePerson[] {
  return eligibleForAny([rule], promotion, approvers, decisions);
}

/** Each person once, by the own authority for one of the rules where there is any. */
export function eligibleForAny(
  rules: readonly Rule[],
  promotion: Approved,
  approvers: Approvers,
  decisions: readonly Decision[],
): EligiblePerson[] {
  const fitsAny = (groups: Groups) => rules.some((rule) => fits(rule, groups));
  const { people, issuer } = approvers.configuration;
  return people.flatMap(({ subject, email, name, disabled }) => {
    if (disabled) return [];
    const key = identityKey({ issuer, subject });
    const own = ownAuthority(approvers, promotion, key);
    if (!own || exclusionOf(promotion, { key, email })) return [];
    const person = { key, email, name, ...(isAway(approvers, key) ? { away: true as const } : {}) };
    if (fitsAny(own)) return [person];
    const lent = lentAuthority(approvers, promotion, key, decisions).find(({ groups }) => fitsAny(groups));
    return lent ? [{ ...person, onBehalfOf: lent.delegation.from.email }] : [];
  });
}

/** Those of them who have not decided on the plan that stands; people who are away only when nobody else is left to fill `needed` places. */
export function undecided(
  people: readonly EligiblePerson[],
  promotion: Pick<Approved, 'planHash'>,
  decisions: readonly Decision[],
  needed = 1,
): EligiblePerson[] {
  const standing = decisions.filter((decision) => decision.planHash === promotion.planHash && !decision.withdrawn);
  const free = people.filter((person) => !standing.some(({ actor }) => isSamePerson(actor, person)));
  const present = free.filter(({ away }) => !away);
  return present.length >= needed ? present : free;
}
