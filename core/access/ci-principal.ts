/** Robots of build systems: which entry of the configuration the claims of a job's token fit, and what the job may do by it. */
import type { CiPrincipalConfiguration, Configuration } from '../environment/configuration.ts';
import type { Identity } from './identity.ts';
import { asRobot, type Membership, membershipFrom, NOBODY, ownerOf } from './membership.ts';

/** Claims of a token whose signature, issuer, audience and dates were checked. */
export type CiClaims = Readonly<Record<string, unknown>>;

/**
 * The entry that a token fits: of several the one that names the most claims. Undefined when none fits, or when two fit equally well, which the
 * configuration check refuses; it can still happen by a token for two audiences.
 */
export function ciPrincipalOf(
  entries: readonly CiPrincipalConfiguration[],
  issuer: string,
  claims: CiClaims,
): CiPrincipalConfiguration | undefined {
  const fitting = entries
    .filter((entry) => entry.issuer === issuer && fits(entry, claims))
    .sort((left, right) => claimsOf(right) - claimsOf(left));
  const [best, next] = fitting;
  return best && next && claimsOf(best) === claimsOf(next) ? undefined : best;
}

const claimsOf = ({ claims }: CiPrincipalConfiguration): number => Object.keys(claims).length;

function fits({ audience, claims: wanted }: CiPrincipalConfiguration, claims: CiClaims): boolean {
  const isForUs = [claims['aud']].flat().includes(audience);
  return isForUs && Object.entries(wanted).every(([name, allowed]) => Object.hasOwn(claims, name) && isOneOf(claims[name], allowed));
}

/** Exactly one value is compared: a list or an object in its place fits nothing. */
function isOneOf(value: unknown, allowed: readonly string[]): boolean {
  return (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') && allowed.includes(String(value));
}

/** Who acts by a token of the entry; undefined when its owner has left. `subject` is what the build system calls the job. */
export function identityOfCi(configuration: Configuration, entry: CiPrincipalConfiguration, subject: string): Identity | undefined {
  const owner = ownerOf(configuration, entry.owner);
  if (!owner) return undefined;
  return { issuer: entry.issuer, subject, email: `ci:${entry.name}`, name: entry.name, kind: 'robot', auth: 'oidc', owner };
}

/** What the entry gives; nothing once its owner has left. */
export function membershipOfCi(configuration: Configuration, entry: CiPrincipalConfiguration): Membership {
  return ownerOf(configuration, entry.owner) ? asRobot(membershipFrom(configuration, { ...entry, teams: [] })) : NOBODY;
}

/**
 * Whether a token could fit two entries without one of them being the narrower. Of two that overlap, one must name every claim of the other and more:
 * then it is plain which one is meant.
 */
export function areAmbiguous(one: CiPrincipalConfiguration, other: CiPrincipalConfiguration): boolean {
  if (one.issuer !== other.issuer || one.audience !== other.audience) return false;
  const shared = Object.keys(one.claims).filter((name) => Object.hasOwn(other.claims, name));
  const overlap = shared.every((name) => one.claims[name]!.some((value) => other.claims[name]!.includes(value)));
  const fewest = Math.min(claimsOf(one), claimsOf(other));
  return overlap && !(shared.length === fewest && claimsOf(one) !== claimsOf(other));
}
