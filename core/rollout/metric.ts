/** Judges a canary by what a metrics service measured of it. Whatever is not clearly good is a failure: an inconclusive canary never goes on. */
import type { MetricCheck } from '../environment/configuration.ts';

/** What a query answered: one number, or why there is none. `unreached`: nobody answered the question, which says nothing of the version. */
export type MetricAnswer = { kind: 'value'; value: number } | { kind: 'none'; reason: string; unreached?: true };

/** What a query may name of the step that is judged: names of Kubernetes objects, a number. */
export interface MetricSubject {
  namespace: string;
  workload: string;
  stable: string;
  canary: string;
  /** Deployment that runs the new version at this weight. */
  updated: string;
  /** Seconds of the bake: the longest window that shows only this step. */
  window: number;
}

/** The query with `{{namespace}}`, `{{updated}}`, `{{window}}` … filled in. Values are names and numbers of our own, never foreign text. */
export function fillQuery(query: string, subject: MetricSubject): string {
  return query.replace(/\{\{(\w+)\}\}/g, (whole, name: string) =>
    Object.hasOwn(subject, name) ? String(subject[name as keyof MetricSubject]) : whole,
  );
}

/** Members that a query names and that do not exist: a mistake of the configuration. */
export function unknownMembers(query: string): string[] {
  const known = new Set(['namespace', 'workload', 'stable', 'canary', 'updated', 'window']);
  return [...query.matchAll(/\{\{(\w+)\}\}/g)].flatMap(([, name]) => (known.has(name!) ? [] : [name!]));
}

/**
 * Why the check fails, or undefined when it passes: its value within its bounds, measured over enough samples. `samples` is undefined where the check
 * demands none.
 */
export function judgeMetric(check: MetricCheck, answer: MetricAnswer, samples: MetricAnswer | undefined): string | undefined {
  const { name, max, min } = check;
  if (check.samples) {
    if (samples?.kind !== 'value') return `${name}: inconclusive, the number of samples is unknown: ${samples?.reason ?? 'not asked'}`;
    if (!(samples.value >= check.samples.atLeast)) {
      return `${name}: inconclusive, ${samples.value} samples where at least ${check.samples.atLeast} are demanded`;
    }
  }
  if (answer.kind !== 'value') return `${name}: inconclusive, ${answer.reason}`;
  const { value } = answer;
  if (!Number.isFinite(value)) return `${name}: inconclusive, the value is ${value}`;
  if (max !== undefined && value > max) return `${name}: ${value} is above ${max}`;
  if (min !== undefined && value < min) return `${name}: ${value} is below ${min}`;
  return undefined;
}
