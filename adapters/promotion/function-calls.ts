/** Calls of one function by another, through Lambda. */
import type { LambdaClient } from '@aws-sdk/client-lambda';

let client: LambdaClient | undefined;

/** Asynchronous call without payload: the function looks up itself what there is to do. */
export async function invokeLater(functionName: string): Promise<void> {
  // Loaded when there is something to call: the client is 74 kB.
  const { InvokeCommand, LambdaClient } = await import('@aws-sdk/client-lambda');
  client ??= new LambdaClient({ maxAttempts: 3 });
  await client.send(new InvokeCommand({ FunctionName: functionName, InvocationType: 'Event' }));
}

/** Calls a function and waits for its answer, not longer than the signal allows. Errors of the function are thrown. */
export async function invokeNow<Result>(functionName: string, payload: object, signal: AbortSignal): Promise<Result> {
  const { InvokeCommand, LambdaClient } = await import('@aws-sdk/client-lambda');
  client ??= new LambdaClient({ maxAttempts: 3 });
  const command = new InvokeCommand({ FunctionName: functionName, InvocationType: 'RequestResponse', Payload: JSON.stringify(payload) });
  const { Payload, FunctionError } = await client.send(command, { abortSignal: signal });
  const text = Buffer.from(Payload ?? []).toString('utf8');
  if (FunctionError) throw new Error(`${functionName} failed: ${text.slice(0, 500)}`);
  return JSON.parse(text) as Result;
}
