/** What is watched of an environment between promotions: whether it runs what was promoted, and whether there is a way back. Judged here, from facts. */
import type { EnvironmentHistoryEntry, EnvironmentRecord } from './environment.ts';

/** What runs against what was promoted. `unknown`: it could not be read, or somebody changes it just now. */
export type Drift =
  | { status: 'none' }
  | { status: 'drifted'; expected: string; running: string[]; since: string }
  | { status: 'unknown'; why: string };

/** One registry's answer about one digest: `undefined` problems mean that it has all of it, signed where a gate demands that. */
export interface RegistryProof {
  registry: string;
  problem?: string;
}

/** One version that somebody may have to go back to. */
export interface WayBack {
  /** `current`: restored by the next promotion that fails. `previous`: what a rollback on request goes to. */
  purpose: 'current' | 'previous';
  version: string;
  digest: string;
  ready: boolean;
  problems: string[];
}

export interface Watch {
  checkedAt: string;
  drift: Drift;
  /** Empty where nothing was ever promoted. */
  waysBack: WayBack[];
  /** How long the last way back took, in seconds; absent: none was measured yet. */
  lastSeconds?: number;
}

/** What is worth a person's attention now and was not before. */
export interface WatchAlert {
  signal: 'drift' | 'rollback_not_ready';
  reason: string;
}

/** `running` are the distinct digests of what serves; `canary` the pods of a canary that no promotion owns. */
export function driftOf(
  expected: string,
  { running, canary }: { running: readonly string[]; canary: number },
  before: Drift | undefined,
  at: string,
): Drift {
  const others = running.filter((digest) => digest !== expected);
  if (others.length === 0 && canary === 0) return { status: 'none' };
  const seen = [...running].sort();
  const isSame = before?.status === 'drifted' && before.expected === expected && before.running.join() === seen.join();
  return { status: 'drifted', expected, running: seen, since: isSame ? before.since : at };
}

/**
 * The versions to keep restorable: what runs, and the newest other one that succeeded (or was adopted) there and was not rolled back since.
 * `history` is newest first.
 */
export function versionsToKeep(
  record: Pick<EnvironmentRecord, 'current' | 'rolledBack'> & { held?: { digest: string }[] },
  history: readonly EnvironmentHistoryEntry[],
): Pick<WayBack, 'purpose' | 'version' | 'digest'>[] {
  const { current } = record;
  if (!current) return [];
  const bad = new Set([...(record.held ?? []), ...(record.rolledBack ? [record.rolledBack] : [])].map(({ digest }) => digest));
  const previous = history.find(
    ({ digest, outcome }) => (outcome === 'succeeded' || outcome === 'adopted') && digest !== current.digest && !bad.has(digest),
  );
  return [
    { purpose: 'current', version: current.version, digest: current.digest },
    ...(previous ? [{ purpose: 'previous' as const, version: previous.version, digest: previous.digest }] : []),
  ];
}

/** `refused`: why nobody may ask for that version, whole as it may be. */
export function wayBackOf(
  version: Pick<WayBack, 'purpose' | 'version' | 'digest'>,
  proofs: readonly RegistryProof[],
  refused?: string,
): WayBack {
  const lost = proofs.flatMap(({ registry, problem }) => (problem === undefined ? [] : [`registry ${registry}: ${problem}`]));
  const problems = refused === undefined ? lost : [...lost, refused];
  return { ...version, ready: problems.length === 0, problems };
}

/** Each state is told once, when it begins. */
export function alertsOf(before: Watch | undefined, after: Watch, where: string): WatchAlert[] {
  const alerts: WatchAlert[] = [];
  const { drift } = after;
  if (drift.status === 'drifted' && !(before?.drift.status === 'drifted' && before.drift.since === drift.since)) {
    alerts.push({ signal: 'drift', reason: `${where} does not run what was promoted there` });
  }
  for (const way of after.waysBack) {
    const was = before?.waysBack.find(({ purpose, digest }) => purpose === way.purpose && digest === way.digest);
    if (way.ready || was?.ready === false) continue;
    alerts.push({ signal: 'rollback_not_ready', reason: `${where} could not go back to ${way.version}: ${way.problems[0]}` });
  }
  return alerts;
}

/** Warnings for a plan that would rely on a way back which is not proven. */
export function wayBackWarnings(watch: Watch | undefined, environment: string): string[] {
  if (!watch) return [];
  const notReady = watch.waysBack.filter(({ ready, purpose }) => !ready && purpose === 'current');
  return [
    ...notReady.map(
      ({ version, problems }) => `${environment} could not be restored to ${version} if this promotion failed: ${problems.join('; ')}`,
    ),
    ...(watch.drift.status === 'drifted' ? [`${environment} does not run what was promoted there (since ${watch.drift.since})`] : []),
  ];
}
