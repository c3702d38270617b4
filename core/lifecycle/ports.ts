/** What the rules of lifecycle need of the world. */
import type { Acting } from '../promotion/create.ts';
import type { LifecycleEntry, VersionRecord } from './lifecycle.ts';

export type LifecycleChange =
  | { kind: 'lifecycle'; entry: LifecycleEntry; reason?: string }
  | { kind: 'quarantine'; reason: string; digest?: string }
  | { kind: 'release'; reason: string };

export interface LifecycleStore {
  /** Everything that is stored of versions of an artifact. */
  of(artifact: string): Promise<VersionRecord[]>;
  /** With its audit event, in one transaction. Undefined when it changes nothing. Refusal LIMIT. */
  change(
    where: { tenant: string; artifact: string; version: string; key: string },
    change: LifecycleChange,
    acting: Acting,
  ): Promise<VersionRecord | undefined>;
  /** Notes that a reminder went out; false when somebody else has. */
  remind(artifact: string, key: string, version: string, reminder: string): Promise<boolean>;
}
