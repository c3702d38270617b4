/** Runs of the promotion state machine in Step Functions. */
import { SendTaskSuccessCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { requiredVariable } from '../state/table.ts';

export interface Runs {
  /** Starts the run of an attempt; a run that exists already is left alone. */
  start(requestId: string, attempt: number): Promise<void>;
  /** Completes a wait. The payload carries nothing: the run reads the request again. */
  wake(taskToken: string): Promise<void>;
}

/** Answers of Step Functions that mean: that wait is over already. */
const OVER = new Set(['TaskTimedOut', 'TaskDoesNotExist', 'InvalidToken']);

/** State machine named by the environment variable `STATE_MACHINE_ARN`. */
export function stateMachineRuns(client = new SFNClient({ maxAttempts: 5 })): Runs {
  return {
    async start(requestId, attempt) {
      const input = JSON.stringify({ requestId, attempt });
      const command = new StartExecutionCommand({
        stateMachineArn: requiredVariable('STATE_MACHINE_ARN'),
        name: `${requestId}-${attempt}`,
        input,
      });
      await client.send(command).catch((error: Error) => {
        if (error.name !== 'ExecutionAlreadyExists') throw error;
      });
    },
    async wake(taskToken) {
      await client.send(new SendTaskSuccessCommand({ taskToken, output: '{}' })).catch((error: Error) => {
        if (!OVER.has(error.name)) throw error;
      });
    },
  };
}
