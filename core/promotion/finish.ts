/** How a rollout ends: in the new version, in the old one again, or in a failure that says so. Each end releases the lock in its transaction. */
import { type EnvironmentHistoryEntry, holderOf, type Occupant } from '../environment/environment.ts';
import { type PromotionChange, withPhase } from './change.ts';
import { engineChange } from './engine-change.ts';
import type { Failure, Promotion } from './promotion.ts';

function historyOf(promotion: Promotion, at: string, outcome: EnvironmentHistoryEntry['outcome']): EnvironmentHistoryEntry {
  return { version: promotion.releaseVersion, digest: promotion.digest, requestId: promotion.id, at, outcome };
}

function place(promotion: Promotion) {
  return { environment: promotion.to, artifact: promotion.artifact, holder: holderOf(promotion.id, promotion.attempt) };
}

/** The version is live and verified; it is what the environment holds from now on. */
export function succeed(promotion: Promotion, at: string, previous: Occupant | undefined): PromotionChange {
  const occupant: Occupant = { version: promotion.releaseVersion, digest: promotion.digest, requestId: promotion.id, at };
  return engineChange(
    promotion,
    withPhase(promotion, 'succeeded', { deployedAt: at }),
    { type: 'promotion.succeeded', action: 'deployed', data: { version: promotion.releaseVersion, previous: previous?.digest ?? null } },
    {
      environment: {
        kind: 'occupy',
        ...place(promotion),
        occupant,
        ...(previous ? { previous } : {}),
        history: historyOf(promotion, at, 'succeeded'),
      },
      notices: [{ type: 'promotion.succeeded', data: { version: promotion.releaseVersion } }],
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

/** The environment runs what it ran before. */
export function endRollback(promotion: Promotion, at: string, restored: string | null): PromotionChange {
  const rolledBack = { version: promotion.releaseVersion, digest: promotion.digest, requestId: promotion.id, at };
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
        health: 'healthy',
        history: historyOf(promotion, at, 'rolled_back'),
        rolledBack,
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
    { type: 'promotion.failed', action: 'failed', data: { code: failure.code, touched }, error: failure.message },
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
