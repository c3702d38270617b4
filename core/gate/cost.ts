/** The monthly price of what a promotion adds to the target registries. */
import type { CostGate } from './definition.ts';
import type { GateOutcome } from './gate.ts';

const GIB = 1024 ** 3;

/** `bytes` that the target registries lack. */
export function checkCost(definition: CostGate, bytes: number): GateOutcome {
  const monthly = (bytes / GIB) * definition.usdPerGibMonth;
  const message = `the copy adds ${(bytes / GIB).toFixed(3)} GiB, $${monthly.toFixed(2)} a month; $${definition.maxMonthlyUsd} are allowed`;
  if (monthly <= definition.maxMonthlyUsd) return { status: 'passed', message, resolution: '' };
  return { status: 'failed', message, resolution: 'make the image smaller, or have the limit in greenlight.yaml raised' };
}
