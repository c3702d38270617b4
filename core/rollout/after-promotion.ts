/** Judges a promotion after its end, from the looks at its checks: when it is taken back by itself. Pure. */
import type { EnvironmentHistoryEntry, EnvironmentRecord, Occupant } from '../environment/environment.ts';

/** What the looks at one promotion have seen. */
export interface AfterLook {
  /** The promotion that is looked at. */
  requestId: string;
  lookedAt: string;
  /** Looks in a row at which its checks failed. */
  failures: number;
  /** Why it is not taken back by itself: told once, and left to people. */
  told?: string;
}

/** `unclear`: the look found out nothing of the version, as its cluster or metrics service was not reached. */
export type LookVerdict = { kind: 'healthy' } | { kind: 'failed'; reason: string } | { kind: 'unclear'; why: string };

/** One failure may be a pod that moves; three would leave people with a broken version for minutes longer. */
export const FAILURES = 2;
/** So many looks in a row failed, and something that is away has kept us from going back each time: then people are told. */
export const FAILURES_UNTIL_TOLD = 5;
/** The job comes every minute, not to the second; two looks that overlap are one. */
const APART_MS = 45_000;

export interface Watched {
  current: Occupant;
  /** What the promotion replaced. */
  previous: Occupant;
}

/** The promotion that is to be looked at now; undefined where there is none, its time is over, or somebody changes the environment. */
export function watchedPromotion(
  record: EnvironmentRecord | undefined,
  newest: EnvironmentHistoryEntry | undefined,
  watchAfterSeconds: number,
  now: Date,
): Watched | undefined {
  if (!record?.current || !record.previous || record.holder !== undefined) return undefined;
  const { current, previous } = record;
  if (newest?.requestId !== current.requestId || newest.outcome !== 'succeeded' || newest.kind !== undefined) return undefined;
  if (previous.digest === current.digest) return undefined;
  return now.getTime() < Date.parse(newest.at) + watchAfterSeconds * 1000 ? { current, previous } : undefined;
}

export function isDue(before: AfterLook | undefined, requestId: string, now: Date): boolean {
  return before?.requestId !== requestId || now.getTime() - Date.parse(before.lookedAt) >= APART_MS;
}

/** A look that found nothing out neither proves nor clears: the failures before it stand. */
export function afterLook(before: AfterLook | undefined, requestId: string, verdict: LookVerdict, now: Date): AfterLook {
  const known = before?.requestId === requestId ? before : undefined;
  const failed = known?.failures ?? 0;
  const failures = verdict.kind === 'failed' ? failed + 1 : verdict.kind === 'healthy' ? 0 : failed;
  return { requestId, lookedAt: now.toISOString(), failures, ...(known?.told === undefined ? {} : { told: known.told }) };
}
