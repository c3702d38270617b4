/** How far the copy of a promotion is in each of its registries. Part of the head of a request: it stays small. */
import type { Plan } from '../promotion/plan.ts';
import { type RegistryRole, registryRole } from './target.ts';

export type RegistryCopyStatus = 'pending' | 'copied' | 'verified' | 'tagged' | 'failed';

export interface RegistryCopy {
  name: string;
  role: RegistryRole;
  /** Whether tags and rollout wait for it. */
  required: boolean;
  status: RegistryCopyStatus;
  /** Bytes of blobs that were sent, in all passes together. */
  bytes: number;
  /** Root over what was read back there, once verified. */
  closureRoot?: string;
  failure?: { code: string; message: string };
}

export interface CopyRecord {
  /** Root over the closure at the source. */
  sourceRoot?: string;
  manifests?: number;
  blobs?: number;
  registries: RegistryCopy[];
}

export type CopyOutcome = 'pending' | 'partial' | 'complete' | 'failed';

/** Longest text of a failure that is kept for each registry. */
const LONGEST_MESSAGE = 200;

/** `environmentRegistries` is the environment's whole list: a chosen secondary stays the secondary. */
export function emptyCopy({ registries }: Pick<Plan, 'registries'>, environmentRegistries: readonly string[]): CopyRecord {
  const place = (name: string) => Math.max(0, environmentRegistries.indexOf(name));
  return {
    registries: registries.targets.map((name, index) => ({
      name,
      role: registryRole(place(name)),
      required: registries.require !== 'primary' || index === 0,
      status: 'pending',
      bytes: 0,
    })),
  };
}

/** The record with another state of one registry. A failure that is over is forgotten. */
export function withRegistry(record: CopyRecord, name: string, change: Partial<RegistryCopy>): CopyRecord {
  return {
    ...record,
    registries: record.registries.map((entry) => {
      if (entry.name !== name) return entry;
      const { failure: _over, ...rest } = entry;
      return { ...rest, ...change };
    }),
  };
}

export function withFailure(record: CopyRecord, name: string, failure: { code: string; message: string }): CopyRecord {
  const message = failure.message.slice(0, LONGEST_MESSAGE);
  return withRegistry(record, name, { status: 'failed', failure: { code: failure.code, message } });
}

/** Whether nothing is left to do at this stage where it must be done. */
export function requiredAre(record: CopyRecord, ...statuses: RegistryCopyStatus[]): boolean {
  return record.registries.every(({ required, status }) => !required || statuses.includes(status));
}

/** One word for all registries: `partial` when some hold the artifact, verified, and others do not. */
export function outcomeOf(record: CopyRecord): CopyOutcome {
  const held = record.registries.filter(({ status }) => status === 'verified' || status === 'tagged').length;
  if (held === record.registries.length) return 'complete';
  if (held > 0) return 'partial';
  return record.registries.some(({ status }) => status === 'failed') ? 'failed' : 'pending';
}

/** Names of the registries that lack the artifact. */
export function lacking(record: CopyRecord): string[] {
  return record.registries.filter(({ status }) => status !== 'verified' && status !== 'tagged').map(({ name }) => name);
}
