/** Targets of rules and schedules: which kinds the local cloud reaches, and how one attempt is made. */
import type { Caller, CloudContext, IamCheck } from '../service.ts';
import { AwsError } from './aws-error.ts';
import { type Delivery, PermanentFailure } from './deliveries.ts';
import { inputProblem, type TargetInput } from './target-input.ts';

export interface Target extends TargetInput {
  Id: string;
  Arn: string;
  RoleArn?: string;
  RetryPolicy?: { MaximumRetryAttempts?: number; MaximumEventAgeInSeconds?: number };
  DeadLetterConfig?: { Arn?: string };
  SqsParameters?: { MessageGroupId?: string };
}

/** The other services, as the kernel connects them. A rejection is an attempt that failed and is made again. */
export interface EventTargets {
  invokeLambda(arn: string, event: unknown): Promise<void>;
  sendToQueue(arn: string, body: string): Promise<void>;
  startExecution(arn: string, input: string): Promise<void>;
  publishToTopic?(arn: string, body: string): Promise<void>;
}

export interface EventBridgeOptions {
  /** Whether a function's resource policy lets `principal` invoke it for `sourceArn` (the rule). Absent: always. */
  permitted?(functionArn: string, principal: string, sourceArn: string): boolean;
}

type Kind = 'lambda' | 'sqs' | 'sns' | 'states' | 'events';

const KNOWN = new Set(['Id', 'Arn', 'RoleArn', 'RetryPolicy', 'DeadLetterConfig', 'Input', 'InputPath', 'InputTransformer']);
const ACTIONS: Record<Kind, string> = {
  lambda: 'lambda:InvokeFunction',
  sqs: 'sqs:SendMessage',
  sns: 'sns:Publish',
  states: 'states:StartExecution',
  events: 'events:PutEvents',
};

/** Kind of a target by its ARN; undefined when the local cloud does not reach it. */
export function targetKind(arn: string): Kind | undefined {
  const [, , service, , , resource] = arn.split(':');
  if (service === 'lambda' && resource === 'function') return 'lambda';
  if (service === 'states' && resource === 'stateMachine') return 'states';
  if (service === 'events' && resource?.startsWith('event-bus/')) return 'events';
  return service === 'sqs' || service === 'sns' ? service : undefined;
}

/** Throws ValidationException, naming what is wrong or not supported. */
export function assertTarget(target: Target): void {
  const refuse = (reason: string): never => {
    throw new AwsError(400, 'ValidationException', `Parameter(s) of target ${target.Id} not valid. Reason: ${reason}`);
  };
  if (typeof target.Id !== 'string' || typeof target.Arn !== 'string') refuse('Id and Arn are required.');
  const unknown = Object.keys(target).filter((key) => !KNOWN.has(key));
  if (unknown.length > 0) refuse(`${unknown.join(', ')} is not supported by the local cloud.`);
  const kind = targetKind(target.Arn) ?? refuse(`Provided Arn is not a target that the local cloud reaches: ${target.Arn}.`);
  if ((kind === 'states' || kind === 'events') && !target.RoleArn) refuse(`RoleArn is required for target ${target.Arn}.`);
  const inputs = [target.Input, target.InputPath, target.InputTransformer].filter((input) => input !== undefined);
  if (inputs.length > 1) refuse('Only one of Input, InputPath, or InputTransformer must be provided.');
  const reason = inputProblem(target);
  if (reason) refuse(reason);
}

/** Makes one attempt. Throws PermanentFailure where another attempt cannot help, any other error where it can. */
export async function attemptTarget(
  context: CloudContext,
  targets: EventTargets,
  options: EventBridgeOptions,
  forward: (event: unknown, busArn: string) => void,
  delivery: Delivery,
): Promise<void> {
  const kind = targetKind(delivery.targetArn);
  if (!kind) throw new PermanentFailure(`no such kind of target: ${delivery.targetArn}`);
  const { roleArn } = delivery;
  if (roleArn) {
    const caller: Caller = { kind: 'role', accessKeyId: '', roleArn, functionName: delivery.sourceArn };
    const check: IamCheck = { action: ACTIONS[kind], resource: delivery.targetArn };
    if (!(await context.allowed(caller, check))) {
      throw new PermanentFailure(`NO_PERMISSIONS: ${roleArn} is not allowed ${check.action} on ${check.resource}`);
    }
  } else if (kind === 'lambda' && options.permitted && !options.permitted(delivery.targetArn, 'events.amazonaws.com', delivery.sourceArn)) {
    throw new PermanentFailure(`NO_PERMISSIONS: the function has no permission for events.amazonaws.com from ${delivery.sourceArn}`);
  }
  if (kind === 'lambda') return targets.invokeLambda(delivery.targetArn, readJson(delivery.payload));
  if (kind === 'sqs') return targets.sendToQueue(delivery.targetArn, delivery.payload);
  if (kind === 'states') {
    readJson(delivery.payload);
    return targets.startExecution(delivery.targetArn, delivery.payload);
  }
  if (kind === 'events') return forward(readJson(delivery.payload), delivery.targetArn);
  if (!targets.publishToTopic) throw new PermanentFailure('the local cloud has no topics');
  return targets.publishToTopic(delivery.targetArn, delivery.payload);
}

function readJson(payload: string): unknown {
  try {
    return JSON.parse(payload) as unknown;
  } catch {
    throw new PermanentFailure('INVALID_JSON: the input made from the template is not JSON');
  }
}
