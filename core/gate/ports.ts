/** What the gates need of the world. */
import type { GateDefinition } from './definition.ts';
import type { GateOutcome, GateSubject } from './gate.ts';

/**
 * Runs one gate. Synchronous gates answer their result; gates that answer later answer `running` and finish through a callback or an event that
 * names `runId`. It never throws for what the gate found: a gate that cannot be evaluated is `errored`.
 */
export interface GateRunner {
  run(definition: GateDefinition, subject: GateSubject, runId: string): Promise<GateOutcome>;
}

/** Gates that only read, and so may be evaluated for a preview. */
export const READ_ONLY_GATES: ReadonlySet<GateDefinition['type']> = new Set(['policy', 'signature', 'vulnerability', 'cost']);
