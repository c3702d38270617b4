/** Calls of one function by another, through Lambda. */
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';

let client: LambdaClient | undefined;

/** Asynchronous call without payload: the function looks up itself what there is to do. */
export async function invokeLater(functionName: string): Promise<void> {
  client ??= new LambdaClient({ maxAttempts: 3 });
  await client.send(new InvokeCommand({ FunctionName: functionName, InvocationType: 'Event' }));
}
