/** What the environment rules need of the world. */
import type { EnvironmentHistoryEntry, EnvironmentRecord, Occupant } from './environment.ts';

export interface EnvironmentStore {
  get(environment: string, artifact: string): Promise<EnvironmentRecord | undefined>;
  /** Newest first; without a limit everything that ever happened there. */
  history(environment: string, artifact: string, limit?: number): Promise<EnvironmentHistoryEntry[]>;
  /** How this digest came to the environment, if it ever succeeded there. */
  evidence(environment: string, artifact: string, digest: string): Promise<Occupant | undefined>;
  /** Registers a request that waits for the environment's lock. */
  wait(environment: string, artifact: string, requestId: string, attempt: number): Promise<void>;
  /** Wakes the requests that wait for the lock. */
  wakeWaiters(environment: string, artifact: string): Promise<void>;
  /** Records what already runs there unrecorded, with its audit event. False when a record exists. */
  adopt(environment: string, artifact: string, tenant: string, occupant: Occupant): Promise<boolean>;
}
