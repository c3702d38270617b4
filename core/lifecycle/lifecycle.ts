/** Where a version is in its life, and what follows from that: pure, from what the configuration and people have said of it. */
import type { Configuration } from '../environment/configuration.ts';
import { versionKey } from '../registry/version.ts';
import { type SupportWindow, shifted } from './support-window.ts';

export const LIFECYCLE_STATUSES = ['active', 'deprecated', 'eol'] as const;
export type LifecycleStatus = (typeof LIFECYCLE_STATUSES)[number];

/** What somebody has said of a version; dates are days (UTC), from their first moment on. */
export interface LifecycleEntry {
  status?: LifecycleStatus;
  deprecationDate?: string;
  eolDate?: string;
  /** Version to move to. */
  replacement?: string;
  supportWindow?: SupportWindow;
}

/** The configuration's word on one version of one artifact, or of every artifact. */
export interface ConfiguredLifecycle extends LifecycleEntry {
  /** Undefined: whichever artifact has such a version. */
  artifact?: string;
  version: string;
}

export interface SupportConfiguration {
  /** How long a version is supported of which nothing else was said; absent: nothing is estimated. */
  window?: SupportWindow;
  /** How long before its end a version counts as deprecated in estimates. */
  deprecateBefore: SupportWindow;
  /** Days before the end at which people are reminded. */
  remindDays: number[];
  /** Whether a version past its end is refused everywhere. */
  blockEol: boolean;
}

export interface LifecycleConfiguration {
  entries: ConfiguredLifecycle[];
  support: SupportConfiguration;
}

/** A version that nobody may use. */
export interface Quarantine {
  reason: string;
  at: string;
  /** Address of who said so, or the engine. */
  by: string;
  /** What it named then: the same content under another name is refused too. */
  digest?: string;
}

/** What is stored of one version. */
export interface VersionRecord {
  version: string;
  entry?: LifecycleEntry & { reason?: string; at: string; by: string };
  quarantine?: Quarantine;
  /** Reminders that have gone out: `<milestone>#<day>`. */
  reminded?: string[];
}

export interface Lifecycle {
  status: LifecycleStatus;
  /** Whether anybody has said anything of it. */
  declared: boolean;
  deprecationDate?: string;
  eolDate?: string;
  /** The dates follow from the support window and the day on which it came; they change no status. */
  estimated: boolean;
  replacement?: string;
  supportWindow?: string;
}

export interface VersionStanding {
  lifecycle: Lifecycle;
  quarantine?: Quarantine;
}

export interface StandingFacts {
  configuration: Pick<Configuration, 'lifecycle' | 'environments'>;
  artifact: string;
  version: string;
  digest?: string | undefined;
  /** Everything stored of versions of this artifact. */
  records: readonly VersionRecord[];
  /** ISO; when the version came. */
  createdAt?: string | undefined;
  now: Date;
}

/** What was said by the API wins over the configuration, member by member. */
export function standingOf(facts: StandingFacts): VersionStanding {
  const { configuration, artifact, version, digest, records } = facts;
  const environments = Object.keys(configuration.environments);
  const key = versionKey(version, environments);
  const own = records.find((record) => versionKey(record.version, environments) === key);
  const configured = configuration.lifecycle.entries.find(
    (entry) => (entry.artifact ?? artifact) === artifact && versionKey(entry.version, environments) === key,
  );
  const quarantine = own?.quarantine ?? records.find((record) => digest !== undefined && record.quarantine?.digest === digest)?.quarantine;
  return { lifecycle: lifecycleOf({ ...configured, ...own?.entry }, facts), ...(quarantine ? { quarantine } : {}) };
}

function lifecycleOf(entry: LifecycleEntry, { configuration, createdAt, now }: StandingFacts): Lifecycle {
  const { support } = configuration.lifecycle;
  const window = entry.supportWindow ?? support.window;
  const today = now.toISOString().slice(0, 10);
  const declared = entry.status !== undefined || entry.eolDate !== undefined || entry.deprecationDate !== undefined;
  const status = statusOn(today, entry);
  const isEstimated = entry.eolDate === undefined && window !== undefined && createdAt !== undefined && status !== 'eol';
  const eolDate = isEstimated ? shifted(createdAt, window) : entry.eolDate;
  const deprecationDate =
    entry.deprecationDate ?? (isEstimated && status === 'active' ? shifted(eolDate!, support.deprecateBefore, -1) : undefined);
  return {
    status,
    declared,
    estimated: isEstimated,
    ...(deprecationDate === undefined ? {} : { deprecationDate }),
    ...(eolDate === undefined ? {} : { eolDate }),
    ...(entry.replacement === undefined ? {} : { replacement: entry.replacement }),
    ...(window === undefined ? {} : { supportWindow: window.text }),
  };
}

/** A date that has come says more than the word that was written before it. */
export function statusOn(
  today: string,
  { status, deprecationDate, eolDate }: { [Name in 'status' | 'deprecationDate' | 'eolDate']?: LifecycleEntry[Name] | undefined },
): LifecycleStatus {
  if (status === 'eol' || (eolDate !== undefined && eolDate <= today)) return 'eol';
  if (status === 'deprecated' || (deprecationDate !== undefined && deprecationDate <= today)) return 'deprecated';
  return 'active';
}
