/** Replays a policy over the past: what it would have asked for and when, beside what people did. Facts that no history holds are taken for good. */
import { evaluatePolicy, type PolicyDecision, type PolicyFacts } from './evaluate.ts';
import { type ArtifactPast, factsAt, type Stay } from './past.ts';
import { isFor, type PromotionPolicy, policyHash } from './promotion-policy.ts';

/** One request that a policy made, with everything that it decided by. */
export interface PolicyRecord {
  policy: PromotionPolicy;
  facts: PolicyFacts;
  at: string;
  requestId: string;
}

/** One version that was in the source environment within the period. */
export interface ReplayedVersion {
  artifact: string;
  version: string;
  digest: string;
  /** `promoted`: people, or a policy, had it in the target before the policy would have asked. `left`: another version took its place in time. */
  outcome: 'promote' | 'promoted' | 'left' | 'wait' | 'hold';
  /** When it would have asked, or when the last look was. */
  at: string;
  because: string;
  /** What became of the version in the target. */
  actual?: { requestId: string; at: string; outcome: string };
  /** Hours by which the policy would have been earlier than what happened; negative where it would have been later. */
  hoursEarlier?: number;
}

export interface ReplayReport {
  versions: ReplayedVersion[];
  /** Decisions that were recorded of a policy with this name. */
  recorded: { total: number; reproduced: number; otherRule: number; differing: { requestId: string; because: string }[] };
}

export interface ReplayPeriod {
  since: string;
  until: string;
}

export function replayPolicy(
  policy: PromotionPolicy,
  pasts: readonly ArtifactPast[],
  records: readonly PolicyRecord[],
  period: ReplayPeriod,
): ReplayReport {
  const versions = pasts
    .filter(({ artifact }) => isFor(policy, artifact))
    .flatMap((past) => past.stays.flatMap((stay) => replayStay(policy, past, stay, period)))
    .sort((left, right) => (left.at < right.at ? -1 : 1));
  return { versions, recorded: repeat(policy, records) };
}

/** Each recorded decision again, by the rule as it is now and by the very facts of then. */
function repeat(policy: PromotionPolicy, records: readonly PolicyRecord[]): ReplayReport['recorded'] {
  const hash = policyHash(policy);
  const differing = records.flatMap(({ facts, at, requestId }) => {
    const { outcome, because } = evaluatePolicy(policy, facts, at);
    return outcome === 'promote' ? [] : [{ requestId, because }];
  });
  return {
    total: records.length,
    reproduced: records.length - differing.length,
    otherRule: records.filter((record) => policyHash(record.policy) !== hash).length,
    differing,
  };
}

/** The policy looks when the soak time is over, and again whenever something has changed. */
function replayStay(policy: PromotionPolicy, past: ArtifactPast, stay: Stay, period: ReplayPeriod): ReplayedVersion[] {
  const end = stay.until !== undefined && stay.until < period.until ? stay.until : period.until;
  if (end <= period.since || stay.since > period.until) return [];
  const about = { artifact: past.artifact, version: stay.version, digest: stay.digest };
  const due = new Date(Date.parse(stay.since) + policy.soakSeconds * 1000).toISOString();
  const actual = arrivalOf(past, stay);
  const shown = actual ? { actual } : {};
  // What no history holds is taken for good; the report says so.
  const assumed = { unwell: [], metrics: policy.metrics.map(({ name }) => ({ name })) };
  let last: { decision: PolicyDecision; at: string } | undefined;
  for (const at of looksAt(past, due < period.since ? period.since : due, end)) {
    const decision = evaluatePolicy(policy, factsAt(past, stay, at, assumed), at);
    last = { decision, at };
    if (decision.outcome === 'promote') {
      const hoursEarlier = actual ? { hoursEarlier: Math.round((Date.parse(actual.at) - Date.parse(at)) / 360_000) / 10 } : {};
      return [{ ...about, outcome: 'promote', at, because: decision.because, ...shown, ...hoursEarlier }];
    }
    if (decision.outcome === 'none') break;
  }
  if (last === undefined) {
    if (end !== stay.until) return [{ ...about, outcome: 'wait', at: end, because: `its soak time ends at ${due}`, ...shown }];
    return [{ ...about, outcome: 'left', at: end, because: `another version took its place before ${due}`, ...shown }];
  }
  const { outcome, because } = last.decision;
  return [{ ...about, outcome: outcome === 'none' ? 'promoted' : outcome === 'hold' ? 'hold' : 'wait', at: last.at, because, ...shown }];
}

/** Instants at which the answer may have become another one, oldest first. */
function looksAt({ histories, requests }: ArtifactPast, first: string, end: string): string[] {
  if (first >= end) return [];
  const changes = [
    ...Object.values(histories).flatMap((history) => history.map(({ at }) => at)),
    ...requests.flatMap(({ createdAt, updatedAt }) => [createdAt, updatedAt]),
  ].filter((at) => at > first && at < end);
  return [...new Set([first, ...changes])].sort();
}

/** The last time that the version came to the target, whoever brought it, or failed to. */
function arrivalOf({ histories, to }: ArtifactPast, { digest, since }: Stay): ReplayedVersion['actual'] {
  const entries = (histories[to] ?? []).filter((entry) => entry.digest === digest && entry.at >= since && entry.kind !== 'repair');
  const first = entries.at(-1);
  if (!first) return undefined;
  const later = (histories[to] ?? []).some(
    ({ kind, at, replaced, outcome }) => kind === 'rollback' && outcome === 'succeeded' && replaced === first.version && at > first.at,
  );
  return { requestId: first.requestId, at: first.at, outcome: later ? 'rolled_back' : first.outcome };
}
