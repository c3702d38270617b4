/** Promotion by policy: from which environment to the next one, which artifacts, and under what conditions. A policy asks; it never approves. */
import type { Actor } from '../access/identity.ts';
import type { MetricCheck } from '../environment/configuration.ts';
import { contentHash, type Json } from '../promotion/canonical-json.ts';
import { matchesTag } from '../retention/tag-pattern.ts';

export interface PromotionPolicy {
  name: string;
  /** What is not enabled asks for nothing, and can be replayed. */
  enabled: boolean;
  from: string;
  to: string;
  /** Names with `*` for any run of characters; absent: every artifact. */
  artifacts?: string[];
  /** Versions such as 1.2.0-rc.1 as well; otherwise releases only. */
  prereleases: boolean;
  /** Every gate of the promotion that brought the version to `from` has passed by itself: a waiver is no passed test. */
  allTestsPass: boolean;
  /** Nothing has gone wrong with the version since: not taken back anywhere, `from` healthy and running what was promoted. */
  noRegressions: boolean;
  /** So long without interruption in `from`. */
  soakSeconds: number;
  metrics: MetricCheck[];
  /** Addresses that hear of what it asks for. */
  notify: string[];
}

/** Identifies the rule: another one under the same name is another policy; who hears of it and whether it is enabled changes no decision. */
export function policyHash({ enabled: _enabled, notify: _notify, ...rule }: PromotionPolicy): string {
  return contentHash(rule as unknown as Json);
}

export function isFor(policy: PromotionPolicy, artifact: string): boolean {
  return policy.artifacts === undefined || policy.artifacts.some((pattern) => matchesTag(pattern, artifact));
}

/** Who asks: `policy:<name>@<start of its hash>`. It has no address, answers for itself, and may do nothing that a person has to do. */
export function policyActor(policy: PromotionPolicy): Actor {
  const label = `policy:${policy.name}@${policyHash(policy).replace('sha256:', '').slice(0, 8)}`;
  return { id: label, key: label, kind: 'policy', email: label };
}
