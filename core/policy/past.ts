/** What is known of an artifact's way from one environment to the next, and the facts that a policy would have had at any instant of it. */
import { heldAt } from '../environment/as-of.ts';
import type { EnvironmentHistoryEntry } from '../environment/environment.ts';
import { isFinal, type Phase } from '../promotion/phase.ts';
import type { VersionScheme } from '../registry/constraint.ts';
import type { KnownVersion } from '../registry/known-version.ts';
import { compareVersions, versionName } from '../registry/version-name.ts';
import type { CheckedGate, PolicyFacts } from './evaluate.ts';

/** One uninterrupted stay of a version in the source environment. */
export interface Stay {
  version: string;
  digest: string;
  /** Promotion that brought it; absent: published or adopted. */
  requestId?: string;
  since: string;
  /** Absent: it is there still. */
  until?: string;
}

export interface PastRequest {
  id: string;
  digest: string;
  phase: Phase;
  createdAt: string;
  /** When it ended, if it has. */
  updatedAt: string;
}

export interface ArtifactPast {
  artifact: string;
  /** Oldest first. */
  stays: Stay[];
  /** Gates by the promotion that they belong to. */
  gates: ReadonlyMap<string, CheckedGate[]>;
  to: string;
  /** Environments of the path, which no version is read to be named after. */
  path: readonly string[];
  scheme: VersionScheme;
  /** By environment, newest first; the target among them. */
  histories: Readonly<Record<string, readonly EnvironmentHistoryEntry[]>>;
  /** Promotions to the target, in any order. */
  requests: readonly PastRequest[];
}

/** Facts of the present that no history holds. */
export type PresentFacts = Pick<PolicyFacts, 'unwell' | 'metrics' | 'refused'>;

/** Stays out of an environment's history (newest first): what was rolled back, failed or was repaired there interrupts nothing. */
export function staysOf(history: readonly EnvironmentHistoryEntry[]): Stay[] {
  const stays: Stay[] = [];
  for (const { version, digest, requestId, at, outcome, kind } of [...history].reverse()) {
    if ((outcome !== 'succeeded' && outcome !== 'adopted') || kind === 'repair') continue;
    const last = stays.at(-1);
    if (last?.digest === digest) continue;
    if (last) last.until = at;
    stays.push({ version, digest, since: at, ...(outcome === 'adopted' ? {} : { requestId }) });
  }
  return stays;
}

/**
 * Stays in the first environment, which holds what is published: each version from its push until a later one is pushed. An older version that is
 * pushed afterwards, such as a fix of an earlier line, takes nobody's place. What a registry says no date of is not known to have been there at all.
 */
export function publishedStays(versions: readonly KnownVersion[], scheme: VersionScheme): Stay[] {
  const stays: Stay[] = [];
  let highest: KnownVersion | undefined;
  for (const version of [...versions].sort((left, right) => ((left.at ?? '') < (right.at ?? '') ? -1 : 1))) {
    const { name, digest, at } = version;
    if (at === undefined || (scheme === 'semver' && highest && compareVersions(dated(version), dated(highest)) < 0)) continue;
    const last = stays.at(-1);
    if (last) last.until = at;
    stays.push({ version: name.text, digest, since: at });
    highest = version;
  }
  return stays;
}

function dated({ name, at }: KnownVersion) {
  return { name, at };
}

/** The facts about one stay as they stood at `at`. */
export function factsAt(past: ArtifactPast, stay: Stay, at: string, present: PresentFacts = { unwell: [], metrics: [] }): PolicyFacts {
  const { version, digest, since, requestId } = stay;
  const target = heldAt(past.histories[past.to] ?? [], at);
  // What held the target when the stay began counts, too.
  const before = heldAt(target.past, since).current;
  const reached = [...target.past.filter((entry) => entry.outcome === 'succeeded' && entry.at > since), ...(before ? [before] : [])].find(
    (entry) => entry.digest === digest,
  );
  const gates = requestId === undefined ? undefined : past.gates.get(requestId);
  const regression = regressionAt(past, stay, at);
  const known = past.requests.filter(({ createdAt }) => createdAt <= at);
  const isOpen = ({ phase, updatedAt }: PastRequest) => !isFinal(phase) || updatedAt > at;
  const open = newest(known.filter(isOpen), digest);
  const ended = newest(
    known.filter((request) => request.digest === digest && request.updatedAt >= since && !isOpen(request) && request.phase !== 'succeeded'),
    digest,
  );
  return {
    artifact: past.artifact,
    version,
    digest,
    since,
    ...(requestId === undefined || !gates ? {} : { checked: { requestId, gates } }),
    ...(target.current ? { target: targetOf(past, target.current, version) } : {}),
    ...(target.current?.kind === 'rollback' ? { takenBack: { requestId: target.current.requestId, at: target.current.at } } : {}),
    ...(reached && target.current?.digest !== digest ? { movedOn: { requestId: reached.requestId } } : {}),
    ...(regression ? { regression } : {}),
    ...(open ? { open: { requestId: open.id, digest: open.digest } } : {}),
    ...(ended ? { ended: { requestId: ended.id, phase: ended.phase } } : {}),
    ...present,
  };
}

/** Which of two versions is the later one is said by numbers only: names are in no order but that of their dates. */
function targetOf({ path, scheme }: ArtifactPast, current: EnvironmentHistoryEntry, version: string): NonNullable<PolicyFacts['target']> {
  const [mine, theirs] = [version, current.version].map((text) => versionName(text, path)) as [KnownVersion['name'], KnownVersion['name']];
  const isNumbered = scheme === 'semver' && mine.semver !== undefined && theirs.semver !== undefined;
  const isLater = isNumbered && compareVersions({ name: theirs, at: undefined }, { name: mine, at: undefined }) > 0;
  return { version: current.version, digest: current.digest, isLater };
}

/** That of the digest before any other, then the newest. */
function newest(requests: readonly PastRequest[], digest: string): PastRequest | undefined {
  const order = (left: PastRequest, right: PastRequest) =>
    Number(right.digest === digest) - Number(left.digest === digest) || (left.createdAt < right.createdAt ? 1 : -1);
  return [...requests].sort(order)[0];
}

/** Where the version was taken back, by a failed promotion or on request, and has not succeeded since. */
function regressionAt({ histories }: ArtifactPast, { version, digest }: Stay, at: string): PolicyFacts['regression'] {
  for (const [environment, history] of Object.entries(histories)) {
    for (const entry of history) {
      if (entry.at > at) continue;
      const isTakenBack =
        (entry.digest === digest && (entry.outcome === 'rolled_back' || entry.outcome === 'failed')) ||
        (entry.kind === 'rollback' && entry.outcome === 'succeeded' && entry.replaced === version && entry.digest !== digest);
      if (isTakenBack) return { environment, requestId: entry.requestId, at: entry.at };
      // Newer than any time that it was taken back here.
      if (entry.digest === digest && (entry.outcome === 'succeeded' || entry.outcome === 'adopted')) break;
    }
  }
  return undefined;
}
