/** Versions of the configuration after the deployed one: who proposed what, what it changes, and who else has to agree. */
import { type Actor, isSamePerson } from '../access/identity.ts';
import { holdsVerb, type Membership } from '../access/membership.ts';
import { Refusal } from '../errors.ts';
import { canonicalJson, type Json } from '../promotion/canonical-json.ts';
import type { Configuration } from './configuration.ts';

export interface ConfigurationVersion {
  /** Hash of its meaning: two files that mean the same are one version. */
  hash: string;
  /** The version that it was compared with; it can take the place of no other. */
  base: string;
  proposedBy: Actor;
  proposedAt: string;
  reason: string;
  /** Whether somebody else has to agree, because it says what holds for production. */
  needsReview: boolean;
  difference: Difference[];
  warnings: string[];
  approvedBy?: Actor;
  /** Since when it has been in force, or was. */
  inForceSince?: string;
}

/** One value that differs; null where it is absent. */
export interface Difference {
  path: string;
  before: Json;
  after: Json;
}

/** More than somebody reads; what is left out is counted in the last line. */
const MOST_DIFFERENCES = 200;

/** Every value that differs, by its path. Lists of named things are compared by name, so that one more person is one line. */
export function differenceOf(before: Configuration, after: Configuration): Difference[] {
  const left = leavesOf(meaningOf(before));
  const right = leavesOf(meaningOf(after));
  const paths = [...new Set([...left.keys(), ...right.keys()])].sort();
  const all = paths.flatMap((path): Difference[] => {
    const [one, other] = [left.get(path) ?? null, right.get(path) ?? null];
    return canonicalJson(one) === canonicalJson(other) ? [] : [{ path, before: one, after: other }];
  });
  if (all.length <= MOST_DIFFERENCES) return all;
  return [...all.slice(0, MOST_DIFFERENCES), { path: '…', before: null, after: `${all.length - MOST_DIFFERENCES} more` }];
}

/** The issuer comes with the deployment. */
function meaningOf({ hash: _hash, issuer: _issuer, ...meaning }: Configuration): Json {
  return meaning as unknown as Json;
}

const NAMES = ['subject', 'name', 'product'] as const;

function leavesOf(value: Json, path = '', leaves = new Map<string, Json>()): Map<string, Json> {
  if (value === null || typeof value !== 'object') leaves.set(path, value);
  else if (!Array.isArray(value)) {
    for (const [key, member] of Object.entries(value)) leavesOf(member as Json, path === '' ? key : `${path}.${key}`, leaves);
  } else {
    const names = value.map((item) => nameOf(item as Json));
    const isNamed = value.length > 0 && names.every((name, index) => name !== undefined && names.indexOf(name) === index);
    if (isNamed) for (const [index, item] of value.entries()) leavesOf(item as Json, `${path}[${names[index]}]`, leaves);
    else leaves.set(path, value);
  }
  return leaves;
}

function nameOf(item: Json): string | undefined {
  if (item === null || typeof item !== 'object' || Array.isArray(item)) return undefined;
  const members = item as Readonly<Record<string, Json | undefined>>;
  const name = NAMES.map((key) => members[key]).find((value) => typeof value === 'string');
  return typeof name === 'string' ? name : undefined;
}

/**
 * Whether it changes anything that holds for production: its environments before and after, what they are built from (gates, roles, teams, people,
 * artifacts, the path), and everything that is not plainly harmless. Only other environments, consumers and notifications are left to one person.
 */
export function needsReview(before: Configuration, after: Configuration): boolean {
  return canonicalJson(grave(before, after)) !== canonicalJson(grave(after, before));
}

function grave(configuration: Configuration, other: Configuration): Json {
  const { environments, consumers: _consumers, notifications: _notifications, ...rest } = configuration;
  const isGrave = (name: string) => [configuration, other].some((each) => each.environments[name]?.tier === 'production');
  return {
    rest: meaningOf(rest as Configuration),
    environments: Object.fromEntries(Object.entries(environments).filter(([name]) => isGrave(name))),
  } as unknown as Json;
}

/** What functions may reach follows from the deployed file: a version that names other places would name places that they cannot reach. Refusal POLICY_FLOOR. */
export function refuseUndeployed(deployed: Configuration, next: Configuration): void {
  for (const part of ['registries', 'clusters'] as const) {
    if (canonicalJson(deployed[part] as unknown as Json) === canonicalJson(next[part] as unknown as Json)) continue;
    throw new Refusal('POLICY_FLOOR', `${part} are part of the deployment: the functions have rights at those only`, {
      hint: 'change greenlight.yaml in the repository and deploy it',
    });
  }
}

export interface ConfigurationReviewer {
  actor: Actor;
  membership: Membership;
}

/** Refusals: FORBIDDEN, SELF_APPROVAL. */
export function refuseConfigurationReviewer({ proposedBy }: ConfigurationVersion, { actor, membership }: ConfigurationReviewer): void {
  if (!holdsVerb(membership, 'policy.edit')) throw new Refusal('FORBIDDEN', 'your roles do not include the verb "policy.edit"');
  const proposers = [proposedBy, ...(proposedBy.owner ? [proposedBy.owner] : [])];
  if (proposers.some((proposer) => isSamePerson(proposer, actor)))
    throw new Refusal('SELF_APPROVAL', 'somebody else than who proposed it has to agree to it', {
      hint: 'ask another person who holds the verb "policy.edit"',
    });
}

/** The version as it comes into force. Refusals: STATE_CONFLICT, PLAN_STALE. */
export function approveVersion(version: ConfigurationVersion, by: Actor, current: string, at: string): ConfigurationVersion {
  if (version.hash === current) throw new Refusal('STATE_CONFLICT', 'this version is in force already');
  if (version.base !== current)
    throw new Refusal('PLAN_STALE', 'another version has come into force since this one was proposed: its difference is not what it was', {
      hint: 'propose it again, and look at what it changes now',
    });
  return { ...version, approvedBy: by, inForceSince: at };
}
