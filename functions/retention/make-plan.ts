/** Makes a plan of a deletion and stores it: reading only, but for the plan itself. */
import type { Acting } from '../../core/promotion/create.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import type { RetentionConfiguration } from '../../core/retention/configuration.ts';
import { inventoryOf } from '../../core/retention/inventory.ts';
import { planOf, retentionHash } from '../../core/retention/plan.ts';
import type { PinStore, PlanStore, StoredPlan } from '../../core/retention/ports.ts';
import { newPlanId } from './plan-id.ts';
import { type InventoryWorld, readInventory, type Scope } from './read-inventory.ts';

export interface RetentionWorld extends InventoryWorld {
  plans: PlanStore;
  pins: PinStore;
  clock: Clock;
}

/** A plan may be applied so long after its grace time; then it is too old to rely on. */
const VALID_SECONDS = 7 * 86_400;

/** Where nothing is configured nothing goes. */
const NOTHING: RetentionConfiguration = {
  ...{ keepLast: 0, keepDays: 0, protectedTags: ['*'], keepRollbacks: 1, legalHolds: [], schedule: 'never' },
  ...{ graceSeconds: 0, maxDeletePercent: 100, pricePerGb: 0 },
};

export async function makePlan(world: RetentionWorld, scope: Scope, acting: Acting, id = newPlanId()): Promise<StoredPlan> {
  const { configuration, clock, pins } = world;
  const policy = configuration.retention ?? NOTHING;
  const artifacts = await readInventory(world, scope);
  const now = clock.now();
  const inventory = inventoryOf(artifacts, policy, configuration.path);
  const plan = planOf(inventory, policy, now);
  // Whoever relies on one of them by now says so on its row; what is decided then counts, this is for who reads the plan.
  const units = [];
  for (const unit of plan.units) {
    const standings = await Promise.all(unit.digests.map((digest) => pins.standing(unit.artifact, digest)));
    if (standings.every(({ requests }) => requests.size === 0)) units.push(unit);
  }
  const taken = plan.units.length - units.length;
  const applyFrom = now.getTime() + policy.graceSeconds * 1000;
  return world.plans.add(
    {
      id,
      hash: retentionHash(units, policy),
      status: 'planned',
      createdAt: now.toISOString(),
      createdBy: acting.actor.key,
      applyFrom: new Date(applyFrom).toISOString(),
      expiresAt: new Date(applyFrom + VALID_SECONDS * 1000).toISOString(),
      tenants: [...scope.tenants],
      ...(scope.artifact === undefined ? {} : { artifact: scope.artifact }),
      totals: { ...plan.totals, delete: units.length, keep: plan.totals.keep + taken },
      pricePerGb: policy.pricePerGb,
      keepDays: policy.keepDays,
      kept: plan.kept.slice(0, 200),
      warnings: [
        ...(configuration.retention ? [] : ['artifacts.retention is not configured: nothing is ever deleted']),
        ...(taken > 0 ? [`${taken} artifacts are pinned by requests`] : []),
        ...plan.warnings,
      ].slice(0, 50),
      unavailable: artifacts.flatMap(({ artifact, unavailable }) => (unavailable === undefined ? [] : [{ artifact, why: unavailable }])),
      ...(plan.stop === undefined ? {} : { stop: plan.stop }),
      units: units.length,
    },
    units,
    acting,
  );
}
