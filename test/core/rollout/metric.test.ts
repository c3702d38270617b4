import { describe, expect, it } from 'vitest';
import type { MetricCheck } from '../../../core/environment/configuration.ts';
import { fillQuery, judgeMetric, type MetricAnswer, unknownMembers } from '../../../core/rollout/metric.ts';

const SUBJECT = { namespace: 'prod', workload: 'api', stable: 'api-stable', canary: 'api-canary', updated: 'api-canary', window: 120 };
const check = (more: Partial<MetricCheck> = {}): MetricCheck => ({
  name: 'errors',
  prometheus: 'https://p',
  query: 'q',
  max: 0.01,
  ...more,
});
const value = (number: number): MetricAnswer => ({ kind: 'value', value: number });
const NONE: MetricAnswer = { kind: 'none', reason: 'the query found nothing' };

describe('a metric check', () => {
  it.each([
    [check(), value(0.01), undefined],
    [check(), value(0.011), 'errors: 0.011 is above 0.01'],
    [check({ max: undefined as never, min: 0.99 }), value(0.98), 'errors: 0.98 is below 0.99'],
    [check({ min: 0 }), value(0), undefined],
    [check(), NONE, 'errors: inconclusive, the query found nothing'],
    [check(), value(Number.NaN), 'errors: inconclusive, the value is NaN'],
    [check(), value(Number.NEGATIVE_INFINITY), 'errors: inconclusive, the value is -Infinity'],
  ])('%j of %j: %s', (of, answer, reason) => {
    expect(judgeMetric(of, answer, undefined)).toBe(reason);
  });

  it('needs enough samples before its value says anything: no traffic is no success', () => {
    const sampled = check({ samples: { query: 's', atLeast: 100 } });
    expect(judgeMetric(sampled, value(0), value(100))).toBeUndefined();
    expect(judgeMetric(sampled, value(0), value(99))).toBe('errors: inconclusive, 99 samples where at least 100 are demanded');
    expect(judgeMetric(sampled, value(0), value(Number.NaN))).toContain('inconclusive');
    expect(judgeMetric(sampled, value(0), NONE)).toContain('the number of samples is unknown: the query found nothing');
    expect(judgeMetric(sampled, value(0), undefined)).toContain('not asked');
  });
});

describe('a query', () => {
  it('gets the names of the step that is judged', () => {
    expect(fillQuery('rate(x{ns="{{namespace}}",d="{{updated}}"}[{{window}}s])', SUBJECT)).toBe('rate(x{ns="prod",d="api-canary"}[120s])');
  });

  it('keeps what it does not know, and such names are found when the file is read', () => {
    expect(fillQuery('{{constructor}} {{digest}}', SUBJECT)).toBe('{{constructor}} {{digest}}');
    expect(unknownMembers('{{updated}} {{digest}} {{constructor}}')).toEqual(['digest', 'constructor']);
  });
});
