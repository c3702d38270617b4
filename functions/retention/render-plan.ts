/** The public shape of a plan of a deletion. */
import type { PlanActions } from '../../core/retention/may-apply.ts';
import type { DeletionUnit } from '../../core/retention/plan.ts';
import type { StoredPlan } from '../../core/retention/ports.ts';

const GB = 1e9;
/** The rest is in the log, artifact by artifact, once it is gone. */
const MOST_ITEMS = 1_000;

export function renderPlan(plan: StoredPlan, units: readonly DeletionUnit[], actions: PlanActions) {
  const { id, hash, status, createdAt, applyFrom, expiresAt, artifact, totals, pricePerGb, kept, warnings, unavailable, stop, result } =
    plan;
  return {
    planId: id,
    planHash: hash,
    status,
    createdAt,
    applyFrom,
    expiresAt,
    artifact: artifact ?? null,
    totals,
    savings: { currency: 'USD', monthly: Math.round((totals.bytesFreed / GB) * pricePerGb * 100) / 100, pricePerGb },
    delete: units.slice(0, MOST_ITEMS).map((unit) => ({
      artifact: unit.artifact,
      version: unit.version ?? null,
      digest: unit.digests[0]!,
      manifests: unit.digests.length,
      registries: unit.registries,
      pushedAt: unit.pushedAt,
      bytes: unit.bytes,
    })),
    keep: kept,
    keepDays: plan.keepDays,
    warnings,
    unavailable,
    stop: stop === undefined ? null : { code: 'SAFETY_STOP', message: stop },
    result: result
      ? {
          deleted: result.deleted,
          bytesFreed: result.bytesFreed,
          left: result.left,
          failed: result.failed.map(({ unit: _unit, ...each }) => each),
          before: { artifacts: totals.artifacts, bytes: totals.bytes },
          after: { artifacts: totals.artifacts - result.deleted, bytes: totals.bytes - result.bytesFreed },
          finishedAt: result.finishedAt ?? null,
        }
      : null,
    ...actions,
  };
}
