/** Where events go that failed for good: dead-letter queues, `OnFailure` and `OnSuccess` destinations. */
import type { CloudContext } from '../service.ts';
import type { FunctionDefinition } from './function-definition.ts';

/** Delivers a message to a queue, topic, bus or function. */
export type Deliver = (arn: string, message: unknown) => Promise<void>;

const ACTIONS: Record<string, string> = {
  sqs: 'sqs:SendMessage',
  sns: 'sns:Publish',
  events: 'events:PutEvents',
  lambda: 'lambda:InvokeFunction',
  s3: 's3:PutObject',
};

export class Destinations {
  readonly #context: CloudContext;
  readonly #deliver: Deliver | undefined;

  constructor(context: CloudContext, deliver: Deliver | undefined) {
    this.#context = context;
    this.#deliver = deliver;
  }

  /** Sends in the name of the function's role, which needs the permission. What cannot be delivered is logged and dropped, as AWS does. */
  async send(definition: FunctionDefinition, arn: string, message: unknown): Promise<void> {
    const action = ACTIONS[arn.split(':')[2] ?? ''] ?? '';
    const { accessKeyId } = this.#context.credentialsFor(definition.roleArn, definition.name);
    const caller = { kind: 'role', roleArn: definition.roleArn, functionName: definition.name, accessKeyId } as const;
    try {
      if (!this.#deliver) throw new Error('no destinations are connected');
      if (!(await this.#context.allowed(caller, { action, resource: arn })))
        throw new Error(`${definition.roleArn} may not ${action} on ${arn}`);
      await this.#deliver(arn, message);
    } catch (error) {
      this.#context.log('lambda: a failed event could not be delivered', {
        function: definition.name,
        destination: arn,
        error: String(error),
      });
    }
  }
}
