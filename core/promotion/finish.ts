/** How a rollout ends: in the new version, in the old one again, or in a failure that says so. Each end releases the lock in its transaction. */
import {
  type EnvironmentHistoryEntry,
  type EnvironmentRecord,
  holderOf,
  holding,
  type Occupant,
  without,
} from '../environment/environment.ts';
import { type PromotionChange, withPhase } from './change.ts';
import { engineChange } from './engine-change.ts';
import type { Failure, Promotion } from './promotion.ts';

type Outcome = EnvironmentHistoryEntry['outcome'];

function historyOf(promotion: Promotion, at: string, outcome: Outcome, before?: Occupant, seconds?: number): EnvironmentHistoryEntry {
  const { kind, releaseVersion, digest, id } = promotion;
  return {
    version: releaseVersion,
    digest,
    requestId: id,
    at,
    outcome,
    ...(kind === 'promote' ? {} : { kind }),
    ...(before === undefined ? {} : { replaced: before.version }),
    ...(seconds === undefined ? {} : { seconds }),
  };
}

/** Seconds in which the workload was being moved, without the bakes; undefined where no step was made. */
function movingSeconds({ rollout = [] }: Promotion): number | undefined {
  if (rollout.length === 0) return undefined;
  return rollout.reduce((sum, { startedAt, endedAt }) => sum + (endedAt === undefined ? 0 : secondsBetween(startedAt, endedAt)), 0);
}

function secondsBetween(from: string, to: string): number {
  return Math.max(0, (Date.parse(to) - Date.parse(from)) / 1000);
}

/** Seed 000's history names the job that made the rollout. */
function jobOf({ job }: Promotion): { jobId?: string } {
  return job?.id === undefined ? {} : { jobId: job.id };
}

function place(promotion: Promotion) {
  return { environment: promotion.to, artifact: promotion.artifact, holder: holderOf(promotion.id, promotion.attempt) };
}

/** What the environment held of the artifact when it ended. */
type Before = Pick<EnvironmentRecord, 'current' | 'held'>;

/** The version is live and verified; it is what the environment holds from now on. After a rollback the version that it replaced is held. */
export function succeed(promotion: Promotion, at: string, { current: previous, held }: Before = {}): PromotionChange {
  const { id: requestId, releaseVersion: version, digest, kind } = promotion;
  const isRollback = kind === 'rollback';
  const rolledBack = isRollback && previous ? { version: previous.version, digest: previous.digest, requestId, at } : undefined;
  const data = { version, previous: previous?.digest ?? null };
  return engineChange(
    promotion,
    withPhase(promotion, 'succeeded', { deployedAt: at }),
    isRollback
      ? { type: 'rollback.finished', action: 'rolled_back', data: { ...data, kind } }
      : { type: 'promotion.succeeded', action: 'deployed', data, ...jobOf(promotion) },
    {
      environment: {
        kind: 'occupy',
        ...place(promotion),
        occupant: { version, digest, requestId, at },
        ...(previous ? { previous } : {}),
        history: historyOf(promotion, at, 'succeeded', previous, movingSeconds(promotion)),
        held: rolledBack ? without(holding(held, rolledBack), digest) : without(held, digest),
        ...(rolledBack ? { rolledBack } : {}),
      },
      notices: [
        isRollback
          ? { type: 'rollback.finished', data: { version, replaced: previous?.version ?? null } }
          : { type: 'promotion.succeeded', data: { version } },
      ],
    },
  );
}

/** The registries hold again what the environment was given once: what runs there is as it was. */
export function repaired(promotion: Promotion, at: string): PromotionChange {
  return engineChange(
    promotion,
    withPhase(promotion, 'succeeded', { deployedAt: at }),
    { type: 'promotion.succeeded', action: 'repaired', data: { version: promotion.releaseVersion, kind: promotion.kind } },
    {
      environment: { kind: 'release', ...place(promotion) },
      notices: [{ type: 'promotion.succeeded', data: { version: promotion.releaseVersion, kind: promotion.kind } }],
    },
  );
}

/** Something failed after the workload was touched: the way back begins. */
export function startRollback(promotion: Promotion, failure: Failure): PromotionChange {
  return engineChange(
    promotion,
    withPhase(promotion, 'rolling_back', { failure, step: promotion.step ?? 'canary' }),
    { type: 'rollback.started', action: 'rolling_back', data: { code: failure.code, step: failure.step ?? null }, error: failure.message },
    { notices: [{ type: 'rollback.started', data: { code: failure.code } }] },
  );
}

/** The environment runs what it ran before. A version of a rollback that failed is held as any other that failed. */
export function endRollback(promotion: Promotion, at: string, restored: string | null, { current, held }: Before = {}): PromotionChange {
  const rolledBack = { version: promotion.releaseVersion, digest: promotion.digest, requestId: promotion.id, at };
  // The head was last written when the way back began.
  const seconds = promotion.rollout === undefined ? undefined : secondsBetween(promotion.updatedAt, at);
  return engineChange(
    promotion,
    withPhase(promotion, 'rolled_back'),
    {
      type: 'rollback.finished',
      action: 'rolled_back',
      data: { restored },
      ...(promotion.failure ? { error: promotion.failure.message } : {}),
    },
    {
      environment: {
        kind: 'release',
        ...place(promotion),
        // Only what was put back was looked at: one that is aborted while it is copied says nothing of what runs.
        ...(promotion.rollout?.length ? { health: 'healthy' as const } : {}),
        history: historyOf(promotion, at, 'rolled_back', current, seconds),
        rolledBack,
        held: holding(held, rolledBack),
      },
      notices: [{ type: 'rollback.finished', data: { restored } }],
    },
  );
}

/** `touched`: the environment may be in a state nobody planned. `holds`: the run has the environment's lock and frees it. */
export interface FailedRun {
  touched: boolean;
  holds: boolean;
}

/** It failed. */
export function fail(promotion: Promotion, at: string, failure: Failure, { touched, holds }: FailedRun): PromotionChange {
  return engineChange(
    promotion,
    withPhase(promotion, 'failed', { failure }),
    { type: 'promotion.failed', action: 'failed', data: { code: failure.code, touched }, error: failure.message, ...jobOf(promotion) },
    {
      ...(holds
        ? {
            environment: {
              kind: 'release' as const,
              ...place(promotion),
              ...(touched ? { health: 'failed' as const } : {}),
              history: historyOf(promotion, at, 'failed'),
            },
          }
        : {}),
      notices: [{ type: 'promotion.failed', data: { code: failure.code, touched } }],
    },
  );
}
