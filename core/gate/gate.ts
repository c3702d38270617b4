/** A gate: a check of one plan. Its result says what happened and what the requester can do about it. */

export type GateType = 'policy' | 'signature' | 'vulnerability' | 'http' | 'command' | 'performance_baseline' | 'cost';

export type GateStatus = 'pending' | 'running' | 'passed' | 'failed' | 'errored' | 'inconclusive' | 'waived' | 'not_run';

/** Only these let a promotion go on. */
export const COUNTS_AS_PASSED: ReadonlySet<GateStatus> = new Set(['passed', 'waived']);

/** Gates whose result is still to come. */
export const UNSETTLED: ReadonlySet<GateStatus> = new Set(['pending', 'running']);

export interface GateResult {
  name: string;
  type: GateType;
  status: GateStatus;
  /** One sentence for people. Output of foreign programs and servers is attacker-controlled: truncated and stripped before it comes here. */
  message: string;
  /** What to do when it did not pass. */
  resolution: string;
  /** Hash of the gate's definition, as the plan holds it. */
  definitionHash: string;
  startedAt?: string;
  finishedAt?: string;
  /** Identifies this run for callbacks. */
  runId?: string;
  /** What was measured: the next version is compared with it. */
  figures?: Record<string, number>;
}

/** What a gate may look at. It holds facts only; nothing here changes the world. */
export interface GateSubject {
  requestId?: string;
  /** Attempt of that request; absent in previews. */
  attempt?: number;
  tenant: string;
  artifact: string;
  digest: string;
  version: string;
  from: string;
  to: string;
  planHash: string;
  requester: string;
  claims: Record<string, boolean | string>;
}

/** What a gate answers. `running` is for gates that answer later through a callback or an event. */
export type GateOutcome = Pick<GateResult, 'status' | 'message' | 'resolution' | 'figures'>;
