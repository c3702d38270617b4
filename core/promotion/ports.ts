/** What the promotion rules need of the world. */
import type { Decision } from '../approval/decision.ts';
import type { GateResult } from '../gate/gate.ts';
import type { PromotionAggregate } from './aggregate.ts';
import type { PromotionChange } from './change.ts';
import type { Phase } from './phase.ts';
import type { Plan } from './plan.ts';
import type { HistoryEntry, Promotion, PromotionTexts } from './promotion.ts';

/** Time as a port: the virtual clock locally, the wall clock in AWS. */
export interface Clock {
  now(): Date;
}

/** Somebody else changed the request (or its environment row) since it was read: read again and decide again. */
export class VersionConflict extends Error {
  override readonly name = 'VersionConflict';
}

export interface PromotionQuery {
  environment: string;
  tenants: readonly string[];
  phases?: readonly Phase[];
  /** Identity key of the requester, or of whom the requester acts for. */
  requesterKey?: string;
  requesterEmail?: string;
  artifact?: string;
  limit: number;
  /** Position after the last item of the page before, opaque to everybody but the store. */
  after?: string;
}

/** What has become of a request, as far as counts need it. */
export interface Outcome extends Pick<Promotion, 'phase' | 'approvedAt' | 'rejectedAt' | 'deployedAt'> {
  /** Identity key of the requester, or of whom the requester acts for. */
  requesterKey: string;
}

/** `since`: ISO. */
export type OutcomeQuery = Pick<PromotionQuery, 'environment' | 'tenants'> & { since: string };

/** Requests that are not over, over all environments. */
export type OpenQuery = Pick<PromotionQuery, 'tenants' | 'limit' | 'after'>;

export interface PromotionPage {
  items: Promotion[];
  after?: string;
}

export interface PromotionStore {
  /** Head by strongly consistent read. */
  head(id: string): Promise<Promotion | undefined>;
  /** The whole request by one strongly consistent read, so that its parts fit together. */
  aggregate(id: string): Promise<PromotionAggregate | undefined>;
  texts(id: string): Promise<PromotionTexts | undefined>;
  plan(id: string, planHash: string): Promise<Plan | undefined>;
  gates(id: string, attempt: number): Promise<GateResult[]>;
  history(id: string): Promise<HistoryEntry[]>;
  decisions(id: string): Promise<Decision[]>;
  list(query: PromotionQuery): Promise<PromotionPage>;
  /** Requests that are not over, newest first, whatever their environment. */
  listOpen(query: OpenQuery): Promise<PromotionPage>;
  /** Of every request that was approved, rejected or deployed since a time (ISO): its cost grows with them alone, not with all that ever was. */
  outcomes(query: OutcomeQuery): Promise<Outcome[]>;
  /** Has this approver approved a request of this requester lately? Identity keys. */
  hasApproved(approver: string, requester: string): Promise<boolean>;
  /**
   * Writes the change, its event and what follows from it in one transaction; answers the head as stored. Throws VersionConflict, and the refusal
   * ARTIFACT_DELETING when it would rely on a digest whose deletion is decided.
   */
  commit(change: PromotionChange): Promise<Promotion>;
  /** Next human id of the year, e.g. `PR-2026-0001`. Gaps are allowed; it is never authority. */
  nextId(year: number): Promise<string>;
}

/** Reads, decides by a pure rule and commits; when somebody was faster it reads again. `attempts` bounds the contention. */
export async function changing<Facts, Result>(
  read: () => Promise<Facts>,
  act: (facts: Facts) => Promise<Result>,
  attempts = 12,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act(await read());
    } catch (error) {
      if (!(error instanceof VersionConflict) || attempt >= attempts) throw error;
      // Back off with full jitter, 5 ms to 160 ms: a dozen approvers at once settle within a second.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(160, 5 * 2 ** attempt)));
    }
  }
}
