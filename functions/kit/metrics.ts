/** Metrics in CloudWatch's embedded format: a line of the log that CloudWatch turns into numbers, without a call and without a permission. */

import { METRICS_NAMESPACE } from '../../core/environment/variables.ts';

export type MetricUnit = 'Seconds' | 'Count';

/** Writes one line with all values. */
export function putMetrics(metrics: Readonly<Record<string, { value: number; unit: MetricUnit }>>): void {
  const names = Object.entries(metrics);
  console.log(
    JSON.stringify({
      _aws: {
        Timestamp: Date.now(),
        CloudWatchMetrics: [
          { Namespace: METRICS_NAMESPACE, Dimensions: [[]], Metrics: names.map(([Name, { unit }]) => ({ Name, Unit: unit })) },
        ],
      },
      ...Object.fromEntries(names.map(([name, { value }]) => [name, value])),
    }),
  );
}
