/** Carries out a plan: looks at everything again, then decides, deletes and records unit by unit. Repeated, it goes on where it was. */

import { ENGINE } from '../../core/access/identity.ts';
import { Fault, messageOf, Refusal } from '../../core/errors.ts';
import type { Acting } from '../../core/promotion/create.ts';
import { inventoryOf } from '../../core/retention/inventory.ts';
import { untimely } from '../../core/retention/may-apply.ts';
import { type DeletionUnit, retentionHash, staleUnits } from '../../core/retention/plan.ts';
import type { PlanResult, StoredPlan } from '../../core/retention/ports.ts';
import type { RetentionWorld } from './make-plan.ts';
import { readInventory } from './read-inventory.ts';

/** So many are listed in a report. */
const MOST_LISTED = 200;

/** Refusals NOT_FOUND, EXPIRED, STATE_CONFLICT (grace time), PLAN_STALE. `isLate` ends it between two units. */
export async function applyPlan(world: RetentionWorld, id: string, acting: Acting, isLate: () => boolean): Promise<StoredPlan> {
  const { plans, clock } = world;
  let plan = await plans.get(id);
  if (!plan) throw new Refusal('NOT_FOUND', 'there is no such plan');
  if (plan.status === 'applied' || plan.status === 'stopped') return plan;
  if (plan.status === 'planned') {
    const early = untimely(plan, clock.now().toISOString());
    if (early) throw early;
    if (plan.stop !== undefined) return plans.save({ ...plan, status: 'stopped' });
  }
  const units = await plans.units(plan);
  const stale = await lookAgain(world, plan, units);
  plan = await plans.save({
    ...plan,
    status: 'applying',
    result: plan.result ?? { next: 0, deleted: 0, bytesFreed: 0, left: [], failed: [] },
  });
  const again = plan.result!.failed.map(({ unit }) => unit);
  const fresh = Array.from({ length: units.length - plan.result!.next }, (_, index) => plan!.result!.next + index);
  for (const index of [...again, ...fresh]) {
    if (isLate()) return plan;
    plan = await applyUnit(world, plan, units[index]!, index, stale, acting);
  }
  const { failed } = plan.result!;
  const finishedAt = clock.now().toISOString();
  return plans.save({ ...plan, status: failed.length > 0 ? 'incomplete' : 'applied', result: { ...plan.result!, finishedAt } });
}

/** Nothing of a plan is begun that would not be made now. Of one that was begun, what must stay is left out. */
async function lookAgain(world: RetentionWorld, plan: StoredPlan, units: readonly DeletionUnit[]): Promise<ReadonlySet<DeletionUnit>> {
  const { configuration, clock } = world;
  const policy = configuration.retention;
  const changed = (why: string) =>
    new Refusal('PLAN_STALE', `plan ${plan.id} does not fit any more: ${why}`, { hint: 'make a new one: greenlight gc --dry-run' });
  if (!policy || retentionHash(units, policy) !== plan.hash) throw changed('the rules of retention have changed');
  const artifacts = await readInventory(world, plan);
  const looked = new Set(artifacts.flatMap(({ artifact, unavailable }) => (unavailable === undefined ? [artifact] : [])));
  const stale = staleUnits(units, inventoryOf(artifacts, policy, configuration.path), looked, policy, clock.now());
  // Nobody has read the plan of the schedule and said yes to it: what must stay is left out of it.
  if (plan.status !== 'planned' || stale.length === 0 || plan.createdBy === ENGINE.key) return new Set(stale);
  const away = artifacts.find(({ artifact, unavailable }) => unavailable !== undefined && stale.some((unit) => unit.artifact === artifact));
  if (away) throw new Fault('UNAVAILABLE', `what uses ${away.artifact} cannot be read: ${away.unavailable}`);
  throw changed(`${stale.slice(0, 5).map(nameOf).join(', ')}${stale.length > 5 ? ` and ${stale.length - 5} more` : ''} must stay now`);
}

async function applyUnit(
  world: RetentionWorld,
  plan: StoredPlan,
  unit: DeletionUnit,
  index: number,
  stale: ReadonlySet<DeletionUnit>,
  acting: Acting,
): Promise<StoredPlan> {
  const { plans } = world;
  const before = plan.result!;
  const result: PlanResult = {
    ...before,
    next: Math.max(before.next, index + 1),
    failed: before.failed.filter((each) => each.unit !== index),
  };
  const about = { artifact: unit.artifact, version: unit.version ?? unit.digests[0]! };
  const leave = (why: string) =>
    plans.save({ ...plan, result: { ...result, left: [...result.left, { ...about, why }].slice(0, MOST_LISTED) } });
  if (stale.has(unit)) return leave('it is used now');
  const pinned = await letGo(world, unit);
  if (pinned !== undefined) return leave(pinned);
  const stays = await world.pins.decideDeletion(unit.artifact, unit.digests, plan.id);
  if (stays !== undefined) return leave(`${stays} is relied on now`);
  try {
    await removeEverywhere(world, unit);
  } catch (error) {
    // The decision stands: some of it may be gone. It is tried again by the same plan.
    return plans.save({ ...plan, result: { ...result, failed: [...result.failed, { unit: index, ...about, why: messageOf(error) }] } });
  }
  const next = { ...result, deleted: result.deleted + 1, bytesFreed: result.bytesFreed + unit.bytes };
  await world.pins.finishDeletion(unit.artifact, unit.digests, plan.id, { plan: { ...plan, result: next }, unit, acting });
  return (await plans.get(plan.id))!;
}

/** Environments keep a pin on everything that ever ran there. Undefined when all of them have let go. */
async function letGo({ pins, configuration }: RetentionWorld, { artifact, digests }: DeletionUnit): Promise<string | undefined> {
  for (const digest of digests) {
    const { environments } = await pins.standing(artifact, digest);
    for (const environment of environments) {
      // One that is no longer configured can neither run nor return to anything.
      if (!Object.hasOwn(configuration.environments, environment)) return `${environment} is not configured any more, and has a pin on it`;
      if (!(await pins.letGo(environment, artifact, digest))) return `${environment} relies on it`;
    }
  }
  return undefined;
}

async function removeEverywhere({ configuration, images }: RetentionWorld, { artifact, digests, registries }: DeletionUnit): Promise<void> {
  for (const name of registries) {
    const registry = configuration.registries[name];
    if (!registry) continue;
    const problems = await images.remove(registry, artifact, digests);
    if (problems.length > 0) throw new Fault('UNAVAILABLE', `registry ${name}: ${problems[0]}`);
  }
}

function nameOf({ artifact, version, digests }: DeletionUnit): string {
  return `${artifact} ${version ?? digests[0]}`;
}
