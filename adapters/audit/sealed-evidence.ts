/** No effect before evidence: waits until what a request recorded is in the locked, signed log. */
import type { LambdaClient } from '@aws-sdk/client-lambda';
import type { Evidence } from '../../core/audit/ports.ts';
import { VARIABLES } from '../../core/environment/variables.ts';
import { Fault } from '../../core/errors.ts';
import type { Clock } from '../../core/promotion/ports.ts';
import { OUTBOX } from '../state/keys.ts';
import { requiredVariable, type Table } from '../state/table.ts';

/** Real time that one call may take; the state machine tries again later. */
const LIMIT_MS = 20_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/** Calls the sealer and waits for its answer. Errors of the function are thrown. */
export type CallSealer = (signal: AbortSignal) => Promise<void>;

/** Function named by the environment variable `SEALER_FUNCTION`. */
function callSealer(): CallSealer {
  let client: LambdaClient | undefined;
  return async (signal) => {
    // Loaded only when something is not sealed yet: the client is 74 kB.
    const { InvokeCommand, LambdaClient } = await import('@aws-sdk/client-lambda');
    client ??= new LambdaClient({ maxAttempts: 2 });
    const command = new InvokeCommand({ FunctionName: requiredVariable(VARIABLES.SEALER_FUNCTION), InvocationType: 'RequestResponse' });
    const answer = await client.send(command, { abortSignal: signal });
    if (answer.FunctionError)
      throw new Error(
        `the sealer failed: ${Buffer.from(answer.Payload ?? [])
          .toString('utf8')
          .slice(0, 500)}`,
      );
  };
}

/**
 * Evidence by the outbox. A row leaves it only in the sealer's last transaction, after batch and checkpoint are stored, and no other role may delete it:
 * a row that is gone is sealed. The sealer takes the events of a request in their order, so when the newest is sealed, all of them are.
 */
export function sealedEvidence(table: Table, _clock: Clock, call: CallSealer = callSealer(), limitMs = LIMIT_MS): Evidence {
  return {
    async seal({ id, lastOutboxKey }) {
      // A head without the key cannot be told to be sealed: refuse rather than guess.
      if (lastOutboxKey === undefined) throw unavailable(id, 'its last event is not known');
      // Real time, not the clock's: what is bounded here is how long the function runs.
      const end = performance.now() + limitMs;
      let pause = FIRST_PAUSE_MS;
      let failure: unknown;
      while (await table.get(OUTBOX, lastOutboxKey)) {
        const left = end - performance.now();
        if (left <= 0) throw unavailable(id, 'its events are not sealed', failure);
        try {
          await call(AbortSignal.timeout(Math.ceil(left)));
        } catch (error) {
          failure = error;
        }
        if (!(await table.get(OUTBOX, lastOutboxKey))) return;
        await new Promise((resolve) => setTimeout(resolve, Math.min(pause, Math.max(0, end - performance.now()))));
        pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
      }
    },
  };
}

function unavailable(id: string, why: string, cause?: unknown): Fault {
  return new Fault('AUDIT_UNAVAILABLE', `${id} may not go on: ${why}`, {
    cause,
    hint: "nothing was changed; it is tried again by itself. If it stays so, look at the sealer's alarm and log: KMS or S3 may be away",
  });
}
