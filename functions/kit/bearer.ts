/** Whose a bearer token is: an API token of ours, a token that a build system signed for a job, or one of the issuer of people. */
import { findApiToken } from '../../adapters/access/find-api-token.ts';
import { claimedIssuer, type TokenVerifier, tokenVerifier } from '../../adapters/access/token-verifier.ts';
import { requiredVariable } from '../../adapters/state/table.ts';
import { API_TOKEN_PREFIX, identityOfApiToken, membershipOfApiToken } from '../../core/access/api-token.ts';
import { ciPrincipalOf, identityOfCi, membershipOfCi } from '../../core/access/ci-principal.ts';
import { type Identity, identityKey } from '../../core/access/identity.ts';
import { membershipOf, NOBODY, ownerOf } from '../../core/access/membership.ts';
import type { Configuration } from '../../core/environment/configuration.ts';
import type { Caller } from './http.ts';
import { clock, people, table } from './state.ts';

/** One verifier per issuer and instance, so that its keys are fetched once. */
const verifiers = new Map<string, TokenVerifier>();

function verifierOf(issuer: string, audiences: readonly string[]): TokenVerifier {
  const key = JSON.stringify([issuer, audiences]);
  const verifier = verifiers.get(key) ?? tokenVerifier(issuer, audiences);
  verifiers.set(key, verifier);
  return verifier;
}

/** Verifier of this deployment's issuer of people. */
export function deployedVerifier(): TokenVerifier {
  return verifierOf(requiredVariable('OIDC_ISSUER'), [requiredVariable('OIDC_AUDIENCE')]);
}

/** The caller; undefined for a token that does not hold. `token` is attacker-controlled. Fault UNAVAILABLE when its issuer is away. */
export async function callerOfBearer(token: string, config: Configuration): Promise<Caller | undefined> {
  if (token.startsWith(API_TOKEN_PREFIX)) return callerOfApiToken(token, config);
  const issuer = claimedIssuer(token);
  if (issuer !== undefined && issuer !== config.issuer && config.ci.some((entry) => entry.issuer === issuer)) {
    return callerOfJob(token, issuer, config);
  }
  const identity = await identityOfToken(token, config);
  return identity && callerOf(identity, config);
}

/** A person, or a machine with an account at the issuer of people. */
export async function callerOf(identity: Identity, config: Configuration): Promise<Caller> {
  const isOrphan = identity.kind === 'robot' && identity.owner === undefined;
  return {
    identity,
    actor: await people.actorFor(identity),
    // A machine that nobody answers for may do nothing.
    membership: isOrphan ? NOBODY : membershipOf(config, identity),
  };
}

/** Identity behind a token of the issuer of people. Address and name come from the configuration first: many access tokens carry neither. */
export async function identityOfToken(token: string, config: Configuration): Promise<Identity | undefined> {
  const verified = await deployedVerifier().verifyAccess(token);
  if (!verified) return undefined;
  const person = config.people.find((candidate) => candidate.subject === verified.subject);
  const owner = person?.owner === undefined ? undefined : ownerOf(config, person.owner);
  return {
    issuer: config.issuer,
    subject: verified.subject,
    email: person?.email ?? verified.email ?? '',
    name: person?.name ?? verified.name ?? '',
    kind: verified.isMachine || person?.owner !== undefined ? 'robot' : 'person',
    auth: 'oidc',
    ...(owner ? { owner } : {}),
  };
}

async function callerOfApiToken(value: string, config: Configuration): Promise<Caller | undefined> {
  const token = await findApiToken(table, clock, value);
  const identity = token && identityOfApiToken(config, token);
  if (!identity) return undefined;
  const { email, name, kind, owner } = identity;
  const actor = { id: token.robot, key: identityKey(identity), email, name, kind, ...(owner ? { owner } : {}) };
  return { identity, actor, membership: membershipOfApiToken(config, token) };
}

async function callerOfJob(token: string, issuer: string, config: Configuration): Promise<Caller | undefined> {
  const entries = config.ci.filter((entry) => entry.issuer === issuer);
  const audiences = [...new Set(entries.map(({ audience }) => audience))].sort();
  const claims = await verifierOf(issuer, audiences).verifyJob(token);
  const entry = claims && ciPrincipalOf(entries, issuer, claims);
  const identity = entry && identityOfCi(config, entry, claims.sub);
  return identity && { identity, actor: await people.actorFor(identity), membership: membershipOfCi(config, entry) };
}
