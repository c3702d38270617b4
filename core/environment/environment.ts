/** What an environment holds of one artifact: what runs there, what ran before, and who may change it now. */

export interface Occupant {
  version: string;
  digest: string;
  /** Request that brought it, or `adopted`. */
  requestId: string;
  at: string;
}

/** A version that was taken back from an environment. */
export interface RolledBack {
  version: string;
  digest: string;
  /** Request that took it back: the promotion that failed, or the rollback. */
  requestId: string;
  at: string;
}

export interface EnvironmentRecord {
  environment: string;
  artifact: string;
  tenant: string;
  current?: Occupant;
  previous?: Occupant;
  health: 'healthy' | 'warning' | 'failed';
  /** Set after a rollback, until the next promotion: what was rolled back and when. */
  rolledBack?: RolledBack;
  /** Versions that were rolled back and have not succeeded here since, newest first: nothing but a person brings one of them here again. */
  held?: RolledBack[];
  /** Held by a run while it changes the environment. `fence` grows with every holder. */
  holder?: string;
  fence: number;
  /** Counts writes: the condition of the next one. */
  revision: number;
}

/** One interval of the environment's past. */
export interface EnvironmentHistoryEntry {
  version: string;
  digest: string;
  requestId: string;
  at: string;
  outcome: 'succeeded' | 'rolled_back' | 'failed' | 'adopted';
  /** Absent: a promotion. */
  kind?: 'rollback' | 'repair';
  /** Version that ran before. */
  replaced?: string;
  /** How long the workload was being moved, bakes not counted; absent where nothing was moved. */
  seconds?: number;
}

/** So many are remembered: who rolls back more than that has stopped promoting by automation long ago. */
const MOST_HELD = 20;

/** The versions that are held once this one is, too. */
export function holding(held: readonly RolledBack[] | undefined, version: RolledBack): RolledBack[] {
  return [version, ...without(held, version.digest)].slice(0, MOST_HELD);
}

/** The versions that are held once this digest has succeeded. */
export function without(held: readonly RolledBack[] | undefined, digest: string): RolledBack[] {
  return (held ?? []).filter((each) => each.digest !== digest);
}

/**
 * What a promotion's transaction changes of an environment row, each under its condition:
 * `acquire` needs a free row (or one that the same holder has), the others need the holder.
 */
export type EnvironmentChange =
  | {
      kind: 'acquire';
      environment: string;
      artifact: string;
      holder: string;
      fence: number;
      /** Digest that runs there: what the way back leads to. */
      runs?: string;
    }
  | {
      kind: 'release';
      environment: string;
      artifact: string;
      holder: string;
      health?: EnvironmentRecord['health'];
      history?: EnvironmentHistoryEntry;
      rolledBack?: RolledBack;
      held?: RolledBack[];
    }
  | {
      kind: 'occupy';
      environment: string;
      artifact: string;
      holder: string;
      occupant: Occupant;
      previous?: Occupant;
      history: EnvironmentHistoryEntry;
      /** What this took back; absent: a step forward, after which nothing is shown as rolled back. */
      rolledBack?: RolledBack;
      held: RolledBack[];
    };

/** Name of the holder: one run of one request. */
export function holderOf(requestId: string, attempt: number): string {
  return `${requestId}-${attempt}`;
}

/** The request whose run it is: what people can look at and abort. */
export function requestOf(holder: string): string {
  return holder.replace(/-[0-9]+$/, '');
}
