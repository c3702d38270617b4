/** Asks the metrics of a policy: over its soak time, of what the source environment runs. */

import { artifactOf, type Configuration } from '../../core/environment/configuration.ts';
import type { PolicyFacts } from '../../core/policy/evaluate.ts';
import type { PromotionPolicy } from '../../core/policy/promotion-policy.ts';
import { fillQuery, judgeMetric, type MetricSubject } from '../../core/rollout/metric.ts';
import type { MetricSource } from '../../core/rollout/ports.ts';

/** Of a version that soaks for no time at all the last five minutes are asked. */
const SHORTEST_WINDOW = 300;

export async function measure(
  configuration: Configuration,
  { from, metrics, soakSeconds }: PromotionPolicy,
  artifact: string,
  ask: MetricSource,
): Promise<PolicyFacts['metrics']> {
  const workload = artifactOf(configuration, artifact)?.workload?.name;
  if (workload === undefined) return metrics.map(({ name }) => ({ name, problem: `${name}: ${artifact} has no workload to measure` }));
  const stable = `${workload}-stable`;
  const subject: MetricSubject = {
    namespace: configuration.environments[from]!.namespace,
    ...{ workload, stable, canary: `${workload}-canary`, updated: stable },
    window: Math.max(SHORTEST_WINDOW, soakSeconds),
  };
  return Promise.all(
    metrics.map(async (check) => {
      const [answer, samples] = await Promise.all([
        ask(check, fillQuery(check.query, subject)),
        check.samples ? ask(check, fillQuery(check.samples.query, subject)) : undefined,
      ]);
      const problem = judgeMetric(check, answer, samples);
      return { name: check.name, ...(problem === undefined ? {} : { problem }) };
    }),
  );
}
