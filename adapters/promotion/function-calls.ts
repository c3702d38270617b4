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
