/** What the tasks of the copy function share: one piece of work for each registry of a plan, and what its failure means. */
import type { RegistryConfiguration } from '../../core/environment/configuration.ts';
import { Fault, type FaultCode, Refusal } from '../../core/errors.ts';
import { type CopyRecord, emptyCopy, type RegistryCopyStatus } from '../../core/registry/copy-record.ts';
import { configuration } from '../kit/state.ts';
import type { HeldPromotion } from './held-promotion.ts';

export interface RegistryRound<Result> {
  results: Map<string, Result | { failure: { code: string; message: string } }>;
  faults: Map<string, Fault | Refusal>;
}

/** Faults that end the whole task: they are not about one registry. */
const OF_THE_RUN: ReadonlySet<string> = new Set(['LOCK_LOST', 'PLAN_CHANGED'] satisfies FaultCode[]);

/** `act` for each registry in one of the states, one after the other: transfers at once would only share the same bandwidth. */
export async function overRegistries<Result>(
  record: CopyRecord,
  statuses: readonly RegistryCopyStatus[],
  act: (name: string) => Promise<Result>,
): Promise<RegistryRound<Result>> {
  const round: RegistryRound<Result> = { results: new Map(), faults: new Map() };
  for (const { name, status } of record.registries) {
    if (!statuses.includes(status)) continue;
    try {
      round.results.set(name, await act(name));
    } catch (error) {
      const isOfRegistry = error instanceof Refusal || (error instanceof Fault && !OF_THE_RUN.has(error.code));
      if (!isOfRegistry) throw error;
      round.results.set(name, { failure: { code: error.code, message: error.message } });
      round.faults.set(name, error);
    }
  }
  return round;
}

/** Throws the fault of the first required registry that has one: what the others lack is shown, and repaired later. */
export function throwRequired(record: CopyRecord, faults: ReadonlyMap<string, Fault | Refusal>): void {
  for (const { name, required } of record.registries) {
    const fault = faults.get(name);
    if (required && fault) throw fault;
  }
}

/** What is recorded of the copy; before its first result every target is pending. */
export async function recordOf({ promotion, plan }: Pick<HeldPromotion, 'promotion' | 'plan'>): Promise<CopyRecord> {
  return promotion.copy ?? emptyCopy(plan, (await configuration()).environments[plan.to]?.registries ?? plan.registries.targets);
}

/** The registry that the approved plan names. Fault PLAN_CHANGED when the configuration has lost it. */
export async function registryNamed(name: string): Promise<RegistryConfiguration> {
  const registry = (await configuration()).registries[name];
  if (!registry) throw new Fault('PLAN_CHANGED', `the configuration no longer has the registry ${name} of the approved plan`);
  return registry;
}
