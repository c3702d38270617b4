/** What the rules of retention need of the world. */
import type { RegistryConfiguration } from '../environment/configuration.ts';
import type { Acting } from '../promotion/create.ts';
import type { StoredImage } from './inventory.ts';
import type { Standing } from './pin.ts';
import type { DeletionUnit, KeptGroup, RetentionPlan } from './plan.ts';

export interface RegistryImages {
  /** Names of the repositories below the registry's prefix; empty where the registry does not say. */
  repositories(registry: RegistryConfiguration): Promise<string[]>;
  /** Everything in one repository. Faults: UNAVAILABLE, REGISTRY_REFUSED, LIMIT. */
  stored(registry: RegistryConfiguration, repository: string): Promise<StoredImage[]>;
  /** Can this be deleted from at all? */
  mayDelete(registry: RegistryConfiguration): boolean;
  /** Answers what was not deleted and why; what was gone already is deleted. At most 100. */
  remove(registry: RegistryConfiguration, repository: string, digests: readonly string[]): Promise<string[]>;
}

/** `planned`: may be applied. `applying`: begun. `applied`: everything is gone or was left out. `incomplete`: something is still to be tried. `stopped`: too much at once. */
export type PlanStatus = 'planned' | 'applying' | 'applied' | 'incomplete' | 'stopped';

/** A plan as it is stored. Its units lie in rows of their own. */
export interface StoredPlan {
  id: string;
  hash: string;
  status: PlanStatus;
  createdAt: string;
  /** Identity key of who made it; the engine's for the scheduled job. */
  createdBy: string;
  /** Not before, not after. */
  applyFrom: string;
  expiresAt: string;
  tenants: string[];
  /** Only this one; absent: every artifact of the tenants. */
  artifact?: string;
  totals: RetentionPlan['totals'];
  pricePerGb: number;
  keepDays: number;
  kept: KeptGroup[];
  warnings: string[];
  /** What could not be looked at: nothing of it is deleted. */
  unavailable: { artifact: string; why: string }[];
  stop?: string;
  chunks: number;
  units: number;
  result?: PlanResult;
  /** Events of this plan so far, and the last line. */
  seq: number;
  lastLine: string;
}

export interface PlanResult {
  /** Units that were tried, in their order. */
  next: number;
  deleted: number;
  bytesFreed: number;
  /** Units that stay after all, and why. */
  left: { artifact: string; version: string; why: string }[];
  /** Units that could not be deleted yet, by their place. */
  failed: { unit: number; artifact: string; version: string; why: string }[];
  finishedAt?: string;
}

export interface PlanStore {
  /** With its event, in one transaction. */
  add(plan: Omit<StoredPlan, 'seq' | 'lastLine' | 'chunks'>, units: readonly DeletionUnit[], acting: Acting): Promise<StoredPlan>;
  get(id: string): Promise<StoredPlan | undefined>;
  units(plan: StoredPlan): Promise<DeletionUnit[]>;
  /** Newest first. */
  recent(): Promise<StoredPlan[]>;
  /** Under the condition that nobody else has changed it. Answers it as stored. */
  save(plan: StoredPlan): Promise<StoredPlan>;
  /** One run at a time: false when another one has it. */
  begin(run: string): Promise<boolean>;
  end(run: string): Promise<void>;
}

export interface PinStore {
  /** Strongly consistent. Of a digest that nobody ever relied on it is empty. */
  standing(artifact: string, digest: string): Promise<Standing>;
  /**
   * Decides for all digests or none that they go, under the condition that nobody relies on any of them: an index goes with its images. From then on no
   * promotion begins with them. Undefined when decided, else the digest that stays; decided again by the same run it is decided still. At most 100.
   */
  decideDeletion(artifact: string, digests: readonly string[], by: string): Promise<string | undefined>;
  /** They are gone from the registries. `with`: the plan as it is then, with the event that tells of it, in the same transaction. */
  finishDeletion(artifact: string, digests: readonly string[], by: string, told?: DeletionTold): Promise<void>;
  /** Nothing of them was deleted: they may be relied on again. */
  abandonDeletion(artifact: string, digests: readonly string[], by: string): Promise<void>;
  /** The environment lets go of a digest that it neither runs nor goes back to. False when it does, or when it changes at this moment. */
  letGo(environment: string, artifact: string, digest: string): Promise<boolean>;
}

/** What is told of a unit that is gone, and the plan after it. */
export interface DeletionTold {
  plan: StoredPlan;
  unit: DeletionUnit;
  acting: Acting;
}
