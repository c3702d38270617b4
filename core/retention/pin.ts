/**
 * Who may delete a digest, and who may rely on it. Promotion and deletion meet on one row per artifact and digest, which each of them changes under a
 * condition: whoever comes second is told. A pin says that something relies on the digest; a deletion says that it is decided that it goes.
 */
import type { EnvironmentRecord } from '../environment/environment.ts';
import type { PromotionChange } from '../promotion/change.ts';
import { isFinal } from '../promotion/phase.ts';

/** What is written of one digest of an artifact, in all its registries. */
export interface Standing {
  /** Requests that are not over and would bring it somewhere. */
  requests: ReadonlySet<string>;
  /** Environments that run it or may go back to it. */
  environments: ReadonlySet<string>;
  deletion?: Deletion;
}

export interface Deletion {
  /** Who decided: a run of the deletion, which alone goes on with it. */
  by: string;
  /** ISO; set when it is gone from the registries. */
  closedUntil?: string;
}

/**
 * Whoever saw the digest before it went may still be on the way to pin it, a request of at most 29 s. For so long after the deletion nobody may; then
 * the digest is like any other, so that it can be published again.
 */
export const CLOSED_SECONDS = 10 * 60;

const isOver = (deletion: Deletion, now: string): boolean => deletion.closedUntil !== undefined && now >= deletion.closedUntil;

/** May somebody begin to rely on the digest? */
export function mayPin({ deletion }: Standing, now: string): boolean {
  return deletion === undefined || isOver(deletion, now);
}

/** May `by` decide that it goes? Again is allowed: a deletion that was interrupted is decided again by the same run. */
export function mayDelete({ requests, environments, deletion }: Standing, by: string, now: string): boolean {
  if (requests.size > 0 || environments.size > 0) return false;
  return deletion === undefined || isOver(deletion, now) || (deletion.by === by && deletion.closedUntil === undefined);
}

/** May the environment let go of it? Not what it runs, not what it goes back to, and nothing while a rollout is under way. */
export function mayLetGo(environment: EnvironmentRecord, digest: string): boolean {
  return environment.holder === undefined && environment.current?.digest !== digest && environment.previous?.digest !== digest;
}

/** What a change of a promotion adds to and takes from the row of one digest. Only what is added can be refused. */
export interface PinChange {
  artifact: string;
  digest: string;
  addRequest?: string;
  removeRequest?: string;
  addEnvironment?: string;
}

/**
 * The pins that belong into the transaction of a change, one entry per digest. A request pins its digest from its beginning to its end; when the
 * rollout begins that is said again, and what the environment goes back to is pinned too; what succeeds is from then on pinned by its environment. An
 * environment lets nothing go by itself: that is for whoever deletes, under the condition of `mayLetGo`.
 */
export function pinsOf({ before, after, environment }: PromotionChange): PinChange[] {
  const { artifact, digest, id } = after;
  if (environment?.kind === 'occupy')
    return [{ artifact, digest: environment.occupant.digest, addEnvironment: environment.environment, removeRequest: id }];
  if (isFinal(after.phase)) return [{ artifact, digest, removeRequest: id }];
  if (environment?.kind === 'acquire') {
    const { runs } = environment;
    const pins: PinChange[] = [{ artifact, digest, addRequest: id }];
    if (runs === digest) return [{ ...pins[0]!, addEnvironment: environment.environment }];
    return runs === undefined ? pins : [...pins, { artifact, digest: runs, addEnvironment: environment.environment }];
  }
  if (!before) return [{ artifact, digest, addRequest: id }];
  if (before.digest !== digest) {
    return [
      { artifact, digest, addRequest: id },
      { artifact, digest: before.digest, removeRequest: id },
    ];
  }
  return [];
}
