/** Which earlier version an environment may return to: any that succeeded or was adopted there, found in its whole past. */
import { type EnvironmentHistoryEntry, type EnvironmentRecord, type Occupant, requestOf } from '../environment/environment.ts';
import { Refusal } from '../errors.ts';
import { withoutEnvironment } from '../registry/version.ts';

/** So many versions are named to somebody who asked for one that never ran there. */
const MOST_NAMED = 8;

export interface TargetFacts {
  environment: string;
  /** Undefined where nothing was ever recorded. */
  record: EnvironmentRecord | undefined;
  /** Newest first, everything. */
  past: readonly EnvironmentHistoryEntry[];
  /** Version or digest that the caller wants back. Attacker-controlled; only compared. */
  to: string;
  /** Version that the caller believes to run; absent: whatever runs. */
  from?: string | undefined;
  /** Names of all environments: a suffix that equals one of them is no part of a version. */
  environments: readonly string[];
}

export interface RollbackTarget {
  current: Occupant;
  target: EnvironmentHistoryEntry;
}

/** Refusals NOTHING_TO_ROLL_BACK, ENV_LOCKED, STATE_CONFLICT, EVIDENCE_MISMATCH. */
export function rollbackTarget(facts: TargetFacts): RollbackTarget {
  const { environment, record, past, to, from, environments } = facts;
  const current = record?.current;
  const good = past.filter(hasRun);
  const others = good.filter(({ digest }) => digest !== current?.digest);
  if (!current)
    throw new Refusal('NOTHING_TO_ROLL_BACK', `nothing was promoted to ${environment} yet`, { hint: 'there is nothing to return from' });
  if (record.holder !== undefined)
    throw new Refusal('ENV_LOCKED', `${environment} is being changed by ${requestOf(record.holder)} now`, {
      hint: 'wait until it is over, or abort it: an aborted rollout restores what ran before',
    });
  if (from !== undefined && !isVersion(from, current, environments))
    throw new Refusal('STATE_CONFLICT', `${environment} runs ${current.version}, not ${from}`, {
      hint: `name what runs now, ${current.version}, or leave it out`,
    });
  if (isVersion(to, current, environments))
    throw new Refusal('STATE_CONFLICT', `${environment} runs ${current.version} already`, {
      hint: others.length > 0 ? `other versions that ran there: ${names(others)}` : 'no other version ever ran there',
    });
  if (others.length === 0)
    throw new Refusal('NOTHING_TO_ROLL_BACK', `no version but ${current.version} ever ran in ${environment}`, {
      hint: 'promote a version that corrects it instead',
    });
  // The spelling as it was promoted first; then with or without a leading v, or an environment suffix.
  const target =
    others.find(({ version, digest }) => version === to || digest === to) ?? others.find((entry) => isVersion(to, entry, environments));
  if (!target)
    throw new Refusal('EVIDENCE_MISMATCH', `${to} never succeeded in ${environment}`, {
      hint: `versions that did: ${names(others)}; any other version has to be promoted`,
    });
  return { current, target };
}

/** It was live there and verified, or ran there before we came. */
export function hasRun({ outcome }: EnvironmentHistoryEntry): boolean {
  return outcome === 'succeeded' || outcome === 'adopted';
}

function isVersion(asked: string, { version, digest }: Pick<Occupant, 'version' | 'digest'>, environments: readonly string[]): boolean {
  const plain = (text: string) => withoutEnvironment(text, environments).replace(/^v(?=[0-9])/, '');
  return asked === digest || plain(asked) === plain(version);
}

function names(entries: readonly EnvironmentHistoryEntry[]): string {
  const versions = [...new Set(entries.map(({ version }) => version))];
  const more = versions.length - MOST_NAMED;
  return versions.slice(0, MOST_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/**
 * Versions whose changes are undone: those that came to the environment for the first time after the target had. Going back to a version that is
 * newer than what runs undoes nothing. Newest first, each digest once.
 */
export function undoneVersions(past: readonly EnvironmentHistoryEntry[], target: Pick<Occupant, 'digest'>): EnvironmentHistoryEntry[] {
  const firstTimes = new Map<string, EnvironmentHistoryEntry>();
  for (const entry of past.filter(hasRun)) firstTimes.set(entry.digest, entry);
  const since = firstTimes.get(target.digest)?.at ?? '';
  return [...firstTimes.values()]
    .filter(({ at, digest }) => at > since && digest !== target.digest)
    .sort((left, right) => (left.at < right.at ? 1 : -1));
}
