/** Compares a measured figure with its baseline. */
import * as z from 'zod';
import type { PerformanceGate } from './definition.ts';
import type { GateOutcome } from './gate.ts';

/** What the measuring service answers: one figure where more is worse, such as milliseconds. */
export const measurementSchema = z.object({ baseline: z.number().positive(), measured: z.number().nonnegative() });

export function checkPerformance(definition: PerformanceGate, { baseline, measured }: z.output<typeof measurementSchema>): GateOutcome {
  const percent = ((measured - baseline) / baseline) * 100;
  const message = `measured ${measured} against a baseline of ${baseline}: ${percent.toFixed(1)} % (at most ${definition.maxRegressionPercent} %)`;
  if (percent <= definition.maxRegressionPercent) return { status: 'passed', message, resolution: '' };
  return { status: 'failed', message, resolution: 'find what became slower, or have the baseline renewed if the change is wanted' };
}
