/** Drives the service through the AWS SDK, as product code does. */
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  type DescribeExecutionOutput,
  GetExecutionHistoryCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { LAMBDA_INVOKE_TOKEN } from '../../../local/step-functions/definition.ts';

export const TOKEN = '{% $states.context.Task.Token %}';

/** ARN of a function of the test account. */
export function functionArn(name: string): string {
  return `arn:aws:lambda:eu-central-1:000000000000:function:${name}`;
}

/** A state that hands its token to the function `notify` and waits. */
export function ask(more: Record<string, unknown> = {}): Record<string, unknown> {
  return { Type: 'Task', Resource: LAMBDA_INVOKE_TOKEN, Arguments: { FunctionName: 'notify', Payload: { token: TOKEN } }, ...more };
}

export class MachineClient {
  readonly sdk: SFNClient;
  #machines = 0;

  constructor(endpoint: string) {
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    this.sdk = new SFNClient({ endpoint, region: 'eu-central-1', credentials, maxAttempts: 1 });
  }

  async create(states: Record<string, unknown>, more: Record<string, unknown> = {}): Promise<string> {
    const definition = JSON.stringify({ QueryLanguage: 'JSONata', StartAt: Object.keys(states)[0], States: states, ...more });
    const roleArn = 'arn:aws:iam::000000000000:role/machine';
    const made = await this.sdk.send(new CreateStateMachineCommand({ name: `machine-${this.#machines++}`, roleArn, definition }));
    return made.stateMachineArn!;
  }

  async start(stateMachineArn: string, input: unknown = {}, name?: string): Promise<string> {
    const started = await this.sdk.send(new StartExecutionCommand({ stateMachineArn, input: JSON.stringify(input), name }));
    return started.executionArn!;
  }

  describe(executionArn: string): Promise<DescribeExecutionOutput> {
    return this.sdk.send(new DescribeExecutionCommand({ executionArn }));
  }

  /** Creates, starts and answers the execution once it has ended. */
  async run(states: Record<string, unknown>, input: unknown = {}, more: Record<string, unknown> = {}): Promise<DescribeExecutionOutput> {
    return this.ended(await this.start(await this.create(states, more), input));
  }

  async ended(executionArn: string): Promise<DescribeExecutionOutput> {
    return until(async () => {
      const described = await this.describe(executionArn);
      return described.status === 'RUNNING' ? undefined : described;
    });
  }

  async history(executionArn: string): Promise<{ id: number; type: string }[]> {
    const { events } = await this.sdk.send(new GetExecutionHistoryCommand({ executionArn, maxResults: 1_000 }));
    return events!.map((event) => ({ ...event, id: event.id!, type: event.type! }));
  }
}

/** Asks again after each turn of the event loop until there is an answer; two minutes at most. */
export async function until<T>(ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (const end = Date.now() + 120_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 5))) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
  }
  throw new Error('waited two minutes in vain');
}
