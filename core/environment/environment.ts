/** What an environment holds of one artifact: what runs there, what ran before, and who may change it now. */

export interface Occupant {
  version: string;
  digest: string;
  /** Request that brought it, or `adopted`. */
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
  /** Set after a rollback: what was rolled back and when. */
  rolledBack?: { version: string; digest: string; requestId: string; at: string };
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
}

/**
 * What a promotion's transaction changes of an environment row, each under its condition:
 * `acquire` needs a free row (or one that the same holder has), the others need the holder.
 */
export type EnvironmentChange =
  | { kind: 'acquire'; environment: string; artifact: string; holder: string; fence: number }
  | {
      kind: 'release';
      environment: string;
      artifact: string;
      holder: string;
      health?: EnvironmentRecord['health'];
      history?: EnvironmentHistoryEntry;
      rolledBack?: EnvironmentRecord['rolledBack'];
    }
  | {
      kind: 'occupy';
      environment: string;
      artifact: string;
      holder: string;
      occupant: Occupant;
      previous?: Occupant;
      history: EnvironmentHistoryEntry;
    };

/** Name of the holder: one run of one request. */
export function holderOf(requestId: string, attempt: number): string {
  return `${requestId}-${attempt}`;
}
