import { describe, expect, test } from 'vitest';
import {
  checkPerformance,
  fillPerformanceQuery,
  type Measurement,
  measurementSchema,
  unknownPerformanceMembers,
} from '../../../core/gate/performance.ts';

const gate = { name: 'p', type: 'performance_baseline', timeoutSeconds: 60, url: 'x', maxRegressionPercent: 10, minSamples: 100 } as const;
const good = { version: '1.0.0', figures: { p95_ms: 100, errors: 0 } };

describe('the performance baseline', () => {
  test.each<[string, Measurement, Parameters<typeof checkPerformance>[2], string, RegExp]>([
    ['within the tolerance', { figures: { p95_ms: 110, errors: 0 }, samples: 100 }, good, 'passed', /10\.0 %/],
    ['beyond it', { figures: { p95_ms: 111, errors: 0 }, samples: 100 }, good, 'failed', /p95_ms: measured 111 against a baseline of 100/],
    ['from nothing to something', { figures: { p95_ms: 90, errors: 1 }, samples: 100 }, good, 'failed', /errors: measured 1/],
    ['with a figure more than the baseline has', { figures: { p95_ms: 90, errors: 0, rss: 7 }, samples: 100 }, good, 'passed', /p95_ms/],
    ['without a figure that the baseline has', { figures: { p95_ms: 90 }, samples: 100 }, good, 'inconclusive', /errors was not measured/],
    ['over too few samples', { figures: { p95_ms: 90, errors: 0 }, samples: 99 }, good, 'inconclusive', /99 samples/],
    ['over nobody knows how many', { figures: { p95_ms: 90, errors: 0 } }, good, 'inconclusive', /unknown number/],
    ['of nothing', { figures: {}, samples: 100 }, good, 'inconclusive', /nothing was measured/],
    [
      'where nothing was recorded',
      { figures: { p95_ms: 90 }, samples: 100 },
      { version: '1.0.0' },
      'inconclusive',
      /nothing was recorded of 1\.0\.0/,
    ],
    ['where nothing runs', { figures: { p95_ms: 90 }, samples: 100 }, undefined, 'passed', /recorded: p95_ms 90/],
    ['with a baseline of the service', { figures: { p95_ms: 90 }, samples: 100, baseline: { p95_ms: 50 } }, undefined, 'failed', /of 50/],
  ])('%s is %s', (_what, measurement, last, status, message) => {
    const outcome = checkPerformance(gate, measurement, last);
    expect([outcome.status, outcome.message]).toEqual([status, expect.stringMatching(message)]);
    expect(outcome.figures).toEqual(measurement.figures);
    expect(outcome.resolution === '').toBe(status === 'passed');
  });

  test.each([
    ['{"figures":{"p95":1}}', true],
    ['{"baseline":100,"measured":110}', true],
    ['{"baseline":0,"measured":110}', false],
    ['{"figures":{"p95":"1"}}', false],
    ['{"figures":{"p95":-1}}', false],
    ['{"figures":{"<b>":1}}', false],
    ['{}', false],
    ['null', false],
  ])('takes %s for evidence: %s', (text, isEvidence) => {
    expect(measurementSchema.safeParse(JSON.parse(text)).success).toBe(isEvidence);
  });

  test('fills queries as text within quotes', () => {
    const subject = { artifact: 'a', version: '1"} or vector(0) #\\', digest: 'sha256:x', environment: 'staging' };
    expect(fillPerformanceQuery('x{v="{{version}}",e="{{environment}}"} {{other}}', subject)).toBe(
      'x{v="1\\"} or vector(0) #\\\\",e="staging"} {{other}}',
    );
    expect(unknownPerformanceMembers('{{version}} {{other}}')).toEqual(['other']);
  });
});
