/** What a promotion costs: storage that it adds a month, bytes that it moves once, and replicas that it adds to what runs. */
import type { CostGate } from './definition.ts';
import type { GateOutcome } from './gate.ts';

const GIB = 1024 ** 3;

/** Prices in USD. */
export type Prices = Pick<CostGate, 'usdPerGibMonth' | 'usdPerGibTransfer' | 'usdPerReplicaMonth'>;

/** ECR storage; moving bytes within a region and running pods cost nothing unless the configuration says what. */
export const DEFAULT_PRICES: Prices = { usdPerGibMonth: 0.1, usdPerGibTransfer: 0, usdPerReplicaMonth: 0 };

export interface CostFacts {
  /** That the target registries lack. */
  bytes: number;
  /** That the target runs when this version is there, and more than now. */
  replicas: number;
  addedReplicas: number;
}

export interface CostEstimate {
  storage: number;
  run: number;
  /** Storage and run, each month. */
  monthly: number;
  /** Moving the bytes, once. */
  once: number;
}

export function estimateCost(prices: Prices, { bytes, addedReplicas }: Omit<CostFacts, 'replicas'>): CostEstimate {
  const storage = (bytes / GIB) * prices.usdPerGibMonth;
  const run = addedReplicas * prices.usdPerReplicaMonth;
  return { storage, run, monthly: storage + run, once: (bytes / GIB) * prices.usdPerGibTransfer };
}

/** The month is what is bounded; moving the bytes counts to the first one. */
export function checkCost(definition: CostGate, facts: CostFacts): GateOutcome {
  const { storage, run, monthly, once } = estimateCost(definition, facts);
  const total = monthly + once;
  const parts = [
    `the copy adds ${(facts.bytes / GIB).toFixed(3)} GiB, $${storage.toFixed(2)} a month`,
    ...(definition.usdPerReplicaMonth > 0 ? [`${facts.addedReplicas} more of ${facts.replicas} replicas, $${run.toFixed(2)} a month`] : []),
    ...(once > 0 ? [`$${once.toFixed(2)} once to move it`] : []),
  ];
  const message = `${parts.join('; ')}: $${total.toFixed(2)} in the first month; $${definition.maxMonthlyUsd} are allowed`;
  if (total <= definition.maxMonthlyUsd) return { status: 'passed', message, resolution: '' };
  return { status: 'failed', message, resolution: 'make the image or its workload smaller, or have the limit in greenlight.yaml raised' };
}
