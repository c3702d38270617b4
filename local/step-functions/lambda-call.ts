/** The Lambda integration: from the arguments of a task to a call, and from the answer to the result or error of the task. */
import { randomUUID } from 'node:crypto';
import type { Caller, InvokeResult } from '../service.ts';
import type { FunctionCall, Outcome } from './execution-record.ts';
import { payloadText, StateFailure } from './failures.ts';
import type { Run, Step } from './step.ts';

/** Makes the call of a task from its evaluated arguments. Throws StateFailure `States.Runtime` for arguments that the integration does not take. */
export function callOf(step: Step, resource: string, given: unknown): FunctionCall {
  payloadText(given, `The state/task '${step.name}' received arguments`);
  if (resource.startsWith('arn:') && resource.includes(':function:')) return { functionArn: resource, payload: given };
  const { FunctionName: name, Payload: payload, Qualifier, InvocationType: type } = (given ?? {}) as Record<string, unknown>;
  if (typeof name !== 'string' || name === '') throw refused(step, "The field 'FunctionName' is required but was missing");
  if (type !== undefined && type !== 'RequestResponse' && type !== 'Event')
    throw refused(step, `InvocationType ${JSON.stringify(type)} is not supported`);
  const { region, account } = step.context;
  const arn = name.startsWith('arn:') ? name : `arn:aws:lambda:${region}:${account}:function:${name.replace(/^(\d{12}:)?function:/, '')}`;
  return {
    functionArn: typeof Qualifier === 'string' ? `${arn}:${Qualifier}` : arn,
    payload: payload === undefined ? {} : payload,
    ...(type === 'Event' ? { asynchronous: true } : {}),
  };
}

/** Calls the function in the name of the machine's role. Never throws: what goes wrong is the outcome. */
export async function callFunction(run: Run, call: FunctionCall, direct: boolean): Promise<Outcome> {
  const { header } = run.execution;
  const caller: Caller = { kind: 'role', accessKeyId: '', roleArn: header.roleArn, functionName: header.machineName };
  let answer: InvokeResult;
  try {
    if (!(await run.context.allowed(caller, { action: 'lambda:InvokeFunction', resource: call.functionArn }))) return denied(run, call);
    answer = await run.context.invoke(call.functionArn, call.payload, ...(call.asynchronous ? [{ asynchronous: true }] : []));
  } catch (error) {
    const { name, message } = error as Error;
    // Errors of the Lambda service itself, e.g. Lambda.ResourceNotFoundException.
    return { failure: { error: `Lambda.${name === 'Error' ? 'AWSLambdaException' : name}`, cause: `${message} (Service: AWSLambda)` } };
  }
  if (answer.error) {
    const { errorType, errorMessage, trace } = answer.error;
    return { failure: { error: errorType, cause: JSON.stringify({ errorMessage, errorType, ...(trace ? { trace } : {}) }) } };
  }
  const payload = answer.payload === undefined ? null : answer.payload;
  const result = direct ? payload : wrapped(payload, call.asynchronous === true);
  try {
    payloadText(result, `The state/task returned a result`);
  } catch (error) {
    return { failure: { error: (error as StateFailure).error, cause: (error as StateFailure).reason } };
  }
  return { result };
}

function wrapped(payload: unknown, asynchronous: boolean): Record<string, unknown> {
  const metadata = { SdkHttpMetadata: { HttpStatusCode: asynchronous ? 202 : 200 }, SdkResponseMetadata: { RequestId: randomUUID() } };
  if (asynchronous) return { ...metadata, StatusCode: 202 };
  return { ExecutedVersion: '$LATEST', Payload: payload, ...metadata, StatusCode: 200 };
}

function denied(run: Run, call: FunctionCall): Outcome {
  const { roleArn, name } = run.execution.header;
  const session = `${roleArn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/${name}`;
  const cause =
    `User: ${session} is not authorized to perform: lambda:InvokeFunction on resource: ${call.functionArn} because no identity-based policy ` +
    `allows the lambda:InvokeFunction action (Service: AWSLambda; Status Code: 403; Error Code: AccessDeniedException; Request ID: ${randomUUID()})`;
  return { failure: { error: 'Lambda.AWSLambdaException', cause } };
}

function refused(step: Step, why: string): StateFailure {
  return new StateFailure('States.Runtime', `An error occurred while executing the state '${step.name}'. ${why}`);
}
